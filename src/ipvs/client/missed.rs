//! What a reading of the table missed.
//!
//! Up to Linux 7.0, a list that the kernel returns in several pieces can lack services or servers
//! that exist, if any program changes the table meanwhile, even that of another network namespace.
//! A record that forgot them would never remove them. So before it forgets anything, the kernel is
//! asked for that by itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Client;
use crate::Result;
use crate::ipvs::model::control_interface::ControlInterface;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::plan::{Drains, Plan, Planner, Reading, Record, WantedTable};
use crate::netlink::Transport;

/// The number of times that services are asked for. A list of servers that shows more than the one
/// before can lack some, too.
const ATTEMPTS: usize = 4;

impl<T: Transport> Client<T> {
    /// Makes a plan. What the record would forget, although only this reading of the table lacks
    /// it, is added to the table before.
    pub(super) async fn plan_of(
        &mut self,
        planner: &Planner,
        wanted: &WantedTable,
        record: &Record,
        only: Option<&BTreeSet<ServiceKey>>,
        table: &mut Vec<TableEntry>,
    ) -> Result<Plan> {
        let make = |table: &[TableEntry]| match only {
            None => planner.plan(wanted, table, record),
            Some(only) => planner.plan_some(only, wanted, table, record),
        };
        let mut plan = make(table);
        for _ in 0..ATTEMPTS {
            if !self.add_missed(table, record.lacking(&plan, table)).await? {
                break;
            }
            plan = make(table);
        }
        Ok(plan)
    }

    /// Adds the draining servers to a table that only this reading of it lacks.
    pub(super) async fn add_missed_drains(
        &mut self,
        table: &mut Vec<TableEntry>,
        drains: &Drains,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if !self
                .add_missed(table, drains.lacking(Reading::Table(table)))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Asks for some services by themselves, and adds what the table lacks of them. Returns false
    /// if it lacks nothing.
    async fn add_missed(
        &mut self,
        table: &mut Vec<TableEntry>,
        services: BTreeSet<ServiceKey>,
    ) -> Result<bool> {
        // A list over socket options is from one moment.
        let is_whole = self.control_interface() == ControlInterface::SocketOptions;
        if services.is_empty() || is_whole {
            return Ok(false);
        }
        let again = self.table_of(&services).await?;
        Ok(add(table, again))
    }
}

/// Adds what a table lacks of another one. Returns false if it lacks nothing.
fn add(table: &mut Vec<TableEntry>, other: Vec<TableEntry>) -> bool {
    let others = other.into_iter().map(|it| (it.service.key(), it));
    let mut others: BTreeMap<_, _> = others.collect();
    let mut lacks = false;
    for entry in table.iter_mut() {
        if let Some(other) = others.remove(&entry.service.key()) {
            let known: HashSet<_> = entry.servers.iter().map(|it| it.config.address).collect();
            let mut missed = other.servers;
            missed.retain(|it| !known.contains(&it.config.address));
            lacks |= !missed.is_empty();
            entry.servers.append(&mut missed);
        }
    }
    lacks |= !others.is_empty();
    table.extend(others.into_values());
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::{RealServer, ServerInfo, ServiceInfo, VirtualService};

    /// Returns a service with these servers. The last number of an address is given.
    fn entry(service: u8, servers: &[u8]) -> TableEntry {
        let address = |network, last| ([10, network, 0, last], 80).into();
        let config = VirtualService::tcp(address(0, service));
        let servers = servers.iter().map(|it| RealServer::new(address(1, *it)));
        TableEntry::new(
            ServiceInfo::new(config),
            servers.map(ServerInfo::new).collect(),
        )
    }

    #[test]
    fn only_what_a_table_lacks_is_added() {
        let whole = [entry(1, &[2, 3]), entry(4, &[5])];
        for (table, other, lacks) in [
            (&whole[..], &whole[..], false),
            (&whole, &[], false),
            (&whole, &[entry(1, &[3])], false),
            (&whole[..1], &whole, true),
            (&[entry(1, &[2]), entry(4, &[5])], &[entry(1, &[3])], true),
        ] {
            let mut table = table.to_vec();
            assert_eq!(add(&mut table, other.to_vec()), lacks);
            assert_eq!(table, whole);
        }
    }
}
