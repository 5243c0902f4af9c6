use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::key::{Family, Protocol, ServiceKey};
use super::persistence::Persistence;
use super::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::message::uapi::service::OWN_FLAGS;
use crate::{Error, Result};

/// A virtual service as it is configured: an address and port (or a firewall mark) that clients
/// connect to, and how connections are spread over its servers.
///
/// What the kernel reports of one, with its counters, is a [`ServiceInfo`](crate::ipvs::ServiceInfo).
///
/// ```
/// use std::time::Duration;
/// use ipvset::ipvs::{Scheduler, VirtualService};
///
/// let web = VirtualService::tcp("10.100.100.100:8080".parse()?)
///     .scheduler(Scheduler::RoundRobin)
///     .persistent(Duration::from_secs(300));
/// assert_eq!(web.to_string(), "-t 10.100.100.100:8080 -s rr -p 300");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct VirtualService {
    /// Which service it is.
    pub key: ServiceKey,
    /// How it chooses a server. At first [`Scheduler::WeightedLeastConnection`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub scheduler: Scheduler,
    /// What the scheduler is told beside its name. At first nothing.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "SchedulerFlags::is_empty")
    )]
    pub scheduler_flags: SchedulerFlags,
    /// Whether, how long and for whom connections stay with the server of the first. At first
    /// they don't.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub persistence: Option<Persistence>,
    /// Who tells connections apart for persistence, if not addresses and ports alone.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub persistence_engine: Option<PersistenceEngine>,
    /// Each packet is scheduled on its own. At first it is not.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub one_packet: bool,
}

impl VirtualService {
    /// A service with this key, scheduled by weighted least connection.
    pub fn new(key: impl Into<ServiceKey>) -> Self {
        Self {
            key: key.into(),
            scheduler: Scheduler::default(),
            scheduler_flags: SchedulerFlags::empty(),
            persistence: None,
            persistence_engine: None,
            one_packet: false,
        }
    }

    /// A TCP service.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::tcp(address))
    }

    /// A UDP service.
    pub fn udp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::udp(address))
    }

    /// An SCTP service.
    pub fn sctp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::sctp(address))
    }

    /// The service for the packets of a family that a firewall rule put this mark on.
    pub fn firewall_mark(mark: NonZeroU32, family: Family) -> Self {
        Self::new(ServiceKey::firewall_mark(mark, family))
    }

    /// Sets how the service chooses a server.
    #[must_use]
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.scheduler = scheduler;
        self
    }

    /// Sets what the scheduler is told beside its name.
    #[must_use]
    pub fn scheduler_flags(mut self, flags: SchedulerFlags) -> Self {
        self.scheduler_flags = flags;
        self
    }

    /// Keeps a client at the server of its first connection until none of its connections was
    /// there for `timeout`: whole seconds, 1 to 4,294,967
    /// ([`Persistence::MAX_TIMEOUT`](crate::ipvs::Persistence::MAX_TIMEOUT)).
    #[must_use]
    pub fn persistent(mut self, timeout: Duration) -> Self {
        self.persistence = Some(match self.persistence {
            Some(persistence) => persistence.with_timeout(timeout),
            None => Persistence::new(timeout, self.key.family()),
        });
        self
    }

    /// Treats all clients of a network as one for persistence: `prefix` is the length of their
    /// common prefix, 0 to 32 for IPv4, 1 to 128 for IPv6. At first each address is a client of
    /// its own (32, 128).
    ///
    /// A service that is not persistent yet becomes so, with `ipvsadm`'s 360 seconds.
    #[must_use]
    pub fn persistence_granularity(mut self, prefix: u8) -> Self {
        let family = self.key.family();
        self.persistence = Some(self.persistence_or_default().with_prefix(prefix, family));
        self
    }

    /// The same for IPv4 as a mask, which need not be a prefix's.
    #[must_use]
    pub fn persistence_mask(mut self, mask: Ipv4Addr) -> Self {
        self.persistence = Some(self.persistence_or_default().with_mask(mask));
        self
    }

    fn persistence_or_default(&self) -> Persistence {
        self.persistence
            .unwrap_or_else(|| Persistence::new(Persistence::DEFAULT_TIMEOUT, self.key.family()))
    }

    /// Sets who tells connections apart for persistence.
    #[must_use]
    pub fn persistence_engine(mut self, engine: PersistenceEngine) -> Self {
        self.persistence_engine = Some(engine);
        self
    }

    /// Schedules each packet on its own instead of remembering a connection: for UDP (and a
    /// firewall mark on UDP packets) only.
    #[must_use]
    pub fn one_packet(mut self) -> Self {
        self.one_packet = true;
        self
    }

    /// Whether the kernel takes the service.
    ///
    /// The handles ask this before they send anything. What only the kernel can know, such as
    /// whether it has the scheduler, is not looked at. What the kernel takes although it makes
    /// no sense is for [`VirtualService::warnings`]: a service that was read can always be
    /// written back.
    ///
    /// # Errors
    /// Invalid input, with the value and its limit, for:
    /// - bits of [`SchedulerFlags`] that are the service's own and no scheduler's,
    /// - a persistence timeout that is no whole number of seconds or has more than 32 bits, and
    ///   a granularity that its family does not have,
    /// - an IPv6 address with a scope, which the kernel has no field for.
    pub fn validate(&self) -> Result<()> {
        self.check()
            .map_err(|why| Error::refused("check service", why).object(self.key))
    }

    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        self.key.check()?;
        check_flags(self.scheduler_flags)?;
        match &self.persistence {
            Some(persistence) => persistence.check(self.key.family()),
            None => Ok(()),
        }
    }

    /// What the kernel takes, but ignores or carries out as nobody would want it, one sentence
    /// each:
    /// - a protocol other than TCP, UDP and SCTP,
    /// - port 0 without persistence: no connection is scheduled,
    /// - one-packet scheduling on anything but UDP and firewall marks,
    /// - scheduler flags that the scheduler is known to ignore,
    /// - a persistence timeout of 0, or above
    ///   [`Persistence::MAX_TIMEOUT`](crate::ipvs::Persistence::MAX_TIMEOUT),
    /// - a persistence engine without persistence.
    ///
    /// ```
    /// use ipvset::ipvs::VirtualService;
    ///
    /// let every_port = VirtualService::tcp("10.0.0.1:0".parse()?);
    /// every_port.validate()?;
    /// for warning in every_port.warnings() {
    ///     eprintln!("{}: {warning}", every_port.key); // port 0 is every port, which needs …
    /// }
    /// # assert_eq!(every_port.warnings().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let ServiceKey::Address {
            protocol, address, ..
        } = self.key
        {
            if ![Protocol::TCP, Protocol::UDP, Protocol::SCTP].contains(&protocol) {
                warnings.push(format!(
                    "IPVS balances TCP (6), UDP (17) and SCTP (132), not protocol {protocol}"
                ));
            }
            if address.port() == 0 && self.persistence.is_none() {
                let why = "port 0 is every port, which needs persistence: without it, no \
                           connection is scheduled";
                warnings.push(why.into());
            }
            if self.one_packet && protocol != Protocol::UDP {
                warnings.push(format!(
                    "one-packet scheduling is for UDP and firewall marks, not for {protocol}"
                ));
            }
        }
        warnings.extend(ignored_flags(self.scheduler, self.scheduler_flags));
        match &self.persistence {
            Some(persistence) => warnings.extend(persistence.warning()),
            None if self.persistence_engine.is_some() => {
                warnings.push("a persistence engine does nothing without persistence".into());
            }
            None => {}
        }
        warnings
    }
}

/// Refuses flags that are no scheduler's.
pub(in crate::ipvs) fn check_flags(flags: SchedulerFlags) -> Result<(), String> {
    match flags.bits() & OWN_FLAGS {
        0 => Ok(()),
        others => Err(format!(
            "the flags {others:#x} are no scheduler's but the service's own: persistence and \
             one-packet scheduling set them"
        )),
    }
}

/// Which flags the scheduler is known to ignore.
fn ignored_flags(scheduler: Scheduler, flags: SchedulerFlags) -> Option<String> {
    let known = scheduler.flags()?;
    let unknown = flags.difference(known);
    if unknown.is_empty() {
        return None;
    }
    let bits = unknown.bits();
    Some(if known.is_empty() {
        format!("the scheduler {scheduler} has no flags, and ignores {bits:#x}")
    } else {
        format!(
            "the scheduler {scheduler} has the flags {:#x} (fallback, port), and ignores {bits:#x}",
            known.bits()
        )
    })
}

impl From<&VirtualService> for ServiceKey {
    fn from(service: &VirtualService) -> Self {
        service.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(service: VirtualService) -> String {
        let error = service.validate().unwrap_err();
        assert!(error.is_invalid_input());
        error.to_string()
    }

    fn tcp() -> VirtualService {
        VirtualService::tcp("10.0.0.1:80".parse().unwrap())
    }

    fn udp6() -> VirtualService {
        VirtualService::udp("[fd00::1]:53".parse().unwrap())
    }

    /// What is accepted without a word.
    fn expect_no_warning(service: &VirtualService) {
        service.validate().unwrap();
        assert_eq!(service.warnings(), [""; 0]);
    }

    /// The one warning about what is accepted.
    fn warning(service: &VirtualService) -> String {
        service.validate().unwrap();
        let [warning] = &service.warnings()[..] else {
            panic!("{:?}", service.warnings());
        };
        warning.clone()
    }

    #[test]
    fn what_the_kernel_takes_and_what_works() {
        expect_no_warning(&tcp());
        expect_no_warning(&udp6().one_packet());
        let mark = VirtualService::firewall_mark(NonZeroU32::MAX, Family::Ipv6);
        expect_no_warning(&mark.one_packet().persistence_granularity(64));
        let every_port = VirtualService::tcp("10.0.0.1:0".parse().unwrap());
        expect_no_warning(&every_port.persistent(Duration::from_secs(1)));
        let flags = SchedulerFlags::SH_PORT | SchedulerFlags::SH_FALLBACK;
        expect_no_warning(
            &tcp()
                .scheduler(Scheduler::SourceHashing)
                .scheduler_flags(flags),
        );
        let unknown = tcp().scheduler(Scheduler::new("unheard-of").unwrap());
        expect_no_warning(&unknown.scheduler_flags(SchedulerFlags::FLAG_3));
    }

    #[test]
    fn what_the_kernel_takes_and_what_makes_no_sense_is_a_warning() {
        let port = VirtualService::tcp("10.0.0.1:0".parse().unwrap());
        assert_eq!(
            warning(&port),
            "port 0 is every port, which needs persistence: without it, no connection is \
             scheduled"
        );
        assert!(warning(&tcp().one_packet()).contains("not for TCP"));
        let flags = tcp().scheduler_flags(SchedulerFlags::SH_PORT);
        assert!(warning(&flags).contains("wlc has no flags, and ignores 0x10"));
        let flags = tcp()
            .scheduler(Scheduler::MaglevHashing)
            .scheduler_flags(SchedulerFlags::FLAG_3);
        assert!(warning(&flags).contains("ignores 0x20"));
        let key = ServiceKey::address(Protocol::from_number(50), "10.0.0.1:80".parse().unwrap());
        assert!(warning(&VirtualService::new(key)).contains("protocol 50"));
        let engine = tcp().persistence_engine(PersistenceEngine::Sip);
        assert!(warning(&engine).contains("without persistence"));
        assert!(warning(&tcp().persistent(Duration::ZERO)).contains("0 s"));
        let long = Duration::from_secs(4_294_968);
        assert!(warning(&tcp().persistent(long)).contains("4294967"));
    }

    #[test]
    fn what_is_refused_says_value_and_limit() {
        let flags = tcp()
            .scheduler(Scheduler::new("unheard-of").unwrap())
            .scheduler_flags(SchedulerFlags::from_bits_retain(0x1));
        assert!(refusal(flags).contains("0x1 are no scheduler's"));
        let scope = VirtualService::tcp("[fe80::1%2]:80".parse().unwrap());
        assert!(refusal(scope).contains("scope"));
    }

    #[test]
    fn persistence_has_the_kernels_limits() {
        for seconds in [1, 3_456_000, 4_294_967] {
            expect_no_warning(&tcp().persistent(Duration::from_secs(seconds)));
        }
        for wrong in [
            Duration::from_millis(1500),
            Duration::from_secs(1 << 32),
            Duration::MAX,
        ] {
            let why = refusal(tcp().persistent(wrong));
            assert!(why.contains("4294967295"), "{why}");
        }
        assert!(refusal(tcp().persistence_granularity(33)).contains("33"));
        assert!(refusal(udp6().persistence_granularity(0)).contains("1 to 128"));
        assert!(refusal(udp6().persistence_granularity(129)).contains("129"));
        assert!(refusal(udp6().persistence_mask(Ipv4Addr::BROADCAST)).contains("IPv6"));
    }

    #[test]
    fn granularity_and_timeout_in_any_order() {
        let timeout = Duration::from_secs(60);
        let one = tcp().persistent(timeout).persistence_granularity(24);
        let other = tcp().persistence_granularity(24).persistent(timeout);
        assert_eq!(one, other);
        let mask = tcp()
            .persistence_mask(Ipv4Addr::new(255, 255, 255, 0))
            .persistent(timeout);
        assert_eq!(one, mask);
    }
}
