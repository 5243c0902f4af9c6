//! Encodes operations and queries, and says which of them the socket options cannot carry out.

use std::net::{IpAddr, SocketAddr};

use super::{daemon, server, service, timeouts};
use crate::ipvs::message::encode::{flags, netmask, persistence_timeout, seconds, state};
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::model::tunnel::Tunnel;
use crate::{Family, Protocol};

type Service = [u8; service::LENGTH];
/// A service's key in a `struct ip_vs_service_user`, and a `struct ip_vs_dest_user`.
type Server = [u8; SERVER];
type Daemon = [u8; daemon::LENGTH];

pub(in crate::ipvs) const SERVICE: usize = service::LENGTH;
pub(in crate::ipvs) const SERVER: usize = service::LENGTH + server::LENGTH;
pub(in crate::ipvs) const TIMEOUTS: usize = timeouts::LENGTH;
pub(in crate::ipvs) const DAEMON: usize = daemon::LENGTH;

/// The value of an option that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ipvs) enum Change {
    AddService(Service),
    UpdateService(Service),
    RemoveService(Service),
    /// Zeroes the counters of a service, or of all if every byte is zero.
    Zero(Service),
    Flush,
    AddServer(Server),
    UpdateServer(Server),
    RemoveServer(Server),
    SetTimeouts([u8; TIMEOUTS]),
    StartDaemon(Daemon),
    StopDaemon(Daemon),
}

/// The reason why the socket options cannot carry out something, as the end of a sentence.
pub(in crate::ipvs) type Lack = &'static str;

const IPV6: Lack = "IPVS's socket options have no IPv6";
const PROTOCOL: Lack = "IPVS's socket options have no protocol but TCP, UDP and SCTP";
const ENGINE: Lack = "IPVS's socket options have no persistence engines";
const TUNNEL: Lack = "IPVS's socket options have no tunnels but IP in IP";
pub(in crate::ipvs) const UNREPORTED_TUNNEL: Lack =
    "IPVS's socket options do not report the kind of a tunnel, so they can't keep it";
const ZERO_ALL: Lack =
    "with this address and port, IPVS's socket options zero the counters of every service";
const DAEMON_VALUE: Lack = "IPVS's socket options have no values of a sync daemon but its role, \
                            its interface and its id";

/// Encodes a valid operation. A "put" operation is encoded as an addition.
pub(in crate::ipvs) fn operation(operation: &Operation) -> Result<Change, Lack> {
    Ok(match operation {
        Operation::AddService(it) | Operation::PutService(it) => {
            Change::AddService(configured(it)?)
        }
        Operation::UpdateService(it) => Change::UpdateService(configured(it)?),
        Operation::RemoveService(it) | Operation::RemoveServiceIfPresent(it) => {
            Change::RemoveService(named(it)?)
        }
        Operation::AddServer(of, it) | Operation::PutServer(of, it) => {
            Change::AddServer(server(of, it)?)
        }
        Operation::UpdateServer(of, it) => Change::UpdateServer(server(of, it)?),
        Operation::RemoveServer(of, it) | Operation::RemoveServerIfPresent(of, it) => {
            Change::RemoveServer(server_address(of, *it)?)
        }
        Operation::Flush => Change::Flush,
        Operation::Zero => Change::Zero([0; SERVICE]),
        Operation::ZeroService(it) => Change::Zero(zeroed(it)?),
        Operation::SetTimeouts(it) => Change::SetTimeouts(timeouts(it)),
        Operation::StartDaemon(it) => Change::StartDaemon(daemon(it)?),
        Operation::StopDaemon(role) => Change::StopDaemon(stopped(*role)),
    })
}

/// Encodes the key of a service for a query, at the start of a structure.
pub(in crate::ipvs) fn query_key(key: &ServiceKey, bytes: &mut [u8]) -> Result<(), Lack> {
    let encoded = encoded_key(key)?;
    put(bytes, 0, &encoded);
    Ok(())
}

/// Encodes the number of servers for which a query has room.
pub(in crate::ipvs) fn room_for_servers(number: usize, bytes: &mut [u8]) {
    put(bytes, service::KEY, &room(number));
}

/// Encodes the number of services for which a query has room.
pub(in crate::ipvs) fn room_for_services(number: usize, bytes: &mut [u8]) {
    put(bytes, 0, &room(number));
}

fn room(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes()
}

/// Returns a service for an operation that needs only its key.
fn named(key: &ServiceKey) -> Result<Service, Lack> {
    let known = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
    if key.protocol().is_some_and(|it| !known.contains(&it)) {
        return Err(PROTOCOL);
    }
    let mut bytes = [0; SERVICE];
    query_key(key, &mut bytes)?;
    Ok(bytes)
}

fn encoded_key(key: &ServiceKey) -> Result<[u8; service::KEY], Lack> {
    let mut bytes = [0; service::KEY];
    match key {
        ServiceKey::Address {
            protocol, address, ..
        } => {
            put(
                &mut bytes,
                service::PROTOCOL,
                &protocol.number().to_ne_bytes(),
            );
            put(&mut bytes, service::ADDRESS, &ipv4(*address)?);
            put(&mut bytes, service::PORT, &address.port().to_be_bytes());
        }
        ServiceKey::FirewallMark {
            family: Family::Ipv6,
            ..
        } => return Err(IPV6),
        ServiceKey::FirewallMark { mark, .. } => {
            // The kernel compares the protocol, and netlink stores this one.
            let protocol = Protocol::TCP.number();
            put(&mut bytes, service::PROTOCOL, &protocol.to_ne_bytes());
            put(
                &mut bytes,
                service::FIREWALL_MARK,
                &mark.get().to_ne_bytes(),
            );
        }
    }
    Ok(bytes)
}

fn ipv4(address: SocketAddr) -> Result<[u8; 4], Lack> {
    match address.ip() {
        IpAddr::V4(v4) => Ok(v4.octets()),
        IpAddr::V6(_) => Err(IPV6),
    }
}

fn configured(it: &VirtualService) -> Result<Service, Lack> {
    let mut bytes = named(&it.key)?;
    if it.persistence_engine.is_some() {
        return Err(ENGINE);
    }
    // The name ends with a zero byte: it is shorter than its field.
    put(
        &mut bytes,
        service::SCHEDULER,
        it.scheduler.as_str().as_bytes(),
    );
    put(&mut bytes, service::FLAGS, &flags(it).to_ne_bytes());
    put(
        &mut bytes,
        service::TIMEOUT,
        &persistence_timeout(it).to_ne_bytes(),
    );
    put(&mut bytes, service::NETMASK, &netmask(it));
    Ok(bytes)
}

fn zeroed(key: &ServiceKey) -> Result<Service, Lack> {
    match key.socket_address() {
        Some(all) if all.ip().is_unspecified() && all.port() == 0 => Err(ZERO_ALL),
        _ => named(key),
    }
}

fn server_address(key: &ServiceKey, address: SocketAddr) -> Result<Server, Lack> {
    let mut bytes = [0; SERVER];
    put(&mut bytes, 0, &named(key)?);
    put(&mut bytes, SERVICE + server::ADDRESS, &ipv4(address)?);
    put(
        &mut bytes,
        SERVICE + server::PORT,
        &address.port().to_be_bytes(),
    );
    Ok(bytes)
}

fn server(key: &ServiceKey, it: &RealServer) -> Result<Server, Lack> {
    let mut bytes = server_address(key, it.address)?;
    match it.forwarding {
        ForwardingMethod::Tunnel(Tunnel::Unreported) => return Err(UNREPORTED_TUNNEL),
        ForwardingMethod::Tunnel(tunnel) if tunnel != Tunnel::Ipip => return Err(TUNNEL),
        _ => {}
    }
    for (offset, value) in [
        (server::FORWARDING, it.forwarding.number()),
        (server::WEIGHT, it.weight),
        (server::UPPER_THRESHOLD, it.upper_threshold),
        (server::LOWER_THRESHOLD, it.lower_threshold),
    ] {
        put(&mut bytes, SERVICE + offset, &value.to_ne_bytes());
    }
    Ok(bytes)
}

/// Encodes timeouts. To the kernel, zero means that the timeout stays as it is.
fn timeouts(it: &Timeouts) -> [u8; TIMEOUTS] {
    let mut bytes = [0; TIMEOUTS];
    for (offset, timeout) in [
        (timeouts::TCP, it.tcp),
        (timeouts::TCP_FIN, it.tcp_fin),
        (timeouts::UDP, it.udp),
    ] {
        let seconds = timeout.map_or(0, seconds);
        put(&mut bytes, offset, &seconds.to_ne_bytes());
    }
    bytes
}

fn daemon(it: &SyncDaemon) -> Result<Daemon, Lack> {
    let SyncDaemon {
        role,
        interface,
        sync_id,
        max_length: None,
        group: None,
        port: None,
        ttl: None,
    } = it
    else {
        return Err(DAEMON_VALUE);
    };
    let mut bytes = stopped(*role);
    put(&mut bytes, daemon::INTERFACE, interface.as_bytes());
    put(
        &mut bytes,
        daemon::SYNC_ID,
        &u32::from(*sync_id).to_ne_bytes(),
    );
    Ok(bytes)
}

fn stopped(role: SyncRole) -> Daemon {
    let mut bytes = [0; DAEMON];
    put(&mut bytes, daemon::STATE, &state(role).to_ne_bytes());
    bytes
}

/// Overwrites the bytes from an offset on. What does not fit is left out.
fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    let field = bytes.get_mut(offset..).unwrap_or_default();
    for (to, from) in field.iter_mut().zip(value) {
        *to = *from;
    }
}
