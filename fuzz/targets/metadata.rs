#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| session_service::fuzzing::metadata(input));
