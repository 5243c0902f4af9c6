//! What planning takes, without a kernel: tables of 100,000 servers against as many.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipvset::ipvs::plan::{Planner, Record, Scope, StepResult, WantedTable};
use ipvset::ipvs::{RealServer, ServerInfo, ServiceInfo, TableEntry, VirtualService};

const SERVERS: u32 = 100_000;

fn address(network: [u8; 2], number: u32) -> SocketAddr {
    let [.., high, low] = (number % 65_536).to_be_bytes();
    let address = Ipv4Addr::new(network[0], network[1] + (number >> 16) as u8, high, low);
    (address, 80).into()
}

/// Some services with 100,000 servers altogether, the first of them in this network, as the kernel
/// lists them.
fn table(services: u32, network: [u8; 2]) -> Vec<TableEntry> {
    let each = SERVERS / services;
    let entry = |number: u32| {
        let servers = (number * each..(number + 1) * each).rev();
        let server = |it| ServerInfo::new(RealServer::new(address(network, it)).masquerade());
        let service = VirtualService::tcp(address([10, 0], number));
        TableEntry::new(ServiceInfo::new(service), servers.map(server).collect())
    };
    (0..services).rev().map(entry).collect()
}

fn wanted(table: &[TableEntry]) -> WantedTable {
    WantedTable::from_entries(table).unwrap()
}

fn plan(criterion: &mut Criterion, services: u32) {
    let present = table(services, [10, 64]);
    let same = wanted(&present);
    let replaced = wanted(&table(services, [10, 128]));
    let mut few = present.clone();
    for entry in few.iter_mut().step_by(100.min(services as usize)) {
        let each = entry.servers.len();
        for server in entry.servers.iter_mut().take(each.min(1_000)) {
            server.config.weight = 7;
        }
    }
    let few = wanted(&few);
    let planner = Planner::new().scope(Scope::everything());
    let (empty, mut record) = (Record::new(), Record::new());
    let adoption = planner.plan(&same, &present, &empty);
    record.begin(&adoption, SystemTime::now());
    record.settle(&adoption, |_| StepResult::Succeeded);

    let name = format!("plan/{services} services");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(SERVERS.into()));
    for (what, wanted, present, record, steps) in [
        ("equal", &same, &present[..], &record, 0),
        ("equal, adopted", &same, &present, &empty, 0),
        ("1 % changed", &few, &present, &record, 1_000),
        ("cold", &same, &[], &empty, SERVERS + services),
        ("all replaced", &replaced, &present, &record, 2 * SERVERS),
    ] {
        assert_eq!(
            planner.plan(wanted, present, record).steps().len(),
            steps as usize
        );
        group.bench_function(what, |bencher| {
            bencher.iter_with_large_drop(|| planner.plan(wanted, present, record));
        });
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    for services in [1, 10_000, 100_000] {
        plan(criterion, services);
    }
}

criterion_group!(name = benches; config = Criterion::default().sample_size(20); targets = all);
criterion_main!(benches);
