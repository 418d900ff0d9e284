#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kms_testkit::oracles::stream_in_chunks(data));
