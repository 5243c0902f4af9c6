#![no_main]

mod limits;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| limits::run(ipvset::fuzzing::set_plan, bytes));
