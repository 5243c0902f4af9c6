//! Changes between tables.

use std::collections::BTreeMap;
use std::ops::Range;

use ipvset::ipvs::plan::{
    AddressRange, Object, ObjectState, Planner, Policy, Record, Scope, WantedTable,
};
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, ServiceKey, VirtualService};

use super::{backend, end_drains, service, settle, state, table_of, wanted};
use crate::generated::{
    Dice, Entry, Words, expect_saved, generate_entry, generate_server, generate_service, read, same,
};
use crate::interface::families;
use crate::support::{Result, schedulers, tests};

tests![
    between_generated_tables,
    between_generated_tables_with_drains,
    one_step_for_each_difference,
    existing_services_are_adopted,
    nothing_outside_of_the_scope_changes,
    new_servers_come_first,
];

const SERVICES: u32 = 500;

/// Returns a variation of a table: some services are unchanged, changed, removed, or have other
/// servers. Adds services with the numbers `new`.
pub(super) fn changed(
    table: &[Entry],
    dice: &mut Dice,
    schedulers: &[Scheduler],
    new: Range<u32>,
) -> Vec<Entry> {
    let mut changed = Vec::new();
    for (number, (service, servers)) in (0..).zip(table) {
        let mut entry = (service.clone(), servers.clone());
        match dice.throw(5) {
            0 => {}
            1 => continue,
            2 => {
                let other = generate_service(dice, number, schedulers);
                if other.key.family() == service.key.family() {
                    entry.0 = other;
                    entry.0.key = service.key;
                }
            }
            _ => {
                entry.1.retain(|_| !dice.in_three());
                for server in &mut entry.1 {
                    if dice.in_three() {
                        let mut other = generate_server(dice, &service.key, 0, Words::Kernels);
                        if other.address.is_ipv4() == server.address.is_ipv4() {
                            other.address = server.address;
                            *server = other;
                        }
                    }
                }
                let more = 10_000 + 4 * number;
                let more = more..more + dice.throw(3);
                for number in more {
                    let one = generate_server(dice, &service.key, number, Words::Kernels);
                    // An earlier variation may have added it.
                    if entry.1.iter().all(|it| it.address != one.address) {
                        entry.1.push(one);
                    }
                }
            }
        }
        changed.push(entry);
    }
    changed.extend(new.map(|it| generate_entry(dice, it, schedulers, Words::Kernels)));
    changed
}

/// Returns a table by its keys, with the servers sorted by address.
fn sorted(
    entries: impl IntoIterator<Item = Entry>,
) -> BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)> {
    let entry = |(service, mut servers): Entry| {
        servers.sort_by_key(|it| it.address);
        (service.key, (service, servers))
    };
    entries.into_iter().map(entry).collect()
}

fn expect(ipvs: &mut Ipvs, table: &[Entry]) -> Result {
    let is = read(ipvs.verified_table()?).into_values();
    same(&sorted(is), &sorted(table.to_vec()));
    expect_saved(table)
}

fn from_table_to_table(policy: Policy) -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let mut dice = Dice(7);
    let planner = Planner::new().scope(Scope::everything()).policy(policy);
    let mut record = Record::new();
    let first = 0..SERVICES;
    let first = first.map(|it| generate_entry(&mut dice, it, &schedulers, Words::Kernels));
    let mut table: Vec<_> = first.collect();
    for round in 1..5 {
        settle(&mut ipvs, &planner, &wanted(&table)?, &mut record)?;
        end_drains(&mut ipvs, &planner, &mut record)?;
        assert!(record.drains().is_empty());
        expect(&mut ipvs, &table)?;
        let again = ipvs.apply(&planner, &wanted(&table)?, &mut record)?;
        assert_eq!(again.objects, []);
        let new = round * 1000..round * 1000 + SERVICES / 5;
        table = changed(&table, &mut dice, &schedulers, new);
    }
    settle(&mut ipvs, &planner, &WantedTable::new(), &mut record)?;
    end_drains(&mut ipvs, &planner, &mut record)?;
    assert_eq!(ipvs.table()?, []);
    assert_eq!(record, Record::new());
    Ok(())
}

fn between_generated_tables() -> Result {
    from_table_to_table(Policy::without_drain())
}

fn between_generated_tables_with_drains() -> Result {
    from_table_to_table(Policy::new().drain_udp(true))
}

/// A plan has one step for each difference, and no other steps.
fn one_step_for_each_difference() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::everything());
    let planner = planner.policy(Policy::without_drain());
    let mut record = Record::new();
    let mut table = table_of(&[1, 2, 3, 4], &[1, 2, 3])?;
    settle(&mut ipvs, &planner, &table, &mut record)?;
    table.remove(service(1));
    table.insert(service(5), [backend(1)])?;
    let mut three = table.remove(service(3)).ok_or("no service")?;
    let servers = [backend(1).weight(7), backend(2), backend(4)];
    three = ipvset::ipvs::plan::WantedService::new(three.config().clone(), servers)?;
    table.insert_service(three)?;
    let plan = ipvs.plan(&planner, &table, &record)?;
    assert_eq!(plan.steps().len(), 6, "{plan}");
    let report = settle(&mut ipvs, &planner, &table, &mut record)?;
    assert_eq!(report.objects.len(), 6, "{report}");
    let of_three = |number| Object::server(service(3), backend(number).address);
    for (object, became) in [
        (Object::service(service(1)), ObjectState::Removed),
        (Object::service(service(5)), ObjectState::Added),
        (
            Object::server(service(5), backend(1).address),
            ObjectState::Added,
        ),
        (of_three(1), ObjectState::Updated),
        (of_three(3), ObjectState::Removed),
        (of_three(4), ObjectState::Added),
    ] {
        assert_eq!(*state(&report, object), became, "{object}");
    }
    assert_eq!(report.drift, []);
    Ok(())
}

/// An existing service of another program is changed to the wanted one, and belongs to the caller
/// from then on.
fn existing_services_are_adopted() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&service(1).scheduler(Scheduler::SourceHashing))?;
    ipvs.add_server(service(1), &backend(1).weight(5))?;
    ipvs.add_server(service(1), &backend(2))?;
    ipvs.add_service(&service(2))?;
    ipvs.add_server(service(2), &backend(1))?;
    let planner = Planner::new().scope(Scope::recorded());
    let planner = planner.policy(Policy::without_drain());
    let mut record = Record::new();
    let table = table_of(&[1], &[1, 3])?;
    let plan = ipvs.plan(&planner, &table, &record)?;
    let adopted = [
        Object::service(service(1)),
        Object::server(service(1), backend(1).address),
    ];
    assert_eq!(plan.adopted(), adopted);
    let report = ipvs.apply(&planner, &table, &mut record)?;
    assert_eq!(report.drift, []);
    assert_eq!(ipvs.service(service(1))?.config, service(1));
    let servers: Vec<_> = ipvs.servers(service(1))?;
    let servers: Vec<_> = servers.into_iter().map(|it| it.config).collect();
    // The second one belongs to the other program.
    assert_eq!(servers, [backend(3), backend(2), backend(1)]);

    settle_nothing(&mut ipvs, &planner, &mut record)?;
    let rest: Vec<_> = ipvs.servers(service(1))?;
    let rest: Vec<_> = rest.into_iter().map(|it| it.config).collect();
    assert_eq!(rest, [backend(2)]);
    assert_eq!(ipvs.servers(service(2))?.len(), 1);
    Ok(())
}

fn settle_nothing(ipvs: &mut Ipvs, planner: &Planner, record: &mut Record) -> Result {
    ipvs.apply(planner, &WantedTable::new(), record)?;
    let rest = ipvs.verify(planner, &WantedTable::new(), record)?;
    assert!(rest.is_empty(), "{rest}");
    Ok(())
}

fn nothing_outside_of_the_scope_changes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let foreign: Vec<_> = (1..=3).map(|it| service(100 + it)).collect();
    for service in &foreign {
        ipvs.add_service(service)?;
        ipvs.add_server(service, &backend(9))?;
    }
    let family = families().last().copied().unwrap_or_default();
    let marked = VirtualService::firewall_mark(1.try_into()?, family);
    ipvs.add_service(&marked)?;
    let before = ipvs.table()?;
    let range = AddressRange::new("10.9.0.0/26".parse()?).ports(80..=80);
    let scopes = [
        Scope::named(),
        Scope::recorded(),
        Scope::addresses(range) | Scope::firewall_marks(0x10, 0xf0),
        Scope::predicate(|key| {
            key.socket_address()
                .is_some_and(|it| it.ip() < service_ip(50))
        }),
    ];
    for scope in scopes {
        let removes_unnamed = scope.to_string() != "named";
        let planner = Planner::new().scope(scope).policy(Policy::without_drain());
        let mut record = Record::new();
        settle(
            &mut ipvs,
            &planner,
            &table_of(&[1, 2], &[1, 2])?,
            &mut record,
        )?;
        assert_eq!(ipvs.table()?.len(), before.len() + 2);
        settle(&mut ipvs, &planner, &table_of(&[2], &[2])?, &mut record)?;
        let there = if removes_unnamed { 1 } else { 2 };
        assert_eq!(ipvs.table()?.len(), before.len() + there);
        let theirs = |mut table: Vec<_>| {
            table.retain(|it: &ipvset::ipvs::TableEntry| {
                ![service(1).key, service(2).key].contains(&it.service.key())
            });
            // A table that grows has another order.
            table.sort_by_key(|it| it.service.key());
            table
        };
        assert_eq!(theirs(ipvs.table()?), theirs(before.clone()));
        for number in [1, 2] {
            ipvs.remove_service_if_present(service(number))?;
        }
    }

    // Wanted services outside of the scope are not applied.
    let planner = Planner::new().scope(Scope::firewall_marks(0x10, 0xf0));
    let report = ipvs.apply(&planner, &table_of(&[101, 102], &[1])?, &mut Record::new())?;
    assert!(!report.is_success());
    assert_eq!(report.objects.len(), 2);
    Ok(())
}

fn service_ip(number: u8) -> std::net::IpAddr {
    [10, 9, 0, number].into()
}

/// While the servers of a service are replaced, it always has some.
fn new_servers_come_first() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().policy(Policy::without_drain());
    let mut record = Record::new();
    settle(&mut ipvs, &planner, &table_of(&[1], &[1, 2])?, &mut record)?;
    let plan = ipvs.plan(&planner, &table_of(&[1], &[3, 4])?, &record)?;
    for operation in plan.operations() {
        ipvs.execute(operation)?;
        assert!(ipvs.servers(service(1))?.len() >= 2, "{operation}");
    }
    let servers = ipvs.servers(service(1))?.into_iter();
    let servers: Vec<_> = servers.map(|it| it.config).collect();
    assert_eq!(servers, [backend(4), backend(3)]);
    Ok(())
}
