#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kms_testkit::oracles::dns_update_answer(data));
