use std::time::Duration;

/// The types of sysctl values.
///
/// This trait cannot be implemented outside of this crate. A sysctl without a constant is read
/// and written as text.
pub trait Value: Sized + sealed::Sealed {
    #[doc(hidden)]
    const MEANT: &'static str;

    #[doc(hidden)]
    fn read(text: &str) -> Option<Self>;

    #[doc(hidden)]
    fn written(&self) -> String;

    #[doc(hidden)]
    fn check(&self, _: &Limits) -> Result<(), String> {
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// The limits of a value, in addition to those of its type.
#[derive(Debug, Clone, Copy)]
pub enum Limits {
    None,
    /// From the first number to the second, both included.
    Range(i64, i64),
    /// 1, 2, 4 and so on, up to this number.
    PowerOfTwo(u32),
}

impl Limits {
    fn check(&self, value: i64) -> Result<(), String> {
        match *self {
            Self::None => Ok(()),
            Self::Range(low, high) if (low..=high).contains(&value) => Ok(()),
            Self::Range(low, high) => Err(format!("{value} is not from {low} to {high}")),
            Self::PowerOfTwo(high) => match u32::try_from(value) {
                Ok(value) if value.is_power_of_two() && value <= high => Ok(()),
                _ => Err(format!("{value} is not a power of two from 1 to {high}")),
            },
        }
    }
}

macro_rules! number {
    ($type:ty, $meant:literal) => {
        impl sealed::Sealed for $type {}

        impl Value for $type {
            const MEANT: &'static str = $meant;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn written(&self) -> String {
                self.to_string()
            }

            fn check(&self, limits: &Limits) -> Result<(), String> {
                limits.check((*self).into())
            }
        }
    };
}

number!(i32, "a whole number");
number!(u32, "a number");

/// A number whose only limits are those of its type.
impl sealed::Sealed for u64 {}

impl Value for u64 {
    const MEANT: &'static str = "a number";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

/// Read, any number but 0 is true. Written, true is 1.
impl sealed::Sealed for bool {}

impl Value for bool {
    const MEANT: &'static str = "0 or another number";

    fn read(text: &str) -> Option<Self> {
        text.parse::<i64>().ok().map(|number| number != 0)
    }

    fn written(&self) -> String {
        u8::from(*self).to_string()
    }
}

/// Whole seconds.
impl sealed::Sealed for Duration {}

impl Value for Duration {
    const MEANT: &'static str = "a number of seconds";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_secs)
    }

    fn written(&self) -> String {
        self.as_secs().to_string()
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        // The kernel has 31 bits for a number of ticks, of which a second has at most 1000.
        const MAX: Duration = Duration::from_secs(2_147_483);
        if self.subsec_nanos() != 0 || *self > MAX {
            return Err(format!(
                "{self:?} is not a number of whole seconds from 0 to {}",
                MAX.as_secs()
            ));
        }
        Ok(())
    }
}

impl sealed::Sealed for String {}

impl Value for String {
    const MEANT: &'static str = "text";

    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn written(&self) -> String {
        self.clone()
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        match self.contains(['\n', '\0']) {
            true => Err("a value can't contain a line feed or a zero byte".into()),
            false => Ok(()),
        }
    }
}

/// When one of the defences against floods is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum DefenseMode {
    /// 0: never.
    Off,
    /// 1: when memory is short ([`AMEMTHRESH`](super::AMEMTHRESH)); it is not short now.
    Automatic,
    /// 2: as [`DefenseMode::Automatic`], but memory is short now. The kernel changes from either
    /// to the other by itself, so a program may read one after writing the other.
    AutomaticActive,
    /// 3: always.
    Always,
}

impl sealed::Sealed for DefenseMode {}

impl Value for DefenseMode {
    const MEANT: &'static str = "a mode from 0 to 3";

    fn read(text: &str) -> Option<Self> {
        match text {
            "0" => Some(Self::Off),
            "1" => Some(Self::Automatic),
            "2" => Some(Self::AutomaticActive),
            "3" => Some(Self::Always),
            _ => None,
        }
    }

    fn written(&self) -> String {
        (*self as u8).to_string()
    }
}

bitflags::bitflags! {
    /// What happens to a packet that opens a connection with the addresses and ports of one that
    /// the kernel still knows. If no flag is set, the packet goes to the old connection's server.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct ConnectionReuse: u32 {
        /// 1: IPVS chooses a new server if the old one is gone
        /// ([`EXPIRE_NODEST_CONN`](super::EXPIRE_NODEST_CONN)) or the old connection is in
        /// TIME_WAIT.
        const RESCHEDULE = 1;
        /// 2: as 1, and also if the old connection is in FIN_WAIT, which is the last state that
        /// IPVS sees with direct routing.
        const FIN_WAIT = 2;
        const _ = !0;
    }
}

impl sealed::Sealed for ConnectionReuse {}

impl Value for ConnectionReuse {
    const MEANT: &'static str = "a number";

    fn read(text: &str) -> Option<Self> {
        text.parse::<i32>()
            .ok()
            .map(|it| Self::from_bits_retain(it as u32))
    }

    fn written(&self) -> String {
        (self.bits() as i32).to_string()
    }
}

/// The packets of a connection after which a master sends it to the backups: those whose number,
/// modulo the period, is the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct SyncThreshold {
    /// The number of the first of these packets. It is less than the period, unless the period
    /// is 0.
    pub threshold: u32,
    /// The number of packets from one of them to the next. With 0 there is only one, and the
    /// master sends the connection again when its state changes or
    /// [`SYNC_REFRESH_PERIOD`](super::SYNC_REFRESH_PERIOD) has passed.
    pub period: u32,
}

impl sealed::Sealed for SyncThreshold {}

impl Value for SyncThreshold {
    const MEANT: &'static str = "two numbers";

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(threshold)), Some(Ok(period)), None) => Some(Self { threshold, period }),
            _ => None,
        }
    }

    fn written(&self) -> String {
        format!("{} {}", self.threshold, self.period)
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        const MAX: u32 = i32::MAX as u32;
        let Self { threshold, period } = *self;
        if threshold > MAX || period > MAX || (period != 0 && threshold >= period) {
            return Err(format!(
                "threshold {threshold} with period {period}: the threshold must be less than the \
                 period, unless the period is 0, and both are at most {MAX}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        fn same<T: Value + PartialEq + std::fmt::Debug>(value: T, text: &str) {
            assert_eq!(value.written(), text);
            assert_eq!(T::read(text), Some(value));
        }
        same(true, "1");
        same(false, "0");
        same(-20, "-20");
        same(4_294_967_295u32, "4294967295");
        same(u64::MAX, "18446744073709551615");
        same(Duration::from_secs(86400), "86400");
        same("0-3,5".to_string(), "0-3,5");
        same(DefenseMode::Off, "0");
        same(DefenseMode::Automatic, "1");
        same(DefenseMode::AutomaticActive, "2");
        same(DefenseMode::Always, "3");
        same(ConnectionReuse::all(), "-1");
        let (threshold, period) = (3, 50);
        same(SyncThreshold { threshold, period }, "3 50");
        assert_eq!(bool::read("-7"), Some(true));
        assert_eq!(SyncThreshold::read("3\t50"), SyncThreshold::read("3 50"));
        for wrong in ["", "x", "4", "1 2 3"] {
            assert_eq!(DefenseMode::read(wrong), None);
            assert_eq!(SyncThreshold::read(wrong), None);
        }
    }

    #[test]
    fn refusals_say_value_and_limit() {
        assert_eq!(
            19.check(&Limits::Range(-20, 18)),
            Err("19 is not from -20 to 18".into())
        );
        (-20).check(&Limits::Range(-20, 18)).unwrap();
        for wrong in [0u32, 3, 128] {
            let why = wrong.check(&Limits::PowerOfTwo(64)).unwrap_err();
            assert_eq!(why, format!("{wrong} is not a power of two from 1 to 64"));
        }
        64u32.check(&Limits::PowerOfTwo(64)).unwrap();
        let check = |threshold, period| SyncThreshold { threshold, period }.check(&Limits::None);
        check(0, 1).unwrap();
        check(5, 0).unwrap();
        assert!(check(50, 50).unwrap_err().contains("period 50"));
        assert!(check(0, 1 << 31).is_err());
        assert!(check(1 << 31, 0).is_err());
        let most = i32::MAX as u32;
        check(most, 0).unwrap();
        check(most - 1, most).unwrap();
        let longest = Duration::from_secs(2_147_483);
        longest.check(&Limits::None).unwrap();
        let longer = longest + Duration::from_secs(1);
        assert!(longer.check(&Limits::None).is_err());
        Duration::ZERO.check(&Limits::None).unwrap();
        assert!(Duration::from_millis(1).check(&Limits::None).is_err());
        assert!(Duration::MAX.check(&Limits::None).is_err());
        assert!("a\nb".to_string().check(&Limits::None).is_err());
    }
}
