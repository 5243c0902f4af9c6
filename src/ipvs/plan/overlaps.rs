//! Warnings about services that take each other's packets.

use std::collections::HashSet;

use super::plan::Plan;
use super::wanted::{WantedService, WantedTable};
use super::warning::Warning;
use crate::Family;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;

/// Appends a warning for each overlap of a service that the plan adds with another one.
pub(super) fn warn(plan: &mut Plan, wanted: &WantedTable, present: &[TableEntry]) {
    let wanted_keys = || wanted.iter().map(WantedService::key);
    let present_keys = || present.iter().map(|it| it.service.key());
    // Usually there are neither.
    let overlaps = |key: ServiceKey| key.socket_address().is_none_or(|it| it.port() == 0);
    if !wanted_keys().chain(present_keys()).any(overlaps) {
        return;
    }
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
    let others = present_keys().filter(|it| wanted.get(it).is_none() && !removed.contains(it));
    let all: Vec<_> = wanted_keys().chain(others).collect();
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
    for family in [Family::Ipv4, Family::Ipv6] {
        let (services, marks): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(|it| it.family() == family)
            .partition(|it| it.socket_address().is_some());
        let first_added = services.iter().find(|it| added.contains(**it));
        for mark in marks {
            let overlapped = match added.contains(mark) {
                true => services.first(),
                false => first_added,
            };
            warnings.extend(overlapped.map(|service| Warning::OverlapsMark {
                mark: *mark,
                service: **service,
            }));
        }
    }
}
