//! Values of every type, for property tests: all that can be written down, whether or not a
//! kernel would take it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::option;
use proptest::prelude::*;

use crate::ipvs::message::uapi::service::OWN_FLAGS;
use crate::ipvs::messages::*;
use crate::ipvs::*;
use crate::{Family, Protocol};

fn ip(family: Family) -> BoxedStrategy<IpAddr> {
    match family {
        Family::Ipv4 => any::<Ipv4Addr>().prop_map(IpAddr::V4).boxed(),
        Family::Ipv6 => any::<Ipv6Addr>().prop_map(IpAddr::V6).boxed(),
    }
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)]
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    family().prop_flat_map(ip)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any_ip(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

pub(super) fn key() -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![
        Just(Protocol::TCP),
        Just(Protocol::UDP),
        Just(Protocol::SCTP),
        any::<u16>().prop_map(Protocol::from_number),
    ];
    let mark = any::<NonZeroU32>();
    prop_oneof![
        (protocol, address()).prop_map(|(protocol, it)| ServiceKey::address(protocol, it)),
        (mark, family()).prop_map(|(mark, family)| ServiceKey::firewall_mark(mark, family)),
    ]
}

fn scheduler() -> impl Strategy<Value = Scheduler> {
    prop_oneof![
        "rr|wrr|lc|wlc|lblc|lblcr|dh|sh|mh|sed|nq|fo|ovf|twos|none",
        "[!-~]{1,15}"
    ]
    .prop_map(|name| Scheduler::new(&name).unwrap())
}

fn scheduler_flags() -> impl Strategy<Value = SchedulerFlags> {
    prop_oneof![Just(0), 0u32..64, any::<u32>()]
        .prop_map(|bits| SchedulerFlags::from_bits_retain(bits & !OWN_FLAGS))
}

fn engine() -> impl Strategy<Value = PersistenceEngine> {
    prop_oneof!["sip", "[!-~]{1,16}"].prop_map(|name| PersistenceEngine::new(&name).unwrap())
}

pub(super) fn virtual_service() -> impl Strategy<Value = VirtualService> {
    let persistence = option::of((any::<u32>(), any::<Ipv4Addr>(), 0u8..=128, 0u8..=32));
    (
        key(),
        scheduler(),
        scheduler_flags(),
        persistence,
        option::of(engine()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(key, scheduler, flags, persistence, engine, one_packet, prefix)| {
                let mut it = VirtualService::new(key)
                    .scheduler(scheduler)
                    .scheduler_flags(flags);
                it.persistence_engine = engine;
                it.one_packet = one_packet;
                let Some((seconds, mask, prefix_6, prefix_4)) = persistence else {
                    return it;
                };
                let it = it.persistent(Duration::from_secs(seconds.into()));
                match key.family() {
                    Family::Ipv6 => it.persistence_granularity(prefix_6),
                    Family::Ipv4 if prefix => it.persistence_granularity(prefix_4),
                    Family::Ipv4 => it.persistence_mask(mask),
                }
            },
        )
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    let parts = (any::<u8>(), any::<u16>(), any::<u16>());
    let likely = (0u8..4, prop_oneof![Just(0), any::<u16>()], 0u16..5);
    prop_oneof![likely, parts].prop_map(|(kind, port, flags)| {
        Tunnel::from_parts(kind, port, TunnelFlags::from_bits_retain(flags))
    })
}

fn forwarding() -> impl Strategy<Value = ForwardingMethod> {
    (0u32..8, tunnel()).prop_map(|(number, tunnel)| ForwardingMethod::from_number(number, tunnel))
}

pub(super) fn real_server() -> impl Strategy<Value = RealServer> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>());
    (address(), forwarding(), numbers).prop_map(|(address, forwarding, (weight, upper, lower))| {
        RealServer::new(address)
            .forwarding(forwarding)
            .weight(weight)
            .upper_threshold(upper)
            .lower_threshold(lower)
    })
}

pub(super) fn daemon() -> impl Strategy<Value = SyncDaemon> {
    (
        role(),
        "[!-~]{1,15}",
        any::<u8>(),
        option::of(any::<u16>()),
        option::of(any_ip()),
        option::of(any::<u16>()),
        option::of(any::<u8>()),
    )
        .prop_map(|(role, interface, id, length, group, port, ttl)| {
            let mut it = SyncDaemon::new(role, interface).sync_id(id);
            it.max_length = length;
            it.group = group;
            it.port = port;
            it.ttl = ttl;
            it
        })
}

fn role() -> impl Strategy<Value = SyncRole> {
    prop_oneof![Just(SyncRole::Master), Just(SyncRole::Backup)]
}

/// Zero is how text and kernel say that a timeout stays.
pub(super) fn timeouts() -> impl Strategy<Value = Timeouts> {
    let seconds = || option::of((1u32..).prop_map(|it| Duration::from_secs(it.into())));
    (seconds(), seconds(), seconds()).prop_map(|(tcp, tcp_fin, udp)| Timeouts { tcp, tcp_fin, udp })
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let of = |make: fn(VirtualService) -> Operation| virtual_service().prop_map(make);
    let named = |make: fn(ServiceKey) -> Operation| key().prop_map(make);
    let at = |make: fn(ServiceKey, SocketAddr) -> Operation| {
        (key(), address()).prop_map(move |(key, it)| make(key, it))
    };
    let with = |make: fn(ServiceKey, RealServer) -> Operation| {
        (key(), real_server()).prop_map(move |(key, it)| make(key, it))
    };
    prop_oneof![
        of(O::AddService),
        of(O::UpdateService),
        of(O::PutService),
        named(O::RemoveService),
        named(O::RemoveServiceIfPresent),
        with(O::AddServer),
        with(O::UpdateServer),
        with(O::PutServer),
        at(O::RemoveServer),
        at(O::RemoveServerIfPresent),
        Just(O::Flush),
        Just(O::Zero),
        named(O::ZeroService),
        timeouts().prop_map(O::SetTimeouts),
        daemon().prop_map(O::StartDaemon),
        role().prop_map(O::StopDaemon),
    ]
}

pub(super) fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        key().prop_map(Query::Service),
        Just(Query::Services),
        key().prop_map(Query::Servers),
        Just(Query::Timeouts),
        Just(Query::Daemons),
        Just(Query::Info),
    ]
}

/// Counters of at most `most`; bytes have 64 bits in either form.
fn statistics(most: u64) -> impl Strategy<Value = Statistics> {
    let word = || 0..=most;
    let counters = (word(), word(), word(), any::<u64>(), any::<u64>());
    let rates = (word(), word(), word(), word(), word());
    (counters, rates).prop_map(|(counters, rates)| Statistics {
        connections: counters.0,
        incoming_packets: counters.1,
        outgoing_packets: counters.2,
        incoming_bytes: counters.3,
        outgoing_bytes: counters.4,
        rates: Rates {
            connections: rates.0,
            incoming_packets: rates.1,
            outgoing_packets: rates.2,
            incoming_bytes: rates.3,
            outgoing_bytes: rates.4,
        },
        has_32_bit_counters: false,
    })
}

fn service(most: u64) -> impl Strategy<Value = ServiceInfo> {
    (virtual_service(), statistics(most))
        .prop_map(|(config, statistics)| ServiceInfo { config, statistics })
}

fn server(most: u64) -> impl Strategy<Value = ServerInfo> {
    let connections = (any::<u32>(), any::<u32>(), any::<u32>());
    (real_server(), connections, statistics(most)).prop_map(
        |(config, (active, inactive, persistent), statistics)| ServerInfo {
            config,
            active_connections: active,
            inactive_connections: inactive,
            persistent_connections: persistent,
            statistics,
        },
    )
}

/// Reports of services and servers whose counters end at `most`.
pub(super) fn counted(most: u64) -> impl Strategy<Value = Report> {
    prop_oneof![
        service(most).prop_map(Report::Service),
        server(most).prop_map(Report::Server),
    ]
}

pub(crate) fn report() -> impl Strategy<Value = Report> {
    let info = (any::<[u8; 3]>(), any::<u32>()).prop_map(|([major, minor, patch], size)| Info {
        version: Version {
            major,
            minor,
            patch,
        },
        connection_table_size: size,
    });
    prop_oneof![
        counted(u64::MAX),
        daemon().prop_map(Report::Daemon),
        timeouts().prop_map(Report::Timeouts),
        info.prop_map(Report::Info),
    ]
}

pub(super) fn table_entry() -> impl Strategy<Value = TableEntry> {
    let servers = proptest::collection::vec(server(u64::MAX), 0..4);
    (service(u64::MAX), servers).prop_map(|(service, servers)| TableEntry { service, servers })
}
