//! What another program changed.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::object::Object;
use super::plan::Plan;
use super::record::Record;
use super::step::Reason;
use super::wanted::{WantedServer, WantedService, WantedTable};
use crate::ipvs::model::key::ServiceKey;

/// What the table was brought to before.
#[derive(Debug, Clone, Copy)]
pub(in crate::ipvs) struct Before<'a> {
    pub(super) wanted: &'a WantedTable,
    /// The objects that could not be brought to what was wanted.
    pub(super) failed: &'a HashSet<Object>,
}

/// Returns the indexes of the steps with which a plan corrects what another program changed.
///
/// Without `before`, these are only those of which the record shows it: what was applied and is
/// missing, and what drains and has a weight again.
pub(in crate::ipvs) fn drifted(
    plan: &Plan,
    wanted: &WantedTable,
    record: &Record,
    before: Option<Before<'_>>,
) -> Vec<usize> {
    if before.is_none() && record.applied().is_empty() && record.drains().is_empty() {
        return Vec::new(); // a first call
    }
    let mut changes: Option<Changes> = None;
    let mut drifted = Vec::new();
    for (index, step) in plan.steps().iter().enumerate() {
        let object = step.object();
        let key = &object.service;
        let is_drift = match (step.reason(), object.server) {
            (Reason::Missing, _) if record.contains(&object) => true,
            (Reason::Fallback | Reason::Returns, _) => false,
            (Reason::Drains, Some(it)) if record.drains().get(key, it).is_some() => true,
            // It loses the flag that it had while its servers drained.
            (Reason::Differs, None) if record.drains().has(key) => false,
            _ => before.is_some_and(|before| {
                if changes.as_ref().is_none_or(|it| it.key != *key) {
                    changes = Some(Changes::between(*key, before.wanted, wanted));
                }
                let changes = changes.as_ref();
                !before.failed.contains(&object) && !changes.is_some_and(|it| it.contain(&object))
            }),
        };
        if is_drift {
            drifted.push(index);
        }
    }
    drifted
}

/// What of a service is wanted otherwise than before.
struct Changes {
    key: ServiceKey,
    /// Whether the service or its configuration is.
    config: bool,
    /// Whether the service is wanted and was not, or the other way round.
    existence: bool,
    servers: HashSet<SocketAddr>,
}

impl Changes {
    fn between(key: ServiceKey, old: &WantedTable, new: &WantedTable) -> Self {
        let (old, new) = (old.get(key), new.get(key));
        let config = old.map(WantedService::config) != new.map(WantedService::config);
        let existence = old.is_some() != new.is_some();
        let (old, new) = (servers(old), servers(new));
        if old == new {
            let servers = HashSet::new();
            return Self {
                key,
                config,
                existence,
                servers,
            };
        }
        let mut gone: HashMap<_, _> = old.iter().map(|it| (it.config.address, it)).collect();
        let is_new = |it: &&WantedServer| gone.remove(&it.config.address) != Some(*it);
        let changed = new.iter().filter(is_new).map(|it| it.config.address);
        let mut servers: HashSet<_> = changed.collect();
        servers.extend(gone.keys());
        Self {
            key,
            config,
            existence,
            servers,
        }
    }

    fn contain(&self, object: &Object) -> bool {
        let server = object.server.as_ref();
        server.map_or(self.config, |it| {
            self.existence || self.servers.contains(it)
        })
    }
}

fn servers(service: Option<&WantedService>) -> &[WantedServer] {
    service.map(WantedService::servers).unwrap_or_default()
}
