//! The property tests of plans, with values that are made of any bytes.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::properties::{check_plan, check_rounds, program, rounds};

/// Any program brings any table to what it wants, whatever fails and whoever else writes: no
/// service is empty on the way, nothing outside of its scope is touched, and its drains end.
///
/// The first 32 bytes are the seed of everything. proptest can also take its numbers from the
/// bytes themselves, but strategies do not end if they run out of them.
pub fn plan(bytes: &[u8]) {
    let mut seed = [0; 32];
    let length = bytes.len().min(seed.len());
    seed[..length].copy_from_slice(&bytes[..length]);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let values = (program(), rounds()).new_tree(&mut runner);
    let ((kernel, program), rounds) = values.unwrap().current();
    check_plan(kernel.clone(), program.clone()).unwrap();
    check_rounds(kernel, program, rounds).unwrap();
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    (0..4).map(|seed| vec![seed; 32]).collect()
}
