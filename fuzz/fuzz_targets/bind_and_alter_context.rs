#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kms_testkit::oracles::bind_and_alter_context(data));
