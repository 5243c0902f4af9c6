//! Encodes messages: the number of the command and its attributes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::uapi::{AF_INET, AF_INET6, command, daemon, info, server, service, statistics, top};
use crate::Family;
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::persistence::Persistence;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::ipvs::model::report::Statistics;
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::model::tunnel::Tunnel;
use crate::wire::{Buffer, Writer};

/// Returns the command that carries out an operation. A "put" operation is sent as an addition.
pub(in crate::ipvs) fn operation_command(operation: &Operation) -> u8 {
    match operation {
        Operation::AddService(_) | Operation::PutService(_) => command::NEW_SERVICE,
        Operation::UpdateService(_) => command::SET_SERVICE,
        Operation::RemoveService(_) | Operation::RemoveServiceIfPresent(_) => command::DEL_SERVICE,
        Operation::AddServer(..) | Operation::PutServer(..) => command::NEW_SERVER,
        Operation::UpdateServer(..) => command::SET_SERVER,
        Operation::RemoveServer(..) | Operation::RemoveServerIfPresent(..) => command::DEL_SERVER,
        Operation::Flush => command::FLUSH,
        Operation::Zero | Operation::ZeroService(_) => command::ZERO,
        Operation::SetTimeouts(_) => command::SET_CONFIG,
        Operation::StartDaemon(_) => command::NEW_DAEMON,
        Operation::StopDaemon(_) => command::DEL_DAEMON,
    }
}

/// Writes the attributes of an operation.
pub(in crate::ipvs) fn operation(writer: &mut Writer<impl Buffer>, operation: &Operation) {
    match operation {
        Operation::AddService(it) | Operation::UpdateService(it) | Operation::PutService(it) => {
            writer.nest(top::SERVICE, |writer| {
                key(writer, &it.key);
                service_config(writer, it);
            });
        }
        Operation::RemoveService(it)
        | Operation::RemoveServiceIfPresent(it)
        | Operation::ZeroService(it) => named_service(writer, it),
        Operation::AddServer(of, it)
        | Operation::UpdateServer(of, it)
        | Operation::PutServer(of, it) => {
            named_service(writer, of);
            writer.nest(top::SERVER, |writer| {
                server_address(writer, it.address);
                server_config(writer, it);
            });
        }
        Operation::RemoveServer(of, it) | Operation::RemoveServerIfPresent(of, it) => {
            named_service(writer, of);
            writer.nest(top::SERVER, |writer| server_address(writer, *it));
        }
        Operation::SetTimeouts(it) => timeouts(writer, it),
        Operation::StartDaemon(it) => writer.nest(top::DAEMON, |writer| daemon(writer, it)),
        Operation::StopDaemon(it) => writer.nest(top::DAEMON, |writer| role(writer, *it)),
        Operation::Flush | Operation::Zero => {}
    }
}

/// Returns the command of a query.
pub(in crate::ipvs) fn query_command(query: &Query) -> u8 {
    match query {
        Query::Service(_) | Query::Services => command::GET_SERVICE,
        Query::Servers(_) => command::GET_SERVERS,
        Query::Timeouts => command::GET_CONFIG,
        Query::Daemons => command::GET_DAEMONS,
        Query::Info => command::GET_INFO,
    }
}

/// Writes the attributes of a query.
pub(in crate::ipvs) fn query(writer: &mut Writer<impl Buffer>, query: &Query) {
    match query {
        Query::Service(key) | Query::Servers(key) => named_service(writer, key),
        Query::Services | Query::Timeouts | Query::Daemons | Query::Info => {}
    }
}

fn named_service(writer: &mut Writer<impl Buffer>, named: &ServiceKey) {
    writer.nest(top::SERVICE, |writer| key(writer, named));
}

fn key(writer: &mut Writer<impl Buffer>, key: &ServiceKey) {
    writer.u16(service::FAMILY, family(key.family()));
    match key {
        ServiceKey::Address {
            protocol, address, ..
        } => {
            writer.u16(service::PROTOCOL, protocol.number());
            ip(writer, service::ADDRESS, address.ip());
            writer.u16_be(service::PORT, address.port());
        }
        ServiceKey::FirewallMark { mark, .. } => writer.u32(service::FIREWALL_MARK, mark.get()),
    }
}

fn service_config(writer: &mut Writer<impl Buffer>, it: &VirtualService) {
    writer.string(service::SCHEDULER, it.scheduler.as_str());
    writer.attribute(service::FLAGS, &flags_and_mask(it));
    writer.u32(service::TIMEOUT, persistence_timeout(it));
    writer.attribute(service::NETMASK, &netmask(it));
    if let Some(engine) = &it.persistence_engine {
        writer.string(service::PERSISTENCE_ENGINE, engine.as_str());
    }
}

/// Returns a `struct ip_vs_flags`: the flags, and a mask of the bits that the kernel is to set,
/// here all of them.
fn flags_and_mask(it: &VirtualService) -> [u8; 8] {
    let [f0, f1, f2, f3] = flags(it).to_ne_bytes();
    let [m0, m1, m2, m3] = u32::MAX.to_ne_bytes();
    [f0, f1, f2, f3, m0, m1, m2, m3]
}

/// Returns the kernel's flags of a service, those of its scheduler included.
pub(super) fn flags(it: &VirtualService) -> u32 {
    let mut flags = it.scheduler_flags.bits();
    if it.persistence.is_some() {
        flags |= service::FLAG_PERSISTENT;
    }
    if it.one_packet {
        flags |= service::FLAG_ONE_PACKET;
    }
    flags
}

/// Returns the persistence timeout of a service in seconds.
pub(super) fn persistence_timeout(it: &VirtualService) -> u32 {
    it.persistence.as_ref().map_or(0, Persistence::seconds)
}

/// Returns the bytes of the kernel's netmask field.
pub(super) fn netmask(it: &VirtualService) -> [u8; 4] {
    it.persistence.as_ref().map_or_else(
        || Persistence::no_netmask(it.key.family()),
        Persistence::netmask,
    )
}

fn server_address(writer: &mut Writer<impl Buffer>, address: SocketAddr) {
    writer.u16(server::FAMILY, family(Family::of(address.ip())));
    ip(writer, server::ADDRESS, address.ip());
    writer.u16_be(server::PORT, address.port());
}

/// Writes the whole configuration. The kernel overwrites all of it, and sets values without an
/// attribute to zero.
fn server_config(writer: &mut Writer<impl Buffer>, it: &RealServer) {
    writer.u32(server::FORWARDING, it.forwarding.number());
    writer.u32(server::WEIGHT, it.weight);
    writer.u32(server::UPPER_THRESHOLD, it.upper_threshold);
    writer.u32(server::LOWER_THRESHOLD, it.lower_threshold);
    match it.forwarding {
        // The kernel's default without the attributes. Linux before 5.2 does not know them.
        ForwardingMethod::Tunnel(Tunnel::Ipip) => {}
        ForwardingMethod::Tunnel(tunnel) => {
            let (kind, port, flags) = tunnel.parts();
            writer.u8(server::TUNNEL_TYPE, kind);
            writer.u16_be(server::TUNNEL_PORT, port);
            writer.u16(server::TUNNEL_FLAGS, flags.bits());
        }
        _ => {}
    }
}

fn timeouts(writer: &mut Writer<impl Buffer>, it: &Timeouts) {
    for (kind, timeout) in [
        (top::TIMEOUT_TCP, it.tcp),
        (top::TIMEOUT_TCP_FIN, it.tcp_fin),
        (top::TIMEOUT_UDP, it.udp),
    ] {
        if let Some(timeout) = timeout {
            writer.u32(kind, seconds(timeout));
        }
    }
}

pub(super) fn seconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX)
}

fn daemon(writer: &mut Writer<impl Buffer>, it: &SyncDaemon) {
    role(writer, it.role);
    writer.string(daemon::INTERFACE, &it.interface);
    writer.u32(daemon::SYNC_ID, it.sync_id.into());
    if let Some(length) = it.max_length {
        writer.u16(daemon::MAX_LENGTH, length);
    }
    match it.group {
        Some(group @ IpAddr::V4(_)) => ip(writer, daemon::GROUP, group),
        Some(group @ IpAddr::V6(_)) => ip(writer, daemon::GROUP_6, group),
        None => {}
    }
    if let Some(port) = it.port {
        // This port is in host byte order, unlike all others.
        writer.u16(daemon::PORT, port);
    }
    if let Some(ttl) = it.ttl {
        writer.u8(daemon::TTL, ttl);
    }
}

fn role(writer: &mut Writer<impl Buffer>, role: SyncRole) {
    writer.u32(daemon::STATE, state(role));
}

/// Returns the kernel's number of a role.
pub(super) fn state(role: SyncRole) -> u32 {
    match role {
        SyncRole::Master => daemon::MASTER,
        SyncRole::Backup => daemon::BACKUP,
    }
}

fn family(family: Family) -> u16 {
    match family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}

fn ip(writer: &mut Writer<impl Buffer>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => writer.attribute(kind, &v4.octets()),
        IpAddr::V6(v6) => writer.attribute(kind, &v6.octets()),
    }
}

/// Returns the command of a report.
pub(in crate::ipvs) fn report_command(report: &Report) -> u8 {
    match report {
        Report::Service(_) => command::NEW_SERVICE,
        Report::Server(_) => command::NEW_SERVER,
        Report::Daemon(_) => command::NEW_DAEMON,
        Report::Timeouts(_) => command::SET_CONFIG,
        Report::Info(_) => command::SET_INFO,
    }
}

/// Writes the attributes of a report as the kernel does.
pub(in crate::ipvs) fn report(writer: &mut Writer<impl Buffer>, report: &Report) {
    match report {
        Report::Service(it) => writer.nest(top::SERVICE, |writer| {
            key(writer, &it.config.key);
            service_config(writer, &it.config);
            statistics(
                writer,
                &it.statistics,
                service::STATISTICS,
                service::STATISTICS_64,
            );
        }),
        Report::Server(it) => writer.nest(top::SERVER, |writer| {
            server_address(writer, it.config.address);
            server_config(writer, &it.config);
            writer.u32(server::ACTIVE_CONNECTIONS, it.active_connections);
            writer.u32(server::INACTIVE_CONNECTIONS, it.inactive_connections);
            writer.u32(server::PERSISTENT_CONNECTIONS, it.persistent_connections);
            statistics(
                writer,
                &it.statistics,
                server::STATISTICS,
                server::STATISTICS_64,
            );
        }),
        Report::Daemon(it) => writer.nest(top::DAEMON, |writer| daemon(writer, it)),
        Report::Timeouts(it) => timeouts(writer, it),
        Report::Info(it) => {
            writer.u32(info::VERSION, it.version.number());
            writer.u32(info::CONNECTION_TABLE_SIZE, it.connection_table_size);
        }
    }
}

/// Writes both forms of statistics, or only the 32-bit form if the counters have no more bits. In
/// the 32-bit form, larger values lose their upper bits, as they do in the kernel.
fn statistics(writer: &mut Writer<impl Buffer>, it: &Statistics, kind: u16, kind_64: u16) {
    let counters = [
        (statistics::CONNECTIONS, it.connections),
        (statistics::INCOMING_PACKETS, it.incoming_packets),
        (statistics::OUTGOING_PACKETS, it.outgoing_packets),
    ];
    let bytes = [
        (statistics::INCOMING_BYTES, it.incoming_bytes),
        (statistics::OUTGOING_BYTES, it.outgoing_bytes),
    ];
    let rates = [
        (statistics::CONNECTION_RATE, it.rates.connections),
        (statistics::INCOMING_PACKET_RATE, it.rates.incoming_packets),
        (statistics::OUTGOING_PACKET_RATE, it.rates.outgoing_packets),
        (statistics::INCOMING_BYTE_RATE, it.rates.incoming_bytes),
        (statistics::OUTGOING_BYTE_RATE, it.rates.outgoing_bytes),
    ];
    writer.nest(kind, |writer| {
        narrow(writer, &counters);
        wide(writer, &bytes);
        narrow(writer, &rates);
    });
    if it.has_32_bit_counters {
        return;
    }
    writer.nest(kind_64, |writer| {
        wide(writer, &counters);
        wide(writer, &bytes);
        wide(writer, &rates);
    });
}

fn narrow(writer: &mut Writer<impl Buffer>, values: &[(u16, u64)]) {
    for (kind, value) in values {
        writer.u32(*kind, *value as u32);
    }
}

fn wide(writer: &mut Writer<impl Buffer>, values: &[(u16, u64)]) {
    for (kind, value) in values {
        writer.attribute(*kind, &value.to_ne_bytes());
    }
}
