#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kms_testkit::oracles::client_connection(data));
