//! Values for the property tests: few keys and addresses, so that tables have much in common,
//! and every option.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::model::{Kernel, Server, Service, stored};
use crate::Family;
use crate::ipvs::plan::*;
use crate::ipvs::{
    ForwardingMethod, Operation, PersistenceEngine, RealServer, Scheduler, SchedulerFlags,
    ServiceKey, Tunnel, TunnelFlags, VirtualService,
};

const KEYS: [&str; 10] = [
    "-t 10.0.0.1:80",
    "-t 10.0.0.1:0",
    "-t 10.0.1.1:443",
    "-u 10.0.0.1:53",
    "--sctp-service 10.0.0.1:9",
    "--protocol 50 10.0.0.1:9",
    "-t [fd00::1]:80",
    "-u [fd00::1]:53",
    "-f 7",
    "-f 7 -6",
];

pub(super) fn keys() -> Vec<ServiceKey> {
    KEYS.iter().map(|it| it.parse().unwrap()).collect()
}

/// Addresses for a service, the last one of the other family.
fn addresses(family: Family) -> Vec<SocketAddr> {
    let (v4, v6) = ("10.1.0.", "[fd01::");
    let own = |last: u8| match family {
        Family::Ipv4 => format!("{v4}{last}:80"),
        Family::Ipv6 => format!("{v6}{last}]:80"),
    };
    let other = match family {
        Family::Ipv4 => format!("{v6}9]:80"),
        Family::Ipv6 => format!("{v4}9:80"),
    };
    let own = (1..=5).map(own);
    own.chain([other]).map(|it| it.parse().unwrap()).collect()
}

pub(super) fn config(key: ServiceKey) -> impl Strategy<Value = VirtualService> {
    let scheduler = select(vec!["rr", "wlc", "sh", "mh", "dh", "unheard-of"]);
    let flags = prop_oneof![
        Just(0),
        select(vec![0x08u32, 0x10, 0x18, 0x20, 0x1000, 0x8000_0008])
    ];
    // The last one overflows in the kernel.
    let timeout = select(vec![1u64, 300, 42_949_700]);
    let granularity = select(vec![1u8, 24, 32]);
    let persistence = option::of((timeout, granularity));
    let engine = option::weighted(0.2, select(vec!["sip", "other"]));
    (scheduler, flags, persistence, engine, any::<bool>()).prop_map(
        move |(scheduler, flags, persistence, engine, one_packet)| {
            let mut it = VirtualService::new(key)
                .scheduler(Scheduler::new(scheduler).unwrap())
                .scheduler_flags(SchedulerFlags::from_bits_retain(flags));
            if let Some((timeout, prefix)) = persistence {
                it = it
                    .persistent(Duration::from_secs(timeout))
                    .persistence_granularity(prefix);
            }
            it.persistence_engine = engine.map(|it| PersistenceEngine::new(it).unwrap());
            it.one_packet = one_packet;
            it
        },
    )
}

fn forwarding(is_tunnel: bool) -> impl Strategy<Value = ForwardingMethod> {
    let unknown = Tunnel::from_parts(7, 9, TunnelFlags::from_bits_retain(0x8));
    let tunnels = vec![
        ForwardingMethod::Tunnel(Tunnel::Ipip),
        ForwardingMethod::Tunnel(Tunnel::gue(6080).checksum()),
        ForwardingMethod::Tunnel(Tunnel::gre()),
        ForwardingMethod::Tunnel(unknown),
    ];
    let others = vec![
        ForwardingMethod::Masquerade,
        ForwardingMethod::DirectRouting,
        ForwardingMethod::LocalNode,
        ForwardingMethod::Bypass,
        ForwardingMethod::Other(6),
    ];
    match is_tunnel {
        true => select(tunnels),
        false => select([others, tunnels].concat()),
    }
}

fn server(key: ServiceKey, address: SocketAddr) -> impl Strategy<Value = RealServer> {
    let is_tunnel = Family::of(address.ip()) != key.family();
    let thresholds = select(vec![(0u32, 0u32), (10, 0), (10, 5)]);
    (forwarding(is_tunnel), 0u32..4, thresholds).prop_map(
        move |(forwarding, weight, (upper, lower))| {
            RealServer::new(address)
                .forwarding(forwarding)
                .weight(weight)
                .upper_threshold(upper)
                .lower_threshold(lower)
        },
    )
}

fn servers(key: ServiceKey) -> impl Strategy<Value = Vec<RealServer>> {
    let all = addresses(key.family());
    let count = 0..=all.len();
    let some = subsequence(all, count).prop_shuffle();
    some.prop_flat_map(move |addresses| {
        let servers = addresses.into_iter().map(|it| server(key, it));
        servers.collect::<Vec<_>>()
    })
}

fn some_keys() -> impl Strategy<Value = Vec<ServiceKey>> {
    subsequence(keys(), 0..=5)
}

/// A table of the kernel's, with connections.
pub(super) fn kernel() -> impl Strategy<Value = Kernel> {
    let connections = (0u32..3, 0u32..3, 0u32..3);
    let service = move |key| {
        let servers = servers(key);
        (config(key), servers, vec(connections.clone(), 6))
    };
    let services = some_keys()
        .prop_flat_map(move |keys| keys.into_iter().map(service.clone()).collect::<Vec<_>>());
    services.prop_map(|services| {
        let mut kernel = Kernel::default();
        for (config, servers, connections) in services {
            let servers = servers.into_iter().zip(connections);
            let servers = servers.map(|(config, connections)| Server {
                config,
                connections,
            });
            let service = Service {
                config: stored(&config),
                servers: servers.collect(),
            };
            kernel.services.insert(config.key, service);
        }
        kernel
    })
}

fn wanted_service(key: ServiceKey) -> impl Strategy<Value = WantedService> {
    let keeps = vec(prop::bool::weighted(0.2), 6);
    (config(key), servers(key), keeps).prop_map(|(config, servers, keeps)| {
        let servers = servers.into_iter().zip(keeps);
        let servers = servers.map(|(server, keeps)| match keeps {
            true => WantedServer::new(server).keep_weight(),
            false => WantedServer::new(server),
        });
        WantedService::new(config, servers).unwrap()
    })
}

pub(super) fn wanted() -> impl Strategy<Value = WantedTable> {
    let services =
        some_keys().prop_flat_map(|keys| keys.into_iter().map(wanted_service).collect::<Vec<_>>());
    services.prop_map(|services| {
        let mut table = WantedTable::new();
        for service in services {
            table.insert_service(service).unwrap();
        }
        table
    })
}

/// A wanted table that has parts of the kernel's.
pub(super) fn kernel_and_wanted() -> impl Strategy<Value = (Kernel, WantedTable)> {
    let takes = vec(any::<bool>(), 30);
    (kernel(), wanted(), takes).prop_map(|(kernel, mut wanted, takes)| {
        let mut takes = takes.into_iter().cycle();
        for service in kernel.services.values() {
            if takes.next() == Some(true) {
                let servers = service
                    .servers
                    .iter()
                    .filter(|_| takes.next() == Some(true));
                let servers: Vec<_> = servers.map(|it| WantedServer::from(&it.config)).collect();
                let service = WantedService::new(service.config.clone(), servers);
                wanted.replace(service.unwrap());
            }
        }
        (kernel, wanted)
    })
}

pub(super) fn policy() -> impl Strategy<Value = Policy> {
    let times = select(vec![0u64, 30, 600]);
    let wait_for = select(vec![
        WaitFor::Active,
        WaitFor::ActiveAndInactive,
        WaitFor::All,
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (times, wait_for, flags, 0u8..=100).prop_map(|(time, wait_for, flags, percent)| {
        Policy::new()
            .drain_time(Duration::from_secs(time))
            .wait_for(wait_for)
            .drain_udp(flags.0)
            .drain_unwanted_services(flags.1)
            .set_fallback(flags.2)
            .warn_above_percent(percent)
    })
}

/// A scope, and the keys that it contains with all their servers, besides those that the wanted
/// table names if `names` is true. If `records` is true, it contains recorded objects, too.
#[derive(Debug, Clone)]
pub(super) struct ScopeCase {
    pub(super) scope: Scope,
    pub(super) whole: Vec<ServiceKey>,
    pub(super) names: bool,
    pub(super) records: bool,
}

fn one_scope() -> impl Strategy<Value = ScopeCase> {
    let of = |scope: Scope, whole: &[usize]| ScopeCase {
        scope,
        whole: whole.iter().map(|it| keys()[*it]).collect(),
        names: false,
        records: false,
    };
    let range = |text: &str| text.parse::<Scope>().unwrap();
    let named = ScopeCase {
        names: true,
        ..of(Scope::named(), &[])
    };
    let recorded = ScopeCase {
        records: true,
        ..of(Scope::recorded(), &[])
    };
    let ipv6 = Scope::predicate(|key| key.family() == Family::Ipv6);
    select(vec![
        named,
        recorded,
        of(Scope::everything(), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        of(range("10.0.0.0/24"), &[0, 1, 3, 4, 5]),
        of(range("10.0.0.0/16:80-500"), &[0, 2]),
        of(range("udp:10.0.0.0/16"), &[3]),
        of(range("[fd00::1]:53"), &[7]),
        of(range("mark:0x5/0xd"), &[8, 9]),
        of(range("mark:0x8"), &[]),
        of(ipv6, &[6, 7, 9]),
    ])
}

pub(super) fn scope() -> impl Strategy<Value = ScopeCase> {
    (one_scope(), option::weighted(0.3, one_scope())).prop_map(|(one, other)| match other {
        None => one,
        Some(other) => ScopeCase {
            scope: one.scope | other.scope,
            whole: [one.whole, other.whole].concat(),
            names: one.names || other.names,
            records: one.records || other.records,
        },
    })
}

/// What another program may do at any moment.
pub(super) fn foreign_operation() -> impl Strategy<Value = Operation> {
    select(keys()).prop_flat_map(|key| {
        let address = select(addresses(key.family()));
        let server = address
            .clone()
            .prop_flat_map(move |address| server(key, address));
        prop_oneof![
            config(key).prop_map(Operation::AddService),
            config(key).prop_map(Operation::UpdateService),
            Just(Operation::RemoveService(key)),
            server
                .clone()
                .prop_map(move |it| Operation::AddServer(key, it)),
            server.prop_map(move |it| Operation::UpdateServer(key, it)),
            address.prop_map(move |it| Operation::RemoveServer(key, it)),
        ]
    })
}
