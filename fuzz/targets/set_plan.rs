#![no_main]

// What it holds depends on the seed, not on the length of the input.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ipvset::fuzzing::set_plan(bytes));
