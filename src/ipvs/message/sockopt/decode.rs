//! Decodes what the kernel reports.

use std::time::Duration;

use super::{Layout, daemon, info, server, service, timeouts};
use crate::Family;
use crate::ipvs::message::decode::{ServerParts, ServiceParts, role_of_state};
use crate::ipvs::model::daemon::SyncDaemon;
use crate::ipvs::model::report::{Info, Rates, ServerInfo, ServiceInfo, Statistics, Version};
use crate::ipvs::model::scheduler::Scheduler;
use crate::ipvs::model::timeouts::Timeouts;
use crate::wire::Malformed;

/// The byte with which a list's buffer is filled before the kernel writes to it. The kernel writes
/// no entry in which a scheduler's name does not end, or a weight is negative.
pub(in crate::ipvs) const UNWRITTEN: u8 = 0xff;

const UNWRITTEN_WORD: [u8; 4] = [UNWRITTEN; 4];

/// Returns true if the kernel wrote this service, the entry of a list that was filled with
/// [`UNWRITTEN`].
pub(in crate::ipvs) fn is_service(entry: &[u8]) -> bool {
    word(entry, service::SCHEDULER).is_ok_and(|it| it != UNWRITTEN_WORD)
}

/// Returns true if the kernel wrote this server, the entry of a list that was filled with
/// [`UNWRITTEN`].
pub(in crate::ipvs) fn is_server(entry: &[u8]) -> bool {
    word(entry, server::WEIGHT).is_ok_and(|it| it != UNWRITTEN_WORD)
}

/// Decodes a service: a `struct ip_vs_service_entry`.
pub(in crate::ipvs) fn service(entry: &[u8], layout: Layout) -> Result<ServiceInfo, Malformed> {
    let [p0, p1, ..] = word(entry, service::PROTOCOL)?;
    let address = word(entry, service::ADDRESS)?;
    let [port0, port1, ..] = word(entry, service::PORT)?;
    let name = entry.get(service::SCHEDULER..service::FLAGS);
    let parts = ServiceParts {
        family: Some(Family::Ipv4),
        protocol: Some(u16::from_ne_bytes([p0, p1])),
        address: Some(&address),
        port: u16::from_be_bytes([port0, port1]),
        mark: number(entry, service::FIREWALL_MARK)?,
        scheduler: Some(Scheduler::reported(c_string(name.unwrap_or_default()))?),
        flags: number(entry, service::FLAGS)?,
        timeout: number(entry, service::TIMEOUT)?,
        netmask: Some(word(entry, service::NETMASK)?),
        engine: None,
        statistics: Some(statistics(entry, layout.service_statistics(), layout)?),
        statistics_64: None,
    };
    parts.info()
}

/// Decodes a server: a `struct ip_vs_dest_entry`.
pub(in crate::ipvs) fn server(entry: &[u8], layout: Layout) -> Result<ServerInfo, Malformed> {
    let address = word(entry, server::ADDRESS)?;
    let [port0, port1, ..] = word(entry, server::PORT)?;
    let parts = ServerParts {
        family: Some(Family::Ipv4),
        address: Some(&address),
        port: u16::from_be_bytes([port0, port1]),
        forwarding: Some(number(entry, server::FORWARDING)?),
        weight: number(entry, server::WEIGHT)?,
        upper_threshold: number(entry, server::UPPER_THRESHOLD)?,
        lower_threshold: number(entry, server::LOWER_THRESHOLD)?,
        active: number(entry, server::ACTIVE_CONNECTIONS)?,
        inactive: number(entry, server::INACTIVE_CONNECTIONS)?,
        persistent: number(entry, server::PERSISTENT_CONNECTIONS)?,
        tunnel: None,
        statistics: Some(statistics(entry, layout.server_statistics(), layout)?),
        statistics_64: None,
    };
    parts.info(None)
}

/// Returns the number of servers of a service, those of the other family included.
pub(in crate::ipvs) fn number_of_servers(entry: &[u8]) -> Result<u32, Malformed> {
    number(entry, service::SERVERS)
}

/// Decodes the statistics at an offset: a `struct ip_vs_stats_user`.
fn statistics(entry: &[u8], offset: usize, layout: Layout) -> Result<Statistics, Malformed> {
    let narrow = |at: usize| number(entry, offset + at).map(u64::from);
    let bytes = layout.bytes();
    let rates = bytes + 16;
    Ok(Statistics {
        connections: narrow(0)?,
        incoming_packets: narrow(4)?,
        outgoing_packets: narrow(8)?,
        incoming_bytes: wide(entry, offset + bytes)?,
        outgoing_bytes: wide(entry, offset + bytes + 8)?,
        rates: Rates {
            connections: narrow(rates)?,
            incoming_packets: narrow(rates + 4)?,
            outgoing_packets: narrow(rates + 8)?,
            incoming_bytes: narrow(rates + 12)?,
            outgoing_bytes: narrow(rates + 16)?,
        },
        has_32_bit_counters: true,
    })
}

/// Decodes the timeouts. A protocol without which the kernel was built has a zero.
pub(in crate::ipvs) fn timeouts(bytes: &[u8]) -> Result<Timeouts, Malformed> {
    let timeout = |offset| {
        let seconds = number(bytes, offset)?;
        Ok((seconds != 0).then(|| Duration::from_secs(seconds.into())))
    };
    Ok(Timeouts {
        tcp: timeout(timeouts::TCP)?,
        tcp_fin: timeout(timeouts::TCP_FIN)?,
        udp: timeout(timeouts::UDP)?,
    })
}

/// Decodes the sync daemons that run. The structure has room for a master and a backup.
pub(in crate::ipvs) fn daemons(
    bytes: &[u8],
) -> impl Iterator<Item = Result<SyncDaemon, Malformed>> {
    let daemons = bytes.chunks_exact(daemon::LENGTH);
    daemons.filter_map(|it| daemon(it).transpose())
}

/// Decodes a sync daemon, or returns `None` if none of this role runs.
fn daemon(bytes: &[u8]) -> Result<Option<SyncDaemon>, Malformed> {
    let state = number(bytes, daemon::STATE)?;
    if state == 0 {
        return Ok(None);
    }
    let interface = bytes.get(daemon::INTERFACE..daemon::SYNC_ID);
    let interface = String::from_utf8_lossy(c_string(interface.unwrap_or_default()));
    // Messages between directors contain only the lowest 8 bits.
    let id = number(bytes, daemon::SYNC_ID)? as u8;
    Ok(Some(
        SyncDaemon::new(role_of_state(state)?, interface).sync_id(id),
    ))
}

/// Decodes the version and the size of the connection table.
pub(in crate::ipvs) fn info(bytes: &[u8]) -> Result<Info, Malformed> {
    Ok(Info {
        version: Version::from_number(number(bytes, info::VERSION)?),
        connection_table_size: number(bytes, info::CONNECTION_TABLE_SIZE)?,
    })
}

/// Returns the number of IPv4 services.
pub(in crate::ipvs) fn number_of_services(bytes: &[u8]) -> Result<u32, Malformed> {
    number(bytes, info::SERVICES)
}

fn c_string(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

fn number(bytes: &[u8], offset: usize) -> Result<u32, Malformed> {
    word(bytes, offset).map(u32::from_ne_bytes)
}

fn wide(bytes: &[u8], offset: usize) -> Result<u64, Malformed> {
    field(bytes, offset).map(u64::from_ne_bytes)
}

fn word(bytes: &[u8], offset: usize) -> Result<[u8; 4], Malformed> {
    field(bytes, offset)
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], Malformed> {
    let field = bytes.get(offset..).and_then(|it| it.first_chunk());
    field.copied().ok_or(Malformed::Length {
        what: "structure of a socket option",
        length: offset + N,
        available: bytes.len(),
    })
}
