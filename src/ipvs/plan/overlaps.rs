//! Warnings about services that take each other's packets.

use std::collections::HashSet;

use super::plan::Plan;
use super::wanted::{WantedService, WantedTable};
use super::warning::Warning;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;

/// Appends a warning for each overlap of a service that the plan adds with another one.
pub(super) fn warn(plan: &mut Plan, wanted: &WantedTable, present: &[TableEntry]) {
    let (mut added, mut removed) = (HashSet::new(), HashSet::new());
    for operation in plan.operations() {
        match operation {
            Operation::AddService(service) => drop(added.insert(service.key)),
            Operation::RemoveService(key) => drop(removed.insert(*key)),
            _ => {}
        }
    }
    if added.is_empty() {
        return;
    }
    let present = present.iter().map(|it| it.service.key());
    let others = present.filter(|key| wanted.get(key).is_none() && !removed.contains(key));
    let all: Vec<_> = wanted
        .iter()
        .map(WantedService::key)
        .chain(others)
        .collect();
    every_port(&mut plan.warnings, &all, &added);
    marks(&mut plan.warnings, &all, &added);
}

/// Returns a service's key with port 0 in place of its port, if it has another one.
fn with_every_port(key: &ServiceKey) -> Option<ServiceKey> {
    match *key {
        ServiceKey::Address {
            protocol,
            mut address,
        } if address.port() != 0 => {
            address.set_port(0);
            Some(ServiceKey::address(protocol, address))
        }
        _ => None,
    }
}

fn every_port(warnings: &mut Vec<Warning>, all: &[ServiceKey], added: &HashSet<ServiceKey>) {
    let has_every_port = |key: &&ServiceKey| key.socket_address().is_some_and(|it| it.port() == 0);
    let every_port: HashSet<_> = all.iter().filter(has_every_port).collect();
    if every_port.is_empty() {
        return;
    }
    for service in all {
        let overlapped = with_every_port(service).filter(|key| every_port.contains(key));
        let is_new = |other: &ServiceKey| added.contains(service) || added.contains(other);
        warnings.extend(overlapped.filter(is_new).map(|every_port| {
            let service = *service;
            Warning::OverlapsEveryPort {
                service,
                every_port,
            }
        }));
    }
}

/// Appends at most one warning for each firewall mark.
fn marks(warnings: &mut Vec<Warning>, all: &[ServiceKey], added: &HashSet<ServiceKey>) {
    let is_mark = |key: &&ServiceKey| key.socket_address().is_none();
    for mark in all.iter().filter(is_mark) {
        let mut services = all.iter().filter(|it| !is_mark(it));
        let overlapped = services.find(|it| {
            it.family() == mark.family() && (added.contains(mark) || added.contains(it))
        });
        warnings.extend(overlapped.map(|service| Warning::OverlapsMark {
            mark: *mark,
            service: *service,
        }));
    }
}
