//! Complete tables from dumps that can repeat or skip objects.

use std::collections::HashMap;

use super::Client;
use crate::error::Cause;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::query::Query;
use crate::ipvs::model::report::Report;
use crate::ipvs::model::report::{ServiceInfo, TableEntry};
use crate::netlink::{Socket, Transport, ready};
use crate::trace::{Began, NO_SET};
use crate::{Error, Result};

/// The number of times that a list or table is read before it is reported as inconsistent.
const ATTEMPTS: usize = 6;

const TABLE: &str = "read table";

impl<T: Transport> Client<T> {
    /// Reads all services. The list contains each of them once, however often the dump does.
    ///
    /// A list that arrives in one datagram is complete. If it arrives in several, the kernel may
    /// have moved the services into another table in between, and then some are missing. In this
    /// case their number differs from the kernel's count. If that count cannot be read, two lists
    /// in succession have to contain the same services.
    pub(crate) async fn services(&mut self) -> Result<Vec<ServiceInfo>> {
        let (operation, began) = (Query::Services.name(), Began::now());
        let mut before = None;
        for attempt in 1..=ATTEMPTS {
            if let Some(services) = self.services_if_complete(&mut before).await? {
                began.tried(operation, NO_SET, attempt);
                began.done(operation, NO_SET, services.len());
                return Ok(services);
            }
        }
        began.tried(operation, NO_SET, ATTEMPTS);
        Err(Error::new(operation, Cause::Inconsistent))
    }

    /// Reads all services once. Returns `None` if some may be missing. `before` holds the keys of
    /// the services in the list before, if they are needed.
    async fn services_if_complete(
        &mut self,
        before: &mut Option<Vec<ServiceKey>>,
    ) -> Result<Option<Vec<ServiceInfo>>> {
        let mut services = Vec::new();
        let pieces = self.ask(&Query::Services, |report| {
            if let Report::Service(service) = report {
                services.push(service);
            }
        });
        let pieces = pieces.await?;
        let services = distinct(services, ServiceInfo::key);
        if pieces <= 1 || self.growth.is_never() {
            return Ok(Some(services));
        }
        let complete = match self.growth.services() {
            Some(count) => count == services.len(),
            None => {
                let mut keys: Vec<_> = services.iter().map(ServiceInfo::key).collect();
                keys.sort_unstable();
                before.replace(keys.clone()) == Some(keys)
            }
        };
        Ok(complete.then_some(services))
    }

    pub(crate) async fn table(&mut self) -> Result<Vec<TableEntry>> {
        let began = Began::now();
        let services = self.services().await?;
        let mut table = Vec::with_capacity(services.len());
        for service in services {
            let servers = self.servers_if_any(service.key()).await?;
            table.push(TableEntry { service, servers });
        }
        began.done(TABLE, NO_SET, table.len());
        Ok(table)
    }

    /// Reads the part of the table with some services. Those that do not exist are left out, and so
    /// are those that the interface cannot read. An operation on one of these fails by itself.
    pub(in crate::ipvs) async fn table_of(
        &mut self,
        services: impl IntoIterator<Item = &ServiceKey>,
    ) -> Result<Vec<TableEntry>> {
        let mut table = Vec::new();
        for key in services {
            let service = match self.service(*key).await {
                Ok(service) => service,
                Err(error) if error.is_not_found() || error.is_netlink_required() => continue,
                Err(error) => return Err(error),
            };
            let servers = self.servers_if_any(*key).await?;
            table.push(TableEntry { service, servers });
        }
        Ok(table)
    }

    pub(crate) async fn verified_table(&mut self) -> Result<Vec<TableEntry>> {
        let began = Began::now();
        let mut before = self.table().await?;
        for attempt in 1..ATTEMPTS {
            let now = self.table().await?;
            if same(&before, &now) {
                began.tried(TABLE, NO_SET, attempt);
                return Ok(now);
            }
            before = now;
        }
        began.tried(TABLE, NO_SET, ATTEMPTS);
        Err(Error::new(TABLE, Cause::Inconsistent))
    }
}

/// An iterator over the services of a table, each with its servers.
///
/// [`Ipvs::entries`](crate::ipvs::Ipvs::entries) returns it. It reads the servers of a service when
/// it yields the service.
#[derive(Debug)]
pub struct TableEntries<'a> {
    client: &'a mut Client<Socket>,
    services: std::vec::IntoIter<ServiceInfo>,
}

impl<'a> TableEntries<'a> {
    pub(in crate::ipvs) fn new(client: &'a mut Client<Socket>, services: Vec<ServiceInfo>) -> Self {
        let services = services.into_iter();
        Self { client, services }
    }
}

impl Iterator for TableEntries<'_> {
    type Item = Result<TableEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let service = self.services.next()?;
        let servers = ready(self.client.servers_if_any(service.key()));
        Some(servers.map(|servers| TableEntry { service, servers }))
    }
}

/// Returns true if two tables contain the same services and servers with the same configuration.
/// The counters and the order may differ.
fn same(one: &[TableEntry], other: &[TableEntry]) -> bool {
    let others: HashMap<_, _> = other.iter().map(|it| (it.service.key(), it)).collect();
    one.len() == other.len()
        && one.iter().all(|it| {
            others
                .get(&it.service.key())
                .is_some_and(|other| same_entry(it, other))
        })
}

fn same_entry(one: &TableEntry, other: &TableEntry) -> bool {
    let servers: HashMap<_, _> = other
        .servers
        .iter()
        .map(|it| (it.config.address, &it.config))
        .collect();
    one.service.config == other.service.config
        && one.servers.len() == other.servers.len()
        && one
            .servers
            .iter()
            .all(|it| servers.get(&it.config.address) == Some(&&it.config))
}

/// Removes all but the last of the values with the same key.
///
/// Repetitions are rare: a dump repeats objects only if the table changes while it is read. So the
/// search for them must take little time and memory.
pub(in crate::ipvs) fn distinct<K: Ord, V>(mut values: Vec<V>, key: impl Fn(&V) -> K) -> Vec<V> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // The sort is stable, so among the values with the same key the last stays last.
    order.sort_by_key(|place| key(&values[*place]));
    let pairs = order.windows(2);
    let earlier = pairs.filter(|pair| key(&values[pair[0]]) == key(&values[pair[1]]));
    let mut gone: Vec<usize> = earlier.map(|pair| pair[0]).collect();
    gone.sort_unstable();
    let mut place = 0..;
    values.retain(|_| {
        place
            .next()
            .is_none_or(|it| gone.binary_search(&it).is_err())
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::model::report::{ServerInfo, ServiceInfo, Statistics};
    use crate::ipvs::{RealServer, VirtualService};

    fn table(entries: &[(&str, &[&str])]) -> Vec<TableEntry> {
        let server = |text: &&str| ServerInfo {
            config: text.parse::<RealServer>().unwrap(),
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            statistics: Statistics::default(),
        };
        let entry = |(service, servers): &(&str, &[&str])| TableEntry {
            service: ServiceInfo {
                config: service.parse::<VirtualService>().unwrap(),
                statistics: Statistics::default(),
            },
            servers: servers.iter().map(server).collect(),
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn tables_are_the_same_whatever_order_and_counters() {
        let one = table(&[
            (
                "-t 10.0.0.1:80 -s rr",
                &["-r 10.1.0.1:80 -m", "-r 10.1.0.2:80 -m"],
            ),
            ("-t 10.0.0.2:80 -s rr", &[]),
        ]);
        let mut turned = table(&[
            ("-t 10.0.0.2:80 -s rr", &[]),
            (
                "-t 10.0.0.1:80 -s rr",
                &["-r 10.1.0.2:80 -m", "-r 10.1.0.1:80 -m"],
            ),
        ]);
        turned[0].service.statistics.connections = 7;
        assert!(same(&one, &turned));
        for other in [
            table(&[(
                "-t 10.0.0.1:80 -s rr",
                &["-r 10.1.0.1:80 -m", "-r 10.1.0.2:80 -m"],
            )]),
            table(&[
                (
                    "-t 10.0.0.1:80 -s rr",
                    &["-r 10.1.0.1:80 -m", "-r 10.1.0.2:80 -m -w 2"],
                ),
                ("-t 10.0.0.2:80 -s rr", &[]),
            ]),
            table(&[
                ("-t 10.0.0.1:80 -s rr", &["-r 10.1.0.1:80 -m"]),
                ("-t 10.0.0.2:80 -s rr", &[]),
            ]),
            table(&[
                (
                    "-t 10.0.0.1:80 -s rr",
                    &["-r 10.1.0.1:80 -m", "-r 10.1.0.2:80 -m"],
                ),
                ("-t 10.0.0.2:80 -s wrr", &[]),
            ]),
        ] {
            assert!(!same(&one, &other));
            assert!(!same(&other, &one));
        }
    }

    #[test]
    fn the_last_of_a_key_counts() {
        let values = vec![(1, 'a'), (2, 'b'), (1, 'c'), (3, 'd'), (3, 'e'), (1, 'f')];
        let kept = distinct(values, |it| it.0);
        assert_eq!(kept, [(2, 'b'), (3, 'e'), (1, 'f')]);
        assert_eq!(distinct(vec![2, 1], |it| *it), [2, 1]);
    }
}
