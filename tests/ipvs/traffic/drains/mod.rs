//! Servers that leave while clients use them.

mod replacement;
mod requests;
mod rules;

use std::collections::BTreeMap;

use ipvset::Family;
use ipvset::ipvs::plan::{Keeper, Kept, Object, ObjectState, Planner, Policy, Scope, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};

use super::network::{SERVER_PORT, Transport, server, service};
use crate::support::{Result, eventually};

pub(super) fn tests() -> Vec<lab::test::Test> {
    let replacements = match crate::interface::WITH_REPLACEMENTS {
        true => replacement::tests(),
        false => Vec::new(),
    };
    crate::support::all([rules::tests(), replacements])
}

fn round_robin(family: Family) -> VirtualService {
    VirtualService::new(service(Transport::Tcp, family)).scheduler(Scheduler::RoundRobin)
}

/// A program that keeps a service with masqueraded servers.
struct Program {
    ipvs: Ipvs,
    keeper: Keeper,
    service: VirtualService,
    wanted: WantedTable,
}

impl Program {
    fn new(service: VirtualService, policy: Policy) -> Result<Self> {
        let planner = Planner::new().scope(Scope::everything()).policy(policy);
        Ok(Self {
            ipvs: Ipvs::connect()?,
            keeper: Keeper::new(planner),
            service,
            wanted: WantedTable::new(),
        })
    }

    fn server(&self, number: usize) -> RealServer {
        server(self.service.key.family(), number, SERVER_PORT)
    }

    fn object(&self, number: usize) -> Object {
        Object::server(self.service.key, self.server(number).address)
    }

    /// Brings the service to these servers.
    fn bring(&mut self, servers: &[usize]) -> Result<Kept> {
        let servers = servers.iter().map(|number| self.server(*number));
        let servers = servers.collect();
        self.bring_to(servers)
    }

    fn bring_to(&mut self, servers: Vec<RealServer>) -> Result<Kept> {
        self.wanted = WantedTable::new();
        self.wanted.insert(self.service.clone(), servers)?;
        self.look()
    }

    /// Looks at the table, and ends drains.
    fn look(&mut self) -> Result<Kept> {
        let kept = self.ipvs.keep(&mut self.keeper, &self.wanted)?;
        assert!(kept.report.is_success(), "{}", kept.report);
        Ok(kept)
    }

    /// Returns the weights of the servers, by number.
    fn weights(&mut self) -> Result<BTreeMap<usize, u32>> {
        let servers = self.ipvs.servers(&self.service)?;
        let weight = |number: usize| {
            let address = self.server(number).address;
            let server = servers.iter().find(|it| it.config.address == address);
            server.map(|it| (number, it.config.weight))
        };
        let weights: BTreeMap<_, _> = (0..10).filter_map(weight).collect();
        assert_eq!(weights.len(), servers.len());
        Ok(weights)
    }

    /// Looks until some servers are gone. All others have to stay.
    fn end_drains(&mut self, leaving: &[usize]) -> Result {
        let mut stay = self.weights()?;
        stay.retain(|number, _| !leaving.contains(number));
        eventually(|| {
            self.look()?;
            let mut weights = self.weights()?;
            let count = weights.len();
            weights.retain(|number, _| !leaving.contains(number));
            assert_eq!(weights, stay);
            match count - weights.len() {
                0 => Ok(()),
                count => Err(format!("{count} of {leaving:?} drain still").into()),
            }
        })
    }
}

/// Returns true if the report says that the server drains.
fn drains(kept: &Kept, server: Object) -> bool {
    let objects = &kept.report.objects;
    objects
        .iter()
        .any(|it| it.object == server && matches!(it.state, ObjectState::DrainingUntil(_)))
}
