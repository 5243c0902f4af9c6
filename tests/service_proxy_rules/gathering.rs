//! When changes are applied.

use std::time::{Duration, Instant};

use crate::gather::Gather;

const FROM_50_MS_TO_A_SECOND: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_secs(1);

#[test]
fn the_first_application_waits_for_all_inputs_and_for_a_quiet_second() {
    let mut gather = Gather::new(2, false);
    assert_eq!(gather.due(), None);
    gather.hear(0);
    gather.hurry();
    assert_eq!(gather.due(), None);
    let before = Instant::now();
    gather.hear(1);
    assert!(gather.due().unwrap() >= before + Duration::from_secs(1));
    // What has ended says nothing more.
    gather.end(0);
    gather.end(1);
    assert!(gather.due().unwrap() <= Instant::now());
    assert!(gather.has_ended());
}

#[test]
fn later_changes_wait_for_a_moment_and_not_longer_than_a_second() {
    let mut gather = Gather::new(1, false);
    gather.hear(0);
    gather.done();
    assert_eq!(gather.due(), None);
    let before = Instant::now();
    gather.hear(0);
    let first = Instant::now();
    assert!(gather.due().unwrap() >= before + *FROM_50_MS_TO_A_SECOND.start());
    for _ in 0..1000 {
        gather.hear(0);
    }
    assert!(gather.due().unwrap() <= first + *FROM_50_MS_TO_A_SECOND.end());
    gather.hurry();
    assert!(gather.due().unwrap() <= Instant::now());
    gather.done();
    assert_eq!(gather.due(), None);
}

#[test]
fn who_asks_for_one_application_gets_it_at_the_end() {
    let mut gather = Gather::new(2, true);
    gather.hear(0);
    gather.hear(1);
    gather.end(1);
    assert_eq!(gather.due(), None);
    gather.end(0);
    assert!(gather.due().unwrap() <= Instant::now());
}
