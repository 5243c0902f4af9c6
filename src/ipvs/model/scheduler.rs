use std::fmt;
use std::str::FromStr;

use super::name::Name;
use crate::{Error, Result};

/// A scheduler, which chooses the server for a new connection. The kernel identifies it by name.
///
/// When a service needs a scheduler that is not loaded, the kernel loads the module
/// `ip_vs_NAME`. Newer kernels have more schedulers. A name without a constant here works too.
///
/// ```
/// use ipvset::ipvs::Scheduler;
///
/// assert_eq!(Scheduler::RoundRobin.as_str(), "rr");
/// assert_eq!("rr".parse::<Scheduler>()?, Scheduler::RoundRobin);
/// assert!(Scheduler::new("longer-than-kernel-allows").is_err()); // at most 15 bytes
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scheduler(Name<15>);

// The constants are written and matched like the variants of an enum.
#[allow(non_upper_case_globals)]
impl Scheduler {
    /// `rr`: one server after the other.
    pub const RoundRobin: Self = Self(Name::literal("rr"));
    /// `wrr`: one server after the other, in proportion to their weights.
    pub const WeightedRoundRobin: Self = Self(Name::literal("wrr"));
    /// `lc`: the server with the fewest connections.
    pub const LeastConnection: Self = Self(Name::literal("lc"));
    /// `wlc`: the server with the fewest connections in relation to its weight. This is the
    /// default of this crate and of `ipvsadm`.
    pub const WeightedLeastConnection: Self = Self(Name::literal("wlc"));
    /// `lblc`: the server that the destination address had before, unless it is overloaded.
    ///
    /// The kernel loads the module of this scheduler, or of `lblcr`, when a service first needs
    /// it. If a network namespace is being removed at that moment, the kernel can deadlock
    /// (observed on Linux 6.1): IPVS waits for the module, the module waits for the namespace,
    /// and the namespace waits for IPVS. On machines where namespaces are removed, load
    /// `ip_vs_lblc` and `ip_vs_lblcr` beforehand.
    pub const LocalityBasedLeastConnection: Self = Self(Name::literal("lblc"));
    /// `lblcr`: like `lblc`, with a set of servers for each destination address.
    pub const LocalityBasedLeastConnectionWithReplication: Self = Self(Name::literal("lblcr"));
    /// `dh`: the server that a hash of the destination address selects.
    pub const DestinationHashing: Self = Self(Name::literal("dh"));
    /// `sh`: the server that a hash of the source address selects. See
    /// [`SchedulerFlags::SH_FALLBACK`] and [`SchedulerFlags::SH_PORT`].
    pub const SourceHashing: Self = Self(Name::literal("sh"));
    /// `mh`: the server that Maglev hashing of the source address selects. Few connections move
    /// when servers change. Needs Linux 4.18 or later. See [`SchedulerFlags::MH_FALLBACK`] and
    /// [`SchedulerFlags::MH_PORT`].
    pub const MaglevHashing: Self = Self(Name::literal("mh"));
    /// `sed`: the server with the shortest expected delay.
    pub const ShortestExpectedDelay: Self = Self(Name::literal("sed"));
    /// `nq`: an idle server, or else the server with the shortest expected delay.
    pub const NeverQueue: Self = Self(Name::literal("nq"));
    /// `fo`: the available server with the highest weight. Needs Linux 3.18 or later.
    pub const WeightedFailover: Self = Self(Name::literal("fo"));
    /// `ovf`: the server with the highest weight among those whose active connections do not exceed
    /// their weight. Needs Linux 4.3 or later. UDP connections are never active, so with UDP no
    /// server overflows.
    pub const WeightedOverflow: Self = Self(Name::literal("ovf"));
    /// `twos`: the better of two random servers. Needs Linux 5.12 or later.
    pub const PowerOfTwoChoices: Self = Self(Name::literal("twos"));
    /// `none`: no scheduler. The service handles only connections that a sync daemon or a
    /// persistence template assigns to a server.
    pub const None: Self = Self(Name::literal("none"));
}

impl Scheduler {
    /// Returns the scheduler with this name.
    ///
    /// This does not check whether the kernel has the scheduler. The kernel does when a service
    /// is added.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the name is empty, has more than 15
    ///   bytes (`IP_VS_SCHEDNAME_MAXLEN`), or contains characters other than visible ASCII ones.
    pub fn new(name: &str) -> Result<Self> {
        Name::new(name)
            .map(Self)
            .map_err(|why| Error::refused("name scheduler", why))
    }

    /// Returns the kernel's name of the scheduler.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the scheduler with a name that the kernel reports.
    pub(in crate::ipvs) fn reported(name: &[u8]) -> Result<Self, crate::wire::Malformed> {
        Name::reported(name, "length of a scheduler's name").map(Self)
    }

    /// Returns the flags that the scheduler uses, or `None` if this crate does not know the
    /// scheduler.
    pub(in crate::ipvs) fn flags(self) -> Option<SchedulerFlags> {
        match self {
            Self::SourceHashing => Some(SchedulerFlags::SH_FALLBACK | SchedulerFlags::SH_PORT),
            Self::MaglevHashing => Some(SchedulerFlags::MH_FALLBACK | SchedulerFlags::MH_PORT),
            Self::RoundRobin
            | Self::WeightedRoundRobin
            | Self::LeastConnection
            | Self::WeightedLeastConnection
            | Self::LocalityBasedLeastConnection
            | Self::LocalityBasedLeastConnectionWithReplication
            | Self::DestinationHashing
            | Self::ShortestExpectedDelay
            | Self::NeverQueue
            | Self::WeightedFailover
            | Self::WeightedOverflow
            | Self::PowerOfTwoChoices
            | Self::None => Some(SchedulerFlags::empty()),
            _ => None,
        }
    }
}

impl Default for Scheduler {
    /// Returns [`Scheduler::WeightedLeastConnection`], the default of `ipvsadm`.
    fn default() -> Self {
        Self::WeightedLeastConnection
    }
}

impl FromStr for Scheduler {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scheduler({})", self.0)
    }
}

bitflags::bitflags! {
    /// Flags for a scheduler.
    ///
    /// There are three bits. Each scheduler has its own meaning for them, and ignores the bits
    /// that it does not use. Bits without a name here are kept if the kernel reports them.
    ///
    /// ```
    /// use ipvset::ipvs::{Scheduler, SchedulerFlags, VirtualService};
    ///
    /// let web = VirtualService::tcp("10.0.0.1:80".parse()?).scheduler(Scheduler::MaglevHashing);
    /// let web = web.scheduler_flags(SchedulerFlags::MH_PORT | SchedulerFlags::MH_FALLBACK);
    /// assert_eq!(web.to_string(), "-t 10.0.0.1:80 -s mh -b mh-fallback,mh-port");
    /// let wrong = web.scheduler(Scheduler::RoundRobin); // it ignores these flags
    /// assert!(wrong.warnings()[0].contains("ignores"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct SchedulerFlags: u32 {
        /// `flag-1`: the first flag. Its meaning depends on the scheduler.
        const FLAG_1 = 0x08;
        /// `flag-2`: the second flag. Its meaning depends on the scheduler.
        const FLAG_2 = 0x10;
        /// `flag-3`: the third flag. Its meaning depends on the scheduler.
        const FLAG_3 = 0x20;
        /// `sh-fallback`: source hashing uses another server if the selected one is not
        /// available. It is the first flag.
        const SH_FALLBACK = 0x08;
        /// `sh-port`: source hashing includes the source port. It is the second flag.
        const SH_PORT = 0x10;
        /// `mh-fallback`: Maglev hashing uses another server if the selected one is not
        /// available. It is the first flag.
        const MH_FALLBACK = 0x08;
        /// `mh-port`: Maglev hashing includes the source port. It is the second flag.
        const MH_PORT = 0x10;
        const _ = !0;
    }
}

impl SchedulerFlags {
    /// Returns these flags with those in `mask` replaced by their values in `flags`.
    pub(in crate::ipvs) fn replaced(self, mask: Self, flags: Self) -> Self {
        self.difference(mask).union(flags.intersection(mask))
    }
}

/// A persistence engine, which identifies clients by the content of their packets instead of
/// their address. The kernel identifies it by name.
///
/// The kernel has one engine, `sip`, which uses the Call-ID of SIP over UDP.
///
/// ```
/// use std::time::Duration;
/// use ipvset::ipvs::{PersistenceEngine, VirtualService};
///
/// let phones = VirtualService::udp("10.0.0.1:5060".parse()?)
///     .persistent(Duration::from_secs(60))
///     .persistence_engine(PersistenceEngine::Sip);
/// assert_eq!(phones.to_string(), "-u 10.0.0.1:5060 -s wlc -p 60 --pe sip");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistenceEngine(Name<16>);

// As in `Scheduler`.
#[allow(non_upper_case_globals)]
impl PersistenceEngine {
    /// `sip`: packets with the same Call-ID of SIP belong together.
    pub const Sip: Self = Self(Name::literal("sip"));
}

impl PersistenceEngine {
    /// Returns the persistence engine with this name.
    ///
    /// This does not check whether the kernel has the engine. The kernel does when a service is
    /// added.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the name is empty, has more than 16
    ///   bytes (`IP_VS_PENAME_MAXLEN`), or contains characters other than visible ASCII ones.
    pub fn new(name: &str) -> Result<Self> {
        Name::new(name)
            .map(Self)
            .map_err(|why| Error::refused("name persistence engine", why))
    }

    /// Returns the kernel's name of the engine.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the engine with a name that the kernel reports.
    pub(in crate::ipvs) fn reported(name: &[u8]) -> Result<Self, crate::wire::Malformed> {
        Name::reported(name, "length of a persistence engine's name").map(Self)
    }
}

impl FromStr for PersistenceEngine {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for PersistenceEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PersistenceEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersistenceEngine({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_has_the_flags_that_it_uses() {
        // The three flags of schedulers are bits 3 to 5 of a service's flags: IP_VS_SVC_F_SCHED1
        // and so on in include/uapi/linux/ip_vs.h.
        let bits = |scheduler: Scheduler| scheduler.flags().map(|it| it.bits());
        assert_eq!(bits(Scheduler::SourceHashing), Some(0x18));
        assert_eq!(bits(Scheduler::MaglevHashing), Some(0x18));
        assert_eq!(bits(Scheduler::WeightedLeastConnection), Some(0));
        assert_eq!(bits(Scheduler::None), Some(0));
        assert_eq!(bits(Scheduler::new("unknown").unwrap()), None);
    }
}
