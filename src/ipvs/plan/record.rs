use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::SystemTime;

use super::addresses::AddressSet;
use super::begun::Begun;
use super::drains::{self, Drains, Look, Reading};
use super::object::Object;
use super::plan::{DrainingServer, Plan};
use super::policy::Policy;
use super::step::{Reason, Step};
use super::step_result::StepResult;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::TableEntry;

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
/// What a plan finds neither in the table nor wanted is forgotten. The kernel can leave out what
/// exists if other programs change the table while it is read, and a service or server that is
/// forgotten for this reason can stay for good. So [`Ipvs::plan`](crate::ipvs::Ipvs::plan) asks the
/// kernel for each of them once more, as [`Ipvs::apply`](crate::ipvs::Ipvs::apply) and
/// [`Ipvs::keep`](crate::ipvs::Ipvs::keep) do. A program that calls
/// [`Planner::plan`](super::Planner::plan) should give it the table of
/// [`Ipvs::verified_table`](crate::ipvs::Ipvs::verified_table).
///
/// ```no_run
/// # use std::time::SystemTime;
/// # use ipvset::ipvs::{Ipvs, plan::*, proc::Proc};
/// # let mut ipvs = Ipvs::connect()?;
/// # let (wanted, policy, mut record) = (WantedTable::new(), Policy::new(), Record::new());
/// let planner = Planner::new().policy(policy.clone());
/// let plan = ipvs.plan(&planner, &wanted, &record)?;
/// record.begin(&plan, SystemTime::now());
/// // … save the record, carry out the plan's operations
/// record.settle(&plan, |step| StepResult::Succeeded);
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
    pub(super) applied: BTreeMap<ServiceKey, AddressSet>,
    /// What of `applied` a plan adds which was begun. If the program was killed, it may be missing.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "BTreeMap::is_empty"))]
    pub(super) begun: BTreeMap<ServiceKey, Begun>,
    pub(super) drains: Drains,
}

impl Record {
    /// Returns a record without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns true if an object was applied before and has not been removed since.
    pub fn contains(&self, object: &Object) -> bool {
        let servers = self.applied.get(&object.service);
        let begun = self.begun.get(&object.service);
        servers.is_some_and(|servers| object.server.is_none_or(|it| servers.contains(it)))
            && !begun.is_some_and(|it| it.contains(object))
    }

    /// Returns the servers that drain.
    pub fn drains(&self) -> &Drains {
        &self.drains
    }

    pub(super) fn applied(&self) -> &BTreeMap<ServiceKey, AddressSet> {
        &self.applied
    }

    /// Returns the services of which something is forgotten when this plan is settled, because the
    /// table lacks it.
    pub(in crate::ipvs) fn lacking(
        &self,
        plan: &Plan,
        table: &[TableEntry],
    ) -> BTreeSet<ServiceKey> {
        let mut lacking = self.drains.lacking(Reading::Table(table));
        lacking.retain(|key| plan.concerns(key));
        lacking.extend(plan.gone.iter().map(|it| it.service));
        lacking
    }

    /// Enters a plan before it is carried out.
    ///
    /// A server that drains already keeps its deadline. If the record is saved after this and the
    /// program is killed while it carries out the plan, the next run knows what the plan added or
    /// adopted, the deadlines, and the weights before the drains.
    pub fn begin(&mut self, plan: &Plan, now: SystemTime) {
        for steps in by_service(&plan.steps, Step::service) {
            let missing = steps.iter().filter(|it| it.reason() == Reason::Missing);
            self.begin_to_add(*steps[0].service(), missing.map(Step::server), steps.len());
        }
        for objects in by_service(&plan.adopted, |it| &it.service) {
            let servers = objects.iter().filter_map(|it| it.server).collect();
            let applied = self.applied.entry(objects[0].service).or_default();
            applied.add(servers);
        }
        let until = drains::ceil(drains::after(now, plan.drain_time));
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

    /// Enters the servers of a service that a plan adds, and the service itself as `None`. `count`
    /// is at least their number.
    fn begin_to_add(
        &mut self,
        key: ServiceKey,
        objects: impl Iterator<Item = Option<SocketAddr>>,
        count: usize,
    ) {
        match self.applied.entry(key) {
            Entry::Vacant(vacant) => {
                let mut adds_service = false;
                let mut servers = Vec::with_capacity(count);
                for server in objects {
                    match server {
                        None => adds_service = true,
                        Some(it) => servers.push(it),
                    }
                }
                let begun = match adds_service {
                    true => Begun::Whole,
                    false if servers.is_empty() => return,
                    // Another program added the service.
                    false => Begun::servers(servers.clone()),
                };
                self.begun.insert(key, begun);
                vacant.insert(servers.into());
            }
            Entry::Occupied(mut applied) => {
                let servers = objects.flatten();
                let is_new = |it: &SocketAddr| !applied.get().contains(*it);
                let servers: Vec<_> = servers.filter(is_new).collect();
                if !servers.is_empty() {
                    applied.get_mut().add(servers.clone());
                    self.begun.entry(key).or_default().add(servers);
                }
            }
        }
    }

    /// Enters what became of a plan that was [begun](Record::begin), after it was carried out.
    ///
    /// `result` returns what became of a step, by its index. What an addition in doubt was to add
    /// belongs to the program, if it is there.
    pub fn settle(&mut self, plan: &Plan, result: impl Fn(usize) -> StepResult) {
        let mut failed = HashSet::new();
        let mut in_doubt = BTreeMap::new();
        let mut first = 0;
        for steps in by_service(&plan.steps, Step::service) {
            let key = *steps[0].service();
            let begun = self.begun.remove(&key).unwrap_or_default();
            let (mut gone, mut doubtful) = (Gone::default(), Vec::new());
            let mut is_added = true;
            for (index, step) in (first..).zip(steps) {
                let result = result(index);
                if result == StepResult::Succeeded {
                    gone.enter(step.operation());
                    continue;
                }
                let object = step.object();
                match (result, object.server) {
                    (StepResult::InDoubt, _) => doubtful.push(object),
                    (_, Some(it)) if begun.has_server(it) => gone.servers.push(it),
                    (_, Some(_)) => {}
                    (_, None) => is_added = !begun.has_service(),
                }
                if step.reason() != Reason::Drains {
                    failed.insert(object);
                }
            }
            first += steps.len();
            self.remove(key, gone);
            // Another program may have added it before, and then its servers could be added.
            if !is_added && self.applied.get(&key).is_some_and(AddressSet::is_empty) {
                self.applied.remove(&key);
            }
            doubtful.retain(|it| begun.contains(it));
            if !doubtful.is_empty() {
                in_doubt.insert(key, Begun::from(doubtful));
            }
        }
        self.begun.retain(|key, _| !plan.concerns(key));
        self.begun.append(&mut in_doubt);
        for objects in by_service(&plan.gone, |it| &it.service) {
            let gone = Gone {
                service: objects.iter().any(|it| it.server.is_none()),
                servers: objects.iter().filter_map(|it| it.server).collect(),
            };
            self.remove(objects[0].service, gone);
        }
        let has_begun = |server: &&DrainingServer| {
            let result = server.step.map(&result);
            result != Some(StepResult::Failed)
        };
        let draining: HashSet<_> = plan
            .draining
            .iter()
            .flat_map(|it| {
                let servers = it.servers.iter().filter(has_begun);
                servers.map(|server| Object::server(it.service, server.address))
            })
            .collect();
        self.drains.services.retain(|key, service| {
            if !plan.concerns(key) {
                return true;
            }
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
    /// Servers that another program removed are forgotten, and so are those that the
    /// [reading](Reading) lacks for another reason. An operation that fails is returned again by
    /// the next look.
    pub fn look(&mut self, policy: &Policy, reading: Reading<'_>, now: SystemTime) -> Look {
        self.drains.look(policy, reading, now)
    }

    /// Enters that an operation of [`Record::look`] was carried out.
    pub fn done(&mut self, operation: &Operation) {
        let Some(object) = Object::of(operation) else {
            return;
        };
        let mut gone = Gone::default();
        gone.enter(operation);
        self.remove(object.service, gone);
        if let Operation::UpdateService(service) = operation {
            self.drains.services.remove(&service.key);
        }
    }

    /// Removes what is gone of a service.
    fn remove(&mut self, key: ServiceKey, gone: Gone) {
        for address in &gone.servers {
            self.drains.forget(&key, *address);
        }
        if gone.service {
            self.applied.remove(&key);
            self.drains.services.remove(&key);
        } else if let Some(applied) = self.applied.get_mut(&key) {
            applied.remove(gone.servers);
        }
    }
}

/// What is gone of a service.
#[derive(Default)]
struct Gone {
    service: bool,
    servers: Vec<SocketAddr>,
}

impl Gone {
    /// Enters an operation that succeeded.
    fn enter(&mut self, operation: &Operation) {
        match operation {
            Operation::RemoveService(_) => self.service = true,
            Operation::RemoveServer(_, address) => self.servers.push(*address),
            _ => {}
        }
    }
}

/// Returns the parts of a list that belong to the same service each.
pub(super) fn by_service<T>(
    list: &[T],
    service: impl Fn(&T) -> &ServiceKey,
) -> impl Iterator<Item = &[T]> {
    list.chunk_by(move |one, other| service(one) == service(other))
}
