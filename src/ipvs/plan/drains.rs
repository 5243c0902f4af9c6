use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::object::Object;
use super::policy::{Policy, WaitFor};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::proc::{Snapshot, SnapshotKey, SnapshotServer};

/// The servers that drain, as a [`Record`](super::Record) has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Drains {
    pub(super) services: BTreeMap<ServiceKey, Service>,
}

/// A service with draining servers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Service {
    pub(super) persistent: bool,
    pub(super) then: Then,
    pub(super) servers: BTreeMap<SocketAddr, Server>,
}

/// What is to be done when the last draining server of a service is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// The service is updated: it loses its fallback flag.
    UpdateService(Box<VirtualService>),
    /// The service is removed.
    RemoveService,
}

/// A draining server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub(super) struct Server {
    /// The end of the drain, in whole seconds.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::unix_seconds"))]
    pub(super) until: SystemTime,
    /// The weight before the drain.
    pub(super) weight: u32,
}

/// A reading of the table, for [`Record::look`](super::Record::look).
///
/// What a reading lacks counts as removed, although the kernel can leave out what exists: see
/// [`Ipvs::services`](crate::ipvs::Ipvs::services) and [`Snapshot`]. Then the drain is forgotten,
/// and a later plan begins it anew if the server belongs to the program.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Reading<'a> {
    /// The whole table. That of [`Ipvs::verified_table`](crate::ipvs::Ipvs::verified_table) is the
    /// least likely to lack something.
    Table(&'a [TableEntry]),
    /// The `/proc` snapshot. It does not show persistence templates: see
    /// [`Drains::needs_table`]. Up to Linux 7.0, it does not show all services if the table is
    /// longer than a page and another network namespace has services, too.
    Snapshot(&'a Snapshot),
}

/// What [`Record::look`](super::Record::look) found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Look {
    /// The operations that end drains, in the order in which they are to be carried out.
    pub operations: Vec<Operation>,
    /// The servers that are removed because their time is up, although they have connections.
    pub cut: Vec<Cut>,
    /// The time of the next look, or `None` if nothing drains any more.
    #[cfg_attr(feature = "serde", serde(with = "crate::serde::optional_unix_seconds"))]
    pub next: Option<SystemTime>,
}

/// A server whose drain ends while it has connections, because its time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cut {
    /// The server.
    pub server: Object,
    /// The number of its connections, as far as the reading shows them.
    pub connections: u64,
}

impl Drains {
    /// Returns true if no server drains.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Returns an iterator over the draining servers, each with the time at which it is removed
    /// at the latest.
    pub fn iter(&self) -> impl Iterator<Item = (Object, SystemTime)> {
        self.services.iter().flat_map(|(key, service)| {
            let servers = service.servers.iter();
            servers.map(move |(address, server)| (Object::server(key, *address), server.until))
        })
    }

    /// Returns true if a reading has to be the whole table, because a persistent service drains
    /// and the policy waits for its persistence templates. With a snapshot, such a drain ends
    /// when its time is up.
    pub fn needs_table(&self, policy: &Policy) -> bool {
        policy.wait_for == WaitFor::All && self.services.values().any(|it| it.persistent)
    }

    /// Returns an iterator over the services with draining servers.
    pub(in crate::ipvs) fn keys(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// Returns the services of which a reading lacks a draining server.
    pub(in crate::ipvs) fn lacking(&self, reading: Reading<'_>) -> BTreeSet<ServiceKey> {
        if self.is_empty() {
            return BTreeSet::new();
        }
        let seen = seen(self, WaitFor::All, reading);
        let is_seen = |key: &ServiceKey, service: &Service| {
            let mut servers = service.servers.keys();
            seen.get(key)
                .is_some_and(|seen| servers.all(|it| seen.contains_key(it)))
        };
        let lacking = self.services.iter().filter(|(key, it)| !is_seen(key, it));
        lacking.map(|(key, _)| *key).collect()
    }

    /// Returns true if a service has draining servers.
    pub(super) fn has(&self, key: &ServiceKey) -> bool {
        self.services.contains_key(key)
    }

    /// Returns the record of a draining server.
    pub(super) fn get(&self, key: &ServiceKey, address: SocketAddr) -> Option<&Server> {
        self.services.get(key)?.servers.get(&address)
    }

    /// Forgets a server that no longer drains, and its service unless a flag is to be taken back
    /// there.
    pub(super) fn forget(&mut self, key: &ServiceKey, address: SocketAddr) {
        if let Some(service) = self.services.get_mut(key) {
            service.servers.remove(&address);
            let has_flag = matches!(service.then, Then::UpdateService(_));
            if service.servers.is_empty() && !has_flag {
                self.services.remove(key);
            }
        }
    }

    /// Returns the operations that end drains, and the time of the next look.
    pub(super) fn look(&mut self, policy: &Policy, reading: Reading<'_>, now: SystemTime) -> Look {
        let seen = seen(self, policy.wait_for, reading);
        let latest = ceil(after(now, policy.drain_time));
        let mut look = Look::default();
        let mut earliest = after(now, policy.look_every);
        self.services.retain(|key, service| {
            let Some(seen) = seen.get(key) else {
                return false; // the service was removed
            };
            let ending = service.ending(key, seen, now, latest, &mut look.cut);
            let waiting = service.servers.iter().filter(|it| !ending.contains(it.0));
            for (_, server) in waiting {
                earliest = earliest.min(server.until);
            }
            service.end(key, &ending, seen.len(), &mut look.operations)
        });
        look.next = (!self.is_empty()).then_some(earliest);
        look
    }
}

impl Service {
    /// Returns the servers whose drain ends. Forgets those that are gone.
    fn ending(
        &mut self,
        key: &ServiceKey,
        seen: &HashMap<SocketAddr, Seen>,
        now: SystemTime,
        latest: SystemTime,
        cut: &mut Vec<Cut>,
    ) -> BTreeSet<SocketAddr> {
        self.servers.retain(|address, _| seen.contains_key(address));
        let mut ending = BTreeSet::new();
        for (address, server) in &mut self.servers {
            let seen = seen[address];
            server.until = server.until.min(latest);
            if now >= server.until {
                ending.insert(*address);
                if seen.connections != 0 {
                    let server = Object::server(key, *address);
                    let connections = seen.connections;
                    cut.push(Cut {
                        server,
                        connections,
                    });
                }
            } else if seen.is_drained {
                ending.insert(*address);
            }
        }
        ending
    }

    /// Appends the operations that end the drains of some servers. `present` is the number of
    /// servers that the service has. Returns false if nothing is left to be done here.
    fn end(
        &self,
        key: &ServiceKey,
        ending: &BTreeSet<SocketAddr>,
        present: usize,
        operations: &mut Vec<Operation>,
    ) -> bool {
        let is_last = ending.len() == self.servers.len();
        if is_last && self.then == Then::RemoveService && ending.len() == present {
            operations.push(Operation::RemoveService(*key));
            return true;
        }
        let remove = |address: &SocketAddr| Operation::RemoveServer(*key, *address);
        operations.extend(ending.iter().map(remove));
        match &self.then {
            Then::UpdateService(config) if is_last => {
                operations.push(Operation::UpdateService(config.as_ref().clone()));
                true
            }
            _ => !self.servers.is_empty(),
        }
    }
}

/// What a reading shows of a draining server.
#[derive(Debug, Clone, Copy)]
struct Seen {
    connections: u64,
    /// Whether the server has weight 0 and none of the connections that a drain waits for.
    is_drained: bool,
}

/// The servers of a service in a reading.
type SeenServers = HashMap<SocketAddr, Seen>;

/// Returns what a reading shows of the services with draining servers.
fn seen(
    drains: &Drains,
    wait_for: WaitFor,
    reading: Reading<'_>,
) -> HashMap<ServiceKey, SeenServers> {
    let mut all = HashMap::new();
    match reading {
        Reading::Table(table) => {
            for entry in table {
                let key = entry.service.key();
                if drains.services.contains_key(&key) {
                    let servers = entry.servers.iter().map(|it| {
                        let connections = wait_for.count(it);
                        let is_drained = it.config.weight == 0 && connections == 0;
                        let seen = Seen {
                            connections,
                            is_drained,
                        };
                        (it.config.address, seen)
                    });
                    all.insert(key, servers.collect());
                }
            }
        }
        Reading::Snapshot(snapshot) => {
            let keys: HashSet<_> = drains.services.keys().map(SnapshotKey::from).collect();
            let mut rows: HashMap<SnapshotKey, Vec<&[SnapshotServer]>> = HashMap::new();
            for (service, servers) in snapshot.iter() {
                if keys.contains(&service.key) {
                    rows.entry(service.key).or_default().push(servers);
                }
            }
            for (key, service) in &drains.services {
                let rows = rows.get(&key.into()).map(Vec::as_slice).unwrap_or_default();
                if let Some(servers) = in_rows(service, wait_for, rows) {
                    all.insert(*key, servers);
                }
            }
        }
    }
    all
}

/// Returns what the rows with a service's key show of it. There can be two, because the services
/// of a firewall mark for both families look the same: then those count that have one of the
/// draining servers.
fn in_rows(
    service: &Service,
    wait_for: WaitFor,
    rows: &[&[SnapshotServer]],
) -> Option<SeenServers> {
    let is_draining = |it: &SnapshotServer| service.servers.contains_key(&it.address);
    let its = |row: &&&[SnapshotServer]| rows.len() == 1 || row.iter().any(is_draining);
    let mut all = (!rows.is_empty()).then(SeenServers::new)?;
    for server in rows.iter().filter(its).copied().flatten() {
        let connections =
            wait_for.count_shown(server.active_connections, server.inactive_connections);
        let hides_templates = wait_for == WaitFor::All && service.persistent;
        let is_drained = server.weight == 0 && connections == 0 && !hides_templates;
        let seen = all.entry(server.address).or_insert(Seen {
            connections,
            is_drained,
        });
        seen.connections = seen.connections.max(connections);
        seen.is_drained &= is_drained;
    }
    Some(all)
}

/// The longest time that a policy asks for. Longer ones count as this: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Returns the time that comes so long after another one.
pub(super) fn after(now: SystemTime, time: Duration) -> SystemTime {
    now.checked_add(time.min(LONGEST)).unwrap_or(now)
}

/// Returns the time in whole seconds, rounded up.
pub(super) fn ceil(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() + u64::from(since.subsec_nanos() != 0);
    UNIX_EPOCH + Duration::from_secs(seconds)
}
