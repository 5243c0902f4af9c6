//! What a snapshot shows after operations.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::object::Object;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::scheduler::Scheduler;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::proc::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotServer, SnapshotService,
};

/// Returns true if `after` shows what some operations made of `before`. What it shows of services
/// that are not the program's own, and that no operation changed, does not matter.
///
/// It returns false where a snapshot can't tell: if operations changed a service with a firewall
/// mark that both families have, because the two look the same.
pub(super) fn is_expected(
    before: &Snapshot,
    operations: &[&Operation],
    after: &Snapshot,
    is_own: impl Fn(&SnapshotKey) -> bool,
) -> bool {
    let objects = operations.iter().filter_map(|it| Object::of(it));
    let mut changed: HashMap<_, Option<Shown>> = objects
        .map(|it| (SnapshotKey::from(&it.service), None))
        .collect();
    let difference = after.changes_since(before);
    let others = difference.keys().filter(|key| !changed.contains_key(key));
    if others.into_iter().any(is_own) {
        return false;
    }
    if changed.is_empty() {
        return true;
    }
    for (service, servers) in before.iter() {
        if let Some(shown) = changed.get_mut(&service.key) {
            if shown.replace(Shown::new(service, servers)).is_some() {
                return false;
            }
        }
    }
    for operation in operations {
        if let Some(object) = Object::of(operation) {
            let shown = changed.entry((&object.service).into()).or_default();
            carry_out(operation, shown);
        }
    }
    for (service, servers) in after.iter() {
        if let Some(shown) = changed.get_mut(&service.key) {
            if shown.take() != Some(Shown::new(service, servers)) {
                return false;
            }
        }
    }
    changed.values().all(Option::is_none)
}

/// What a snapshot shows of a service that is known from its configuration.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    scheduler: Scheduler,
    one_packet: Option<bool>,
    /// The timeout is shown in ticks of an unknown length.
    is_persistent: bool,
    servers: BTreeMap<SocketAddr, (SnapshotForwarding, u32)>,
}

impl Shown {
    fn new(service: &SnapshotService, servers: &[SnapshotServer]) -> Self {
        let server = |it: &SnapshotServer| (it.address, (it.forwarding, it.weight));
        Self {
            scheduler: service.scheduler,
            one_packet: service.one_packet,
            is_persistent: service.persistence.is_some(),
            servers: servers.iter().map(server).collect(),
        }
    }

    fn of(service: &VirtualService) -> Self {
        let is_hidden = service.key.socket_address().is_some_and(|it| it.is_ipv6());
        Self {
            scheduler: service.scheduler,
            one_packet: (!is_hidden).then_some(service.one_packet),
            is_persistent: service.persistence.is_some(),
            servers: BTreeMap::new(),
        }
    }
}

/// Does to what is shown of a service what an operation does to the service.
fn carry_out(operation: &Operation, shown: &mut Option<Shown>) {
    match (operation, shown) {
        (Operation::AddService(service), shown) => *shown = Some(Shown::of(service)),
        (Operation::UpdateService(service), Some(shown)) => {
            let servers = std::mem::take(&mut shown.servers);
            *shown = Shown {
                servers,
                ..Shown::of(service)
            };
        }
        (Operation::RemoveService(_), shown) => *shown = None,
        (Operation::AddServer(_, server) | Operation::UpdateServer(_, server), Some(shown)) => {
            let looks = (server.forwarding.into(), server.weight);
            shown.servers.insert(server.address, looks);
        }
        (Operation::RemoveServer(_, address), Some(shown)) => {
            shown.servers.remove(address);
        }
        _ => {}
    }
}
