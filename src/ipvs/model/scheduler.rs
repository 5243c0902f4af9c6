use std::fmt;
use std::str::FromStr;

use super::name::Name;
use crate::{Error, Result};

/// How a virtual service chooses the server for a new connection, by the kernel's name for it.
///
/// The kernel loads the module `ip_vs_NAME` when a service asks for a scheduler that is not
/// there yet, and knows more of them as it grows: a name that has no constant here works too.
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

// They read like the variants of an enum, and are matched like them.
#[allow(non_upper_case_globals)]
impl Scheduler {
    /// `rr`: one server after the other.
    pub const RoundRobin: Self = Self(Name::literal("rr"));
    /// `wrr`: one after the other, in proportion to their weights.
    pub const WeightedRoundRobin: Self = Self(Name::literal("wrr"));
    /// `lc`: the server with the fewest connections.
    pub const LeastConnection: Self = Self(Name::literal("lc"));
    /// `wlc`: the server with the fewest connections for its weight. What `ipvsadm` takes when
    /// none is named, and this crate too.
    pub const WeightedLeastConnection: Self = Self(Name::literal("wlc"));
    /// `lblc`: the server that the destination address had before, unless it is overloaded.
    ///
    /// The kernel loads a scheduler's module when a service first asks for it. With this one and
    /// the next, Linux (seen on 6.1) can come to a stand at that moment if a network namespace is
    /// being removed: IPVS waits for the module, the module for the namespace, and the namespace
    /// for IPVS. Programs on machines where namespaces come and go load `ip_vs_lblc` and
    /// `ip_vs_lblcr` beforehand.
    pub const LocalityBasedLeastConnection: Self = Self(Name::literal("lblc"));
    /// `lblcr`: the same with a set of servers for each destination address.
    pub const LocalityBasedLeastConnectionWithReplication: Self = Self(Name::literal("lblcr"));
    /// `dh`: by a hash of the destination address.
    pub const DestinationHashing: Self = Self(Name::literal("dh"));
    /// `sh`: by a hash of the source address; see [`SchedulerFlags::SH_FALLBACK`] and
    /// [`SchedulerFlags::SH_PORT`].
    pub const SourceHashing: Self = Self(Name::literal("sh"));
    /// `mh`: Maglev hashing of the source address, which moves few connections when servers
    /// change (Linux 4.18); see [`SchedulerFlags::MH_FALLBACK`] and
    /// [`SchedulerFlags::MH_PORT`].
    pub const MaglevHashing: Self = Self(Name::literal("mh"));
    /// `sed`: the server with the shortest expected delay.
    pub const ShortestExpectedDelay: Self = Self(Name::literal("sed"));
    /// `nq`: an idle server, else the one with the shortest expected delay.
    pub const NeverQueue: Self = Self(Name::literal("nq"));
    /// `fo`: the available server with the highest weight (Linux 3.18).
    pub const WeightedFailover: Self = Self(Name::literal("fo"));
    /// `ovf`: the server with the highest weight that has no more active connections than its
    /// weight (Linux 4.3). UDP's are never active, so that it never overflows for them.
    pub const WeightedOverflow: Self = Self(Name::literal("ovf"));
    /// `twos`: the better of two random servers (Linux 5.12).
    pub const PowerOfTwoChoices: Self = Self(Name::literal("twos"));
    /// `none`: no scheduler; only connections that a sync daemon or a persistence template
    /// knows are served.
    pub const None: Self = Self(Name::literal("none"));
}

impl Scheduler {
    /// The scheduler with this name.
    ///
    /// # Errors
    /// Invalid input for a name that the kernel can't take: an empty one, one of more than 15
    /// bytes (`IP_VS_SCHEDNAME_MAXLEN`), or one with other characters than visible ASCII ones.
    /// Whether the kernel has it shows when a service is added.
    pub fn new(name: &str) -> Result<Self> {
        Name::new(name)
            .map(Self)
            .map_err(|why| Error::refused("name scheduler", why))
    }

    /// The kernel's name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(in crate::ipvs) fn reported(name: &[u8]) -> Result<Self, crate::wire::Malformed> {
        Name::reported(name, "length of a scheduler's name").map(Self)
    }

    /// The flags that it knows, if it is one whose flags are known.
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
    /// [`Scheduler::WeightedLeastConnection`], as in `ipvsadm`.
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
    /// What a scheduler is told beside its name. Each scheduler has its own meaning for the
    /// same three bits, and ignores those that it does not know.
    ///
    /// Bits that the kernel reports and that have no name here are kept.
    ///
    /// ```
    /// use ipvset::ipvs::{Scheduler, SchedulerFlags, VirtualService};
    ///
    /// let web = VirtualService::tcp("10.0.0.1:80".parse()?).scheduler(Scheduler::MaglevHashing);
    /// let web = web.scheduler_flags(SchedulerFlags::MH_PORT | SchedulerFlags::MH_FALLBACK);
    /// assert_eq!(web.to_string(), "-t 10.0.0.1:80 -s mh -b mh-fallback,mh-port");
    /// let wrong = web.scheduler(Scheduler::RoundRobin); // which would ignore them
    /// assert!(wrong.warnings()[0].contains("ignores"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct SchedulerFlags: u32 {
        /// `flag-1`: the first flag, whatever the scheduler takes it for.
        const FLAG_1 = 0x08;
        /// `flag-2`: the second flag, whatever the scheduler takes it for.
        const FLAG_2 = 0x10;
        /// `flag-3`: the third flag, whatever the scheduler takes it for.
        const FLAG_3 = 0x20;
        /// `sh-fallback`: source hashing goes on to another server when the one that the hash
        /// gives is not available. The first flag.
        const SH_FALLBACK = 0x08;
        /// `sh-port`: source hashing counts the source port in. The second flag.
        const SH_PORT = 0x10;
        /// `mh-fallback`: Maglev hashing goes on to another server when the one that the hash
        /// gives is not available. The first flag.
        const MH_FALLBACK = 0x08;
        /// `mh-port`: Maglev hashing counts the source port in. The second flag.
        const MH_PORT = 0x10;
        const _ = !0;
    }
}

/// Who tells connections apart where address and port do not suffice, by the kernel's name.
/// The kernel has one, `sip`, which looks at the Call-ID of SIP over UDP.
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
    /// `sip`: by the Call-ID of SIP.
    pub const Sip: Self = Self(Name::literal("sip"));
}

impl PersistenceEngine {
    /// The engine with this name.
    ///
    /// # Errors
    /// Invalid input for a name that the kernel can't take: an empty one, one of more than 16
    /// bytes (`IP_VS_PENAME_MAXLEN`), or one with other characters than visible ASCII ones.
    pub fn new(name: &str) -> Result<Self> {
        Name::new(name)
            .map(Self)
            .map_err(|why| Error::refused("name persistence engine", why))
    }

    /// The kernel's name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

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
