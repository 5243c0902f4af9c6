//! Whether a look at `/proc` takes longer than reading the table.

use std::time::{Duration, Instant};

/// The number of services from which on `/proc` can take longer than the table. Up to Linux 7.0,
/// its time grows with the square of the number.
const MANY: usize = 2_000;

/// The number of readings of the table for one look at `/proc`, if that takes longer.
const READINGS: u32 = 50;

/// What is known of the times that a look at `/proc` and a reading of the table take.
#[derive(Debug, Default)]
pub(in crate::ipvs) struct Times {
    /// How long the last look took.
    pub(in crate::ipvs) look: Duration,
    /// How long the last reading took.
    reading: Duration,
    /// The number of services of the last table that was read.
    services: usize,
    /// The number of readings of the table until the next look.
    readings_before_look: u32,
}

impl Times {
    /// Returns true if a look would take longer than reading the table.
    pub(in crate::ipvs) fn avoid_proc(&self) -> bool {
        self.readings_before_look > 0
    }

    /// Enters how long a reading of a table with so many services took. If the last look took
    /// longer, the next readings come without one.
    pub(in crate::ipvs) fn enter_reading(&mut self, services: usize, time: Duration) {
        self.services = services;
        self.reading = time;
        self.readings_before_look = match self.readings_before_look {
            0 if services >= MANY && self.look > time => READINGS,
            before => before.saturating_sub(1),
        };
    }

    /// Returns true if it is known how long reading a table with so many services takes, or if
    /// that does not matter.
    pub(in crate::ipvs) fn are_known(&self, services: usize) -> bool {
        services < MANY || services <= self.services.saturating_mul(2)
    }

    /// Returns the time from which on a look takes longer than reading the table.
    pub(in crate::ipvs) fn look_until(&self, began: Instant) -> Option<Instant> {
        match self.services >= MANY {
            true => began.checked_add(self.reading),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_avoided_where_it_takes_longer() {
        let (short, long) = (Duration::from_millis(1), Duration::from_millis(9));
        let mut times = Times::default();
        for (look, reading, services) in [
            (short, long, 10_000),
            (short, short, 10_000),
            (long, short, 1_999),
        ] {
            times.look = look;
            times.enter_reading(services, reading);
            assert!(!times.avoid_proc());
        }
        times.look = long;
        for _ in 0..READINGS {
            times.enter_reading(10_000, short);
            assert!(times.avoid_proc());
        }
        times.enter_reading(10_000, short);
        assert!(!times.avoid_proc());
    }

    #[test]
    fn a_look_at_many_services_is_given_up_when_a_reading_would_be_done() {
        let (mut times, now) = (Times::default(), Instant::now());
        let reading = Duration::from_millis(5);
        times.enter_reading(1_999, reading);
        assert_eq!(times.look_until(now), None);
        times.enter_reading(2_000, reading);
        assert_eq!(times.look_until(now), Some(now + reading));
    }

    #[test]
    fn a_large_table_is_read_once_before_proc_is_enough() {
        let mut times = Times::default();
        assert!(times.are_known(1_999));
        assert!(!times.are_known(2_000));
        // The table was read when it was empty, before the services were added.
        times.enter_reading(0, Duration::from_millis(1));
        assert!(!times.are_known(10_000));
        times.enter_reading(10_000, Duration::from_millis(1));
        assert!(times.are_known(10_000) && times.are_known(20_000));
        assert!(!times.are_known(20_001));
    }
}
