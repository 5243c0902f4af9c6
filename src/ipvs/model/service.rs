use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::key::ServiceKey;
use super::persistence::Persistence;
use super::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::message::uapi::service::OWN_FLAGS;
use crate::{Error, Result};
use crate::{Family, Protocol};

/// The configuration of a virtual service: an address and port (or a firewall mark) that clients
/// connect to, and how IPVS distributes the connections to the servers.
///
/// The kernel reports a service with its counters as a
/// [`ServiceInfo`](crate::ipvs::ServiceInfo). Its `config` equals the `VirtualService` that was
/// added.
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
    /// The protocol, address and port, or the firewall mark, which identify the service.
    pub key: ServiceKey,
    /// The scheduler, which chooses a server for each new connection. The default is
    /// [`Scheduler::WeightedLeastConnection`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub scheduler: Scheduler,
    /// The flags of the scheduler. The default is none.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "SchedulerFlags::is_empty")
    )]
    pub scheduler_flags: SchedulerFlags,
    /// The persistence: how long new connections of a client go to the same server. The default
    /// is `None`: each connection may go to another server.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub persistence: Option<Persistence>,
    /// The persistence engine, which identifies a client by the content of its packets. The
    /// default is `None`: the client's address identifies it.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub persistence_engine: Option<PersistenceEngine>,
    /// Whether each packet is scheduled on its own. The default is `false`.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub one_packet: bool,
}

impl VirtualService {
    /// Returns a service with this key and the default of every option.
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

    /// Returns a TCP service.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::tcp(address))
    }

    /// Returns a UDP service.
    pub fn udp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::udp(address))
    }

    /// Returns an SCTP service.
    pub fn sctp(address: SocketAddr) -> Self {
        Self::new(ServiceKey::sctp(address))
    }

    /// Returns the service for packets of a family that carry a firewall mark.
    pub fn firewall_mark(mark: NonZeroU32, family: Family) -> Self {
        Self::new(ServiceKey::firewall_mark(mark, family))
    }

    /// Sets the scheduler.
    #[must_use]
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.scheduler = scheduler;
        self
    }

    /// Sets the flags of the scheduler.
    #[must_use]
    pub fn scheduler_flags(mut self, flags: SchedulerFlags) -> Self {
        self.scheduler_flags = flags;
        self
    }

    /// Makes the service persistent: a client stays with the server of its first connection until
    /// it has had no connection to it for `timeout`.
    ///
    /// The timeout is in whole seconds, 1 to 4,294,967
    /// ([`Persistence::MAX_TIMEOUT`](crate::ipvs::Persistence::MAX_TIMEOUT)).
    #[must_use]
    pub fn persistent(mut self, timeout: Duration) -> Self {
        self.persistence = Some(match self.persistence {
            Some(persistence) => persistence.with_timeout(timeout),
            None => Persistence::new(timeout, self.key.family()),
        });
        self
    }

    /// Makes all clients of a network count as one for persistence.
    ///
    /// `prefix` is the length of their common prefix: 0 to 32 for IPv4, 1 to 128 for IPv6. The
    /// default is 32 or 128: each address is a client of its own. A service that is not persistent
    /// becomes persistent, with a timeout of 360 seconds, the default of `ipvsadm`.
    #[must_use]
    pub fn persistence_granularity(mut self, prefix: u8) -> Self {
        let family = self.key.family();
        self.persistence = Some(self.persistence_or_default().with_prefix(prefix, family));
        self
    }

    /// Makes IPv4 clients count as one for persistence if their addresses under this mask are the
    /// same.
    ///
    /// The mask need not be a prefix. A service that is not persistent becomes persistent, with a
    /// timeout of 360 seconds, the default of `ipvsadm`.
    #[must_use]
    pub fn persistence_mask(mut self, mask: Ipv4Addr) -> Self {
        self.persistence = Some(self.persistence_or_default().with_mask(mask));
        self
    }

    fn persistence_or_default(&self) -> Persistence {
        self.persistence
            .unwrap_or_else(|| Persistence::new(Persistence::DEFAULT_TIMEOUT, self.key.family()))
    }

    /// Sets the persistence engine, which identifies a client by the content of its packets.
    #[must_use]
    pub fn persistence_engine(mut self, engine: PersistenceEngine) -> Self {
        self.persistence_engine = Some(engine);
        self
    }

    /// Makes IPVS schedule each packet on its own instead of remembering connections.
    ///
    /// This works only for UDP, and for a firewall mark on UDP packets.
    #[must_use]
    pub fn one_packet(mut self) -> Self {
        self.one_packet = true;
        self
    }

    /// Checks without the kernel that the service is valid.
    ///
    /// The handles call this before they send anything. It does not check what only the kernel
    /// knows, such as whether it has the scheduler. It accepts values that the kernel accepts
    /// although they are not useful, so every service that was read can be written back.
    /// [`VirtualService::warnings`] returns those.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with the value and its limit, for:
    /// - bits of [`SchedulerFlags`] that belong to the service and not to the scheduler,
    /// - a persistence timeout that is not a whole number of seconds or needs more than 32 bits,
    /// - a granularity that is invalid for the service's family,
    /// - an IPv6 address with a scope, for which the kernel has no field.
    pub fn validate(&self) -> Result<()> {
        self.check()
            .map_err(|why| Error::refused("validate service", why).object(self.key))
    }

    /// Does what [`VirtualService::validate`] does. The error is only the reason.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        self.key.check()?;
        check_flags(self.scheduler_flags)?;
        match &self.persistence {
            Some(persistence) => persistence.check(self.key.family()),
            None => Ok(()),
        }
    }

    /// Returns warnings about values that the kernel accepts although they have no effect or an
    /// unexpected one.
    ///
    /// Each warning is a sentence. There are warnings about:
    /// - a protocol other than TCP, UDP and SCTP,
    /// - port 0 without persistence, with which no connection is scheduled,
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

/// Refuses flags that do not belong to the scheduler.
pub(in crate::ipvs) fn check_flags(flags: SchedulerFlags) -> Result<(), String> {
    match flags.bits() & OWN_FLAGS {
        0 => Ok(()),
        others => Err(format!(
            "the flags {others:#x} do not belong to the scheduler: persistence and one-packet \
             scheduling set them"
        )),
    }
}

/// Returns a warning about the flags that the scheduler is known to ignore.
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

impl From<VirtualService> for ServiceKey {
    fn from(service: VirtualService) -> Self {
        service.key
    }
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

    /// Asserts that the service is valid and has no warnings.
    fn expect_no_warning(service: &VirtualService) {
        service.validate().unwrap();
        assert_eq!(service.warnings(), [""; 0]);
    }

    /// Returns the only warning about a valid service.
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
        assert!(warning(&tcp().one_packet()).contains("not for tcp"));
        let flags = tcp().scheduler_flags(SchedulerFlags::SH_PORT);
        assert!(warning(&flags).contains("wlc has no flags, and ignores 0x10"));
        let flags = tcp()
            .scheduler(Scheduler::MaglevHashing)
            .scheduler_flags(SchedulerFlags::FLAG_3);
        assert!(warning(&flags).contains("ignores 0x20"));
        let key = ServiceKey::address(Protocol::from_number(50), "10.0.0.1:80".parse().unwrap());
        assert!(warning(&VirtualService::new(key)).contains("protocol esp"));
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
        assert!(refusal(flags).contains("0x1 do not belong to the scheduler"));
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
