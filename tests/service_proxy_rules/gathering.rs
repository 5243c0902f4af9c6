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
    gather.end(0, false);
    gather.end(1, false);
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
    gather.end(1, false);
    assert_eq!(gather.due(), None);
    gather.end(0, false);
    assert!(gather.due().unwrap() <= Instant::now());
}

#[test]
fn nothing_is_applied_until_every_input_has_said_everything() {
    // Whether it is all that an input said, and what.
    type Said = fn(&mut Gather);
    let cases: [(bool, Said); 7] = [
        (false, |_| {}),
        (true, |it| it.hear(1)),
        (false, |it| it.list_begins(1)),
        (true, |it| {
            it.list_begins(1);
            it.list_ends(1);
        }),
        (false, |it| {
            it.list_begins(1);
            it.hear(1);
        }),
        (false, |it| {
            it.hear(1);
            it.end(1, true);
        }),
        (false, |it| it.end(1, false)),
    ];
    for (place, (is_all, said)) in cases.into_iter().enumerate() {
        for ends in [false, true] {
            let mut gather = Gather::new(2, false);
            gather.hear(0);
            said(&mut gather);
            assert_eq!(gather.missing().next().is_none(), is_all, "{place}");
            assert_eq!(gather.due().is_some(), is_all, "{place}");
            // The end of the others is told at once, but nothing is applied.
            if ends {
                gather.end(0, false);
                assert_eq!(gather.missing().next().is_none(), is_all, "{place}");
            }
            gather.skip();
            gather.hurry();
            assert_eq!(gather.due(), None, "{place}");
        }
    }
    // Later, a list that has begun does not hold the others up.
    let mut gather = Gather::new(1, false);
    gather.hear(0);
    gather.done();
    gather.list_begins(0);
    assert!(gather.due().is_some());
    assert_eq!(gather.missing().next(), None);
}
