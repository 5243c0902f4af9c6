use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::SystemTime;

use super::drains::{self, Drains, Look, Reading};
use super::object::Object;
use super::plan::Plan;
use super::policy::Policy;
use super::step::{Reason, Step};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;

/// What a program applied before, and what drains.
///
/// The owner of the plans keeps it, for example in a file (feature `serde`), so that a program
/// that was restarted removes what it once applied ([`Scope::recorded`](super::Scope::recorded))
/// and ends its drains in time. Without a record, a server that is not wanted and has weight 0
/// counts as draining, from then on.
///
/// For each plan, a program calls [`Record::begin`], carries out the plan, and calls
/// [`Record::settle`]. Between plans, it ends drains: it calls [`Record::look`], carries out the
/// operations, and calls [`Record::done`] for each that succeeded.
///
/// ```no_run
/// # use std::time::SystemTime;
/// # use ipvset::ipvs::{Ipvs, plan::{Planner, Policy, Reading, Record, WantedTable}, proc::Proc};
/// # let mut ipvs = Ipvs::connect()?;
/// # let (wanted, policy, mut record) = (WantedTable::new(), Policy::new(), Record::new());
/// let plan = Planner::new().policy(policy.clone()).plan(&wanted, &ipvs.table()?, &record);
/// record.begin(&plan, SystemTime::now());
/// // … save the record, carry out the plan's operations
/// record.settle(&plan, |step| true);
/// while !record.drains().is_empty() {
///     let snapshot = Proc::new().snapshot()?;
///     let look = record.look(&policy, Reading::Snapshot(&snapshot), SystemTime::now());
///     for operation in &look.operations {
///         ipvs.execute(operation)?;
///         record.done(operation);
///     }
///     // … save the record, wait until `look.next`
/// }
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Record {
    applied: BTreeMap<ServiceKey, BTreeSet<SocketAddr>>,
    /// The objects in `applied` that a plan adds which was begun. If the program was killed, they
    /// may be missing.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "BTreeSet::is_empty"))]
    begun: BTreeSet<Object>,
    drains: Drains,
}

impl Record {
    /// Returns a record without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns true if an object was applied before and has not been removed since.
    pub fn contains(&self, object: &Object) -> bool {
        let servers = self.applied.get(&object.service);
        servers.is_some_and(|servers| object.server.is_none_or(|it| servers.contains(&it)))
            && !self.begun.contains(object)
    }

    /// Returns the servers that drain.
    pub fn drains(&self) -> &Drains {
        &self.drains
    }

    pub(super) fn applied(&self) -> &BTreeMap<ServiceKey, BTreeSet<SocketAddr>> {
        &self.applied
    }

    /// Enters a plan before it is carried out.
    ///
    /// A server that drains already keeps its deadline. If the record is saved after this and the
    /// program is killed while it carries out the plan, the next run knows what the plan added or
    /// adopted, the deadlines, and the weights before the drains.
    pub fn begin(&mut self, plan: &Plan, now: SystemTime) {
        let missing = plan
            .steps
            .iter()
            .filter(|it| it.reason() == Reason::Missing);
        for object in missing.map(Step::object) {
            if !self.contains(&object) {
                self.insert(&object);
                self.begun.insert(object);
            }
        }
        for object in &plan.adopted {
            self.insert(object);
        }
        let until = drains::ceil(now + plan.drain_time);
        for draining in &plan.draining {
            let service = self
                .drains
                .services
                .entry(draining.service)
                .or_insert_with(|| drains::Service {
                    persistent: false,
                    then: drains::Then::Nothing,
                    servers: BTreeMap::new(),
                });
            service.persistent = draining.persistent;
            service.then = draining.then.clone();
            for server in &draining.servers {
                let weight = server.weight;
                let known = service.servers.entry(server.address);
                let known = known.or_insert(drains::Server { until, weight });
                if weight != 0 {
                    known.weight = weight;
                }
            }
        }
    }

    /// Enters what became of a plan, after it was carried out.
    ///
    /// `succeeded` returns, for the index of a step, whether the step is known to have succeeded.
    pub fn settle(&mut self, plan: &Plan, succeeded: impl Fn(usize) -> bool) {
        let mut failed = HashSet::new();
        for (index, step) in plan.steps.iter().enumerate() {
            match succeeded(index) {
                true => self.enter(step.operation()),
                false => {
                    let object = step.object();
                    if self.begun.contains(&object) {
                        self.remove(&object);
                    }
                    failed.insert(object);
                }
            }
        }
        self.begun.clear();
        for object in &plan.adopted {
            self.insert(object);
        }
        for object in &plan.gone {
            self.remove(object);
        }
        let draining: HashSet<_> = plan
            .draining
            .iter()
            .flat_map(|it| {
                it.servers
                    .iter()
                    .map(|server| Object::server(it.service, server.address))
            })
            .collect();
        self.drains.services.retain(|key, service| {
            service.servers.retain(|address, _| {
                let server = Object::server(key, *address);
                draining.contains(&server) || failed.contains(&server)
            });
            !service.servers.is_empty()
        });
    }

    /// Looks at the draining servers. Returns the operations that end drains and the time of the
    /// next look.
    ///
    /// Servers that another program removed are forgotten. An operation that fails is returned
    /// again by the next look.
    pub fn look(&mut self, policy: &Policy, reading: Reading<'_>, now: SystemTime) -> Look {
        self.drains.look(policy, reading, now)
    }

    /// Enters that an operation of [`Record::look`] was carried out.
    pub fn done(&mut self, operation: &Operation) {
        self.enter(operation);
        if let Operation::UpdateService(service) = operation {
            self.drains.services.remove(&service.key);
        }
    }

    /// Enters an operation that succeeded.
    fn enter(&mut self, operation: &Operation) {
        let Some(object) = Object::of(operation) else {
            return;
        };
        match operation {
            Operation::AddService(_) | Operation::AddServer(..) => self.insert(&object),
            Operation::RemoveService(_) | Operation::RemoveServer(..) => self.remove(&object),
            _ => {}
        }
    }

    fn insert(&mut self, object: &Object) {
        let servers = self.applied.entry(object.service).or_default();
        servers.extend(object.server);
    }

    fn remove(&mut self, object: &Object) {
        match object.server {
            Some(address) => {
                if let Some(servers) = self.applied.get_mut(&object.service) {
                    servers.remove(&address);
                }
                self.drains.forget(&object.service, address);
            }
            None => {
                self.applied.remove(&object.service);
                self.drains.services.remove(&object.service);
            }
        }
    }
}
