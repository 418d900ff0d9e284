#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kms_testkit::oracles::encode_decode(data));
