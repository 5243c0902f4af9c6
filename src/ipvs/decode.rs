//! The kernel's reports. What a later kernel adds is passed over; what is missing or impossible
//! is an error.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::daemon::{SyncDaemon, SyncRole};
use super::key::{Family, Protocol, ServiceKey};
use super::message::Report;
use super::persistence::Persistence;
use super::report::{Info, Rates, Server, Service, Statistics, Version};
use super::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use super::server::{ForwardingMethod, RealServer};
use super::service::VirtualService;
use super::timeouts::Timeouts;
use super::tunnel::{Tunnel, TunnelFlags};
use super::uapi::{AF_INET, AF_INET6, command, daemon, info, server, service, statistics, top};
use crate::wire::{Attribute, Attributes, Malformed};

/// What the kernel reports in a message. `service` is the family of the service whose servers
/// were asked for.
pub(super) fn report(
    command: u8,
    message: Attributes<'_>,
    service_family: Option<Family>,
) -> Result<Report, Malformed> {
    Ok(match command {
        command::NEW_SERVICE => {
            Report::Service(service(nest(message, top::SERVICE, "the service")?)?)
        }
        command::NEW_SERVER => {
            let server = server(nest(message, top::SERVER, "the server")?, service_family)?;
            Report::Server(server)
        }
        command::NEW_DAEMON => {
            Report::Daemon(daemon(nest(message, top::DAEMON, "the sync daemon")?)?)
        }
        command::SET_CONFIG => Report::Timeouts(timeouts(message)?),
        command::SET_INFO => Report::Info(info(message)?),
        other => {
            return Err(Malformed::Value {
                what: "the command of a report",
                value: other.into(),
            });
        }
    })
}

/// The nest with this number, from which most reports are read.
pub(super) fn nest<'a>(
    message: Attributes<'a>,
    kind: u16,
    what: &'static str,
) -> Result<Attributes<'a>, Malformed> {
    for attribute in message {
        let attribute = attribute?;
        if attribute.kind() == kind {
            return Ok(attribute.nested());
        }
    }
    Err(Malformed::Missing(what))
}

/// What the attributes of a service say, before they are put together.
#[derive(Default)]
struct ServiceParts<'a> {
    family: Option<Family>,
    protocol: Option<u16>,
    address: Option<&'a [u8]>,
    port: u16,
    mark: u32,
    scheduler: Option<Scheduler>,
    flags: u32,
    timeout: u32,
    netmask: Option<[u8; 4]>,
    engine: Option<PersistenceEngine>,
    statistics: Option<Statistics>,
    statistics_64: Option<Statistics>,
}

impl<'a> ServiceParts<'a> {
    fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut parts = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind() {
                service::FAMILY => parts.family = Some(family(attribute.u16()?)?),
                service::PROTOCOL => parts.protocol = Some(attribute.u16()?),
                service::ADDRESS => parts.address = Some(attribute.payload()),
                service::PORT => parts.port = attribute.u16_be()?,
                service::FIREWALL_MARK => parts.mark = attribute.u32()?,
                service::SCHEDULER => {
                    parts.scheduler = Some(Scheduler::reported(attribute.c_string())?);
                }
                service::FLAGS => parts.flags = first_word(&attribute)?,
                service::TIMEOUT => parts.timeout = attribute.u32()?,
                service::NETMASK => parts.netmask = Some(attribute.u32()?.to_ne_bytes()),
                service::PERSISTENCE_ENGINE => {
                    parts.engine = Some(PersistenceEngine::reported(attribute.c_string())?);
                }
                service::STATISTICS => {
                    parts.statistics = Some(statistics_32(attribute.nested())?);
                }
                service::STATISTICS_64 => {
                    parts.statistics_64 = Some(statistics_64(attribute.nested())?);
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    fn key(&self) -> Result<ServiceKey, Malformed> {
        let family = self
            .family
            .ok_or(Malformed::Missing("a service's address family"))?;
        if let Some(mark) = NonZeroU32::new(self.mark) {
            return Ok(ServiceKey::firewall_mark(mark, family));
        }
        let protocol = self
            .protocol
            .ok_or(Malformed::Missing("a service's protocol"))?;
        let address = self
            .address
            .ok_or(Malformed::Missing("a service's address"))?;
        let address = SocketAddr::new(ip(address, family)?, self.port);
        Ok(ServiceKey::address(
            Protocol::from_number(protocol),
            address,
        ))
    }

    fn config(&self) -> Result<VirtualService, Malformed> {
        let key = self.key()?;
        let scheduler = self
            .scheduler
            .ok_or(Malformed::Missing("a service's scheduler"))?;
        let persistence = if self.flags & service::FLAG_PERSISTENT != 0 {
            let netmask = self
                .netmask
                .ok_or(Malformed::Missing("a persistent service's netmask"))?;
            let persistence = Persistence::reported(self.timeout, netmask, key.family())?;
            Some(persistence)
        } else {
            None
        };
        let own = service::FLAG_PERSISTENT | service::FLAG_HASHED | service::FLAG_ONE_PACKET;
        let mut config = VirtualService::new(key)
            .scheduler(scheduler)
            .scheduler_flags(SchedulerFlags::from_bits_retain(self.flags & !own));
        config.persistence = persistence;
        config.persistence_engine = self.engine;
        config.one_packet = self.flags & service::FLAG_ONE_PACKET != 0;
        Ok(config)
    }
}

/// Which service a message is about.
pub(super) fn key(attributes: Attributes<'_>) -> Result<ServiceKey, Malformed> {
    ServiceParts::read(attributes)?.key()
}

/// What a message says about how a service is configured.
pub(super) fn service_config(attributes: Attributes<'_>) -> Result<VirtualService, Malformed> {
    ServiceParts::read(attributes)?.config()
}

/// What the kernel reports of a service.
pub(super) fn service(attributes: Attributes<'_>) -> Result<Service, Malformed> {
    let parts = ServiceParts::read(attributes)?;
    Ok(Service {
        config: parts.config()?,
        statistics: parts.statistics_64.or(parts.statistics).unwrap_or_default(),
    })
}

/// What the attributes of a server say, before they are put together.
#[derive(Default)]
struct ServerParts<'a> {
    family: Option<Family>,
    address: Option<&'a [u8]>,
    port: u16,
    forwarding: Option<u32>,
    weight: u32,
    upper_threshold: u32,
    lower_threshold: u32,
    active: u32,
    inactive: u32,
    persistent: u32,
    tunnel: (u8, u16, u16),
    statistics: Option<Statistics>,
    statistics_64: Option<Statistics>,
}

impl<'a> ServerParts<'a> {
    fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut parts = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind() {
                // Zero is no family at all: that of the service.
                server::FAMILY => match attribute.u16()? {
                    0 => {}
                    number => parts.family = Some(family(number)?),
                },
                server::ADDRESS => parts.address = Some(attribute.payload()),
                server::PORT => parts.port = attribute.u16_be()?,
                server::FORWARDING => parts.forwarding = Some(attribute.u32()?),
                server::WEIGHT => parts.weight = attribute.u32()?,
                server::UPPER_THRESHOLD => parts.upper_threshold = attribute.u32()?,
                server::LOWER_THRESHOLD => parts.lower_threshold = attribute.u32()?,
                server::ACTIVE_CONNECTIONS => parts.active = attribute.u32()?,
                server::INACTIVE_CONNECTIONS => parts.inactive = attribute.u32()?,
                server::PERSISTENT_CONNECTIONS => parts.persistent = attribute.u32()?,
                server::TUNNEL_TYPE => parts.tunnel.0 = attribute.u8()?,
                server::TUNNEL_PORT => parts.tunnel.1 = attribute.u16_be()?,
                server::TUNNEL_FLAGS => parts.tunnel.2 = attribute.u16()?,
                server::STATISTICS => {
                    parts.statistics = Some(statistics_32(attribute.nested())?);
                }
                server::STATISTICS_64 => {
                    parts.statistics_64 = Some(statistics_64(attribute.nested())?);
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    /// `service` is the family of the service, which Linux before 3.18 does not repeat.
    fn address(&self, service: Option<Family>) -> Result<SocketAddr, Malformed> {
        let address = self
            .address
            .ok_or(Malformed::Missing("a server's address"))?;
        let family = self
            .family
            .or(service)
            .ok_or(Malformed::Missing("a server's address family"))?;
        let address = ip(address, family)?;
        Ok(SocketAddr::new(address, self.port))
    }

    fn config(&self, service: Option<Family>) -> Result<RealServer, Malformed> {
        let forwarding = self
            .forwarding
            .ok_or(Malformed::Missing("a server's forwarding method"))?;
        let (kind, port, flags) = self.tunnel;
        let tunnel = Tunnel::from_parts(kind, port, TunnelFlags::from_bits_retain(flags));
        Ok(RealServer::new(self.address(service)?)
            .forwarding(ForwardingMethod::from_number(forwarding, tunnel))
            .weight(self.weight)
            .upper_threshold(self.upper_threshold)
            .lower_threshold(self.lower_threshold))
    }
}

/// Which server a message is about.
pub(super) fn server_address(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<SocketAddr, Malformed> {
    ServerParts::read(attributes)?.address(service)
}

/// What a message says about how a server is configured.
pub(super) fn server_config(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<RealServer, Malformed> {
    ServerParts::read(attributes)?.config(service)
}

/// What the kernel reports of a server; `service` is the family of its service.
pub(super) fn server(
    attributes: Attributes<'_>,
    service: Option<Family>,
) -> Result<Server, Malformed> {
    let parts = ServerParts::read(attributes)?;
    Ok(Server {
        config: parts.config(service)?,
        active_connections: parts.active,
        inactive_connections: parts.inactive,
        persistent_connections: parts.persistent,
        statistics: parts.statistics_64.or(parts.statistics).unwrap_or_default(),
    })
}

fn statistics_32(attributes: Attributes<'_>) -> Result<Statistics, Malformed> {
    read_statistics(attributes, |attribute| attribute.u32().map(u64::from))
}

fn statistics_64(attributes: Attributes<'_>) -> Result<Statistics, Malformed> {
    read_statistics(attributes, |attribute| attribute.u64())
}

/// `word` reads what is as wide as the form; the bytes have 64 bits in both.
fn read_statistics(
    attributes: Attributes<'_>,
    word: impl Fn(&Attribute<'_>) -> Result<u64, Malformed>,
) -> Result<Statistics, Malformed> {
    let mut all = Statistics::default();
    let rates: &mut Rates = &mut all.rates;
    for attribute in attributes {
        let attribute = attribute?;
        let (place, value) = match attribute.kind() {
            statistics::CONNECTIONS => (&mut all.connections, word(&attribute)?),
            statistics::INCOMING_PACKETS => (&mut all.incoming_packets, word(&attribute)?),
            statistics::OUTGOING_PACKETS => (&mut all.outgoing_packets, word(&attribute)?),
            statistics::INCOMING_BYTES => (&mut all.incoming_bytes, attribute.u64()?),
            statistics::OUTGOING_BYTES => (&mut all.outgoing_bytes, attribute.u64()?),
            statistics::CONNECTION_RATE => (&mut rates.connections, word(&attribute)?),
            statistics::INCOMING_PACKET_RATE => (&mut rates.incoming_packets, word(&attribute)?),
            statistics::OUTGOING_PACKET_RATE => (&mut rates.outgoing_packets, word(&attribute)?),
            statistics::INCOMING_BYTE_RATE => (&mut rates.incoming_bytes, word(&attribute)?),
            statistics::OUTGOING_BYTE_RATE => (&mut rates.outgoing_bytes, word(&attribute)?),
            _ => continue,
        };
        *place = value;
    }
    Ok(all)
}

/// What the kernel reports of a sync daemon, or what a request says of one.
pub(super) fn daemon(attributes: Attributes<'_>) -> Result<SyncDaemon, Malformed> {
    let role = role(attributes)?;
    let mut all = SyncDaemon::new(role, String::new());
    let (mut group, mut group_6) = (None, None);
    for attribute in attributes {
        let attribute = attribute?;
        match attribute.kind() {
            daemon::INTERFACE => all.interface = attribute.string(),
            // Only these bits are sent to others.
            daemon::SYNC_ID => all.sync_id = attribute.u32()? as u8,
            daemon::MAX_LENGTH => all.max_length = Some(attribute.u16()?),
            daemon::GROUP => group = Some(IpAddr::V4(attribute.ipv4()?)),
            daemon::GROUP_6 => group_6 = Some(IpAddr::V6(attribute.ipv6()?)),
            daemon::PORT => all.port = Some(attribute.u16()?),
            daemon::TTL => all.ttl = Some(attribute.u8()?),
            _ => {}
        }
    }
    // The kernel takes the first of the two.
    all.group = group.or(group_6);
    Ok(all)
}

/// The role of a sync daemon.
pub(super) fn role(attributes: Attributes<'_>) -> Result<SyncRole, Malformed> {
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.kind() == daemon::STATE {
            return match attribute.u32()? {
                daemon::MASTER => Ok(SyncRole::Master),
                daemon::BACKUP => Ok(SyncRole::Backup),
                other => Err(Malformed::Value {
                    what: "the state of a sync daemon",
                    value: other.into(),
                }),
            };
        }
    }
    Err(Malformed::Missing("the state of a sync daemon"))
}

/// The timeouts in a message.
pub(super) fn timeouts(message: Attributes<'_>) -> Result<Timeouts, Malformed> {
    let mut all = Timeouts::new();
    for attribute in message {
        let attribute = attribute?;
        let place = match attribute.kind() {
            top::TIMEOUT_TCP => &mut all.tcp,
            top::TIMEOUT_TCP_FIN => &mut all.tcp_fin,
            top::TIMEOUT_UDP => &mut all.udp,
            _ => continue,
        };
        *place = Some(Duration::from_secs(attribute.u32()?.into()));
    }
    Ok(all)
}

/// The version and the size of the connection table.
pub(super) fn info(message: Attributes<'_>) -> Result<Info, Malformed> {
    let (mut version, mut size) = (None, None);
    for attribute in message {
        let attribute = attribute?;
        match attribute.kind() {
            info::VERSION => version = Some(attribute.u32()?),
            info::CONNECTION_TABLE_SIZE => size = Some(attribute.u32()?),
            _ => {}
        }
    }
    Ok(Info {
        version: Version::from_number(version.ok_or(Malformed::Missing("the version"))?),
        connection_table_size: size.ok_or(Malformed::Missing("the connection table's size"))?,
    })
}

fn family(number: u16) -> Result<Family, Malformed> {
    match number {
        AF_INET => Ok(Family::Ipv4),
        AF_INET6 => Ok(Family::Ipv6),
        other => Err(Malformed::Value {
            what: "an address family",
            value: other.into(),
        }),
    }
}

/// The kernel gives sixteen bytes for either family, an IPv4 address in the first four.
fn ip(payload: &[u8], family: Family) -> Result<IpAddr, Malformed> {
    let short = |expected| Malformed::Length {
        what: "network address",
        length: expected,
        available: payload.len(),
    };
    match family {
        Family::Ipv4 => payload
            .first_chunk::<4>()
            .map(|bytes| Ipv4Addr::from(*bytes).into())
            .ok_or_else(|| short(4)),
        Family::Ipv6 => payload
            .first_chunk::<16>()
            .map(|bytes| Ipv6Addr::from(*bytes).into())
            .ok_or_else(|| short(16)),
    }
}

/// The flags in `struct ip_vs_flags`; the mask behind them says nothing in a report.
fn first_word(attribute: &Attribute<'_>) -> Result<u32, Malformed> {
    attribute
        .payload()
        .first_chunk()
        .map(|bytes| u32::from_ne_bytes(*bytes))
        .ok_or(Malformed::Payload {
            kind: attribute.kind(),
            length: attribute.payload().len(),
            expected: "flags and mask, 8 bytes",
        })
}
