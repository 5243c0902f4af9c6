use std::collections::BTreeSet;

use super::draft::Draft;
use super::object::Object;
use super::overlaps;
use super::plan::{DrainingServer, DrainingService, LeftAlone, LeftAloneReason, Plan};
use super::policy::Policy;
use super::record::Record;
use super::scope::{Ownership, Scope};
use super::service::{Owned, ServicePlanner};
use super::step::Step;
use super::tables::{InTables, Tables, some_of};
use super::wanted::WantedTable;
use super::warning::Warning;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::report::{ServerInfo, TableEntry};

/// Compares the table that is there with the wanted one, and returns the [`Plan`] that leads from
/// one to the other.
///
/// It is a pure function of what it is given: it asks neither the kernel nor a clock.
///
/// ```
/// use ipvset::ipvs::plan::{Planner, Record, Scope, WantedTable};
///
/// let wanted: WantedTable = "\
/// -A -t 10.0.0.1:80 -s rr
/// -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
/// ".parse()?;
/// let planner = Planner::new().scope(Scope::everything());
/// let table = []; // of `Ipvs::table`
/// let plan = planner.plan(&wanted, &table, &Record::new());
/// assert_eq!(plan.steps().len(), 2);
/// println!("{plan}");
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Planner {
    /// Which services belong to the program. The default is [`Scope::named`].
    pub scope: Scope,
    /// How servers and services leave.
    pub policy: Policy,
    /// Whether the sysctl
    /// [`EXPIRE_QUIESCENT_TEMPLATE`](crate::ipvs::proc::sysctl::EXPIRE_QUIESCENT_TEMPLATE) is on.
    /// The default is `false`. It only matters for a [warning](Warning::ClientsComeBack).
    pub expire_quiescent_template: bool,
}

impl Planner {
    /// Returns a planner with the default scope, [`Scope::named`], and the default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scope: which services belong to the program.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the policy: how servers and services leave.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets whether the sysctl
    /// [`EXPIRE_QUIESCENT_TEMPLATE`](crate::ipvs::proc::sysctl::EXPIRE_QUIESCENT_TEMPLATE) is on.
    #[must_use]
    pub fn expire_quiescent_template(mut self, on: bool) -> Self {
        self.expire_quiescent_template = on;
        self
    }

    /// Returns the plan that leads from the table `present` to the wanted one.
    ///
    /// `present` is the whole table, as [`Ipvs::table`](crate::ipvs::Ipvs::table) returns it.
    /// `record` says what was applied before and what drains. Without one, give an empty one.
    #[must_use = "a plan does nothing until it is applied"]
    pub fn plan(&self, wanted: &WantedTable, present: &[TableEntry], record: &Record) -> Plan {
        let objects = wanted.iter().map(|it| 1 + it.servers().len());
        let others = present.iter().map(|it| 1 + it.servers.len());
        let most_steps = objects.sum::<usize>() + others.sum::<usize>();
        let draft = self.draft(record, most_steps);
        let mut plan = self.finish(draft, Tables::new(wanted, present, record));
        overlaps::warn(&mut plan, wanted, present);
        plan
    }

    /// Returns the plan that leads from what is there of some services to what is wanted of them.
    ///
    /// `present` has those of the services that exist. All others are as the record says, so the
    /// plan does not depend on them, apart from the warning about many removals. It has no warning
    /// about a service of another program that overlaps one of these.
    #[must_use = "a plan does nothing until it is applied"]
    pub(in crate::ipvs) fn plan_some(
        &self,
        services: &BTreeSet<ServiceKey>,
        wanted: &WantedTable,
        present: &[TableEntry],
        record: &Record,
    ) -> Plan {
        let tables = some_of(services, wanted, present, record);
        let most_steps = tables.clone().map(|(_, it)| it.objects()).sum();
        let mut draft = self.draft(record, most_steps);
        draft.plan.only = Some(services.clone());
        let others = record.applied().iter();
        let others = others.filter(|(key, _)| !services.contains(key));
        draft.owned_servers = others.map(|(_, servers)| servers.len()).sum();
        let mut plan = self.finish(draft, tables);
        overlaps::warn(&mut plan, wanted, present);
        plan
    }

    /// Returns an empty plan.
    fn draft<'a>(&'a self, record: &'a Record, most_steps: usize) -> Draft<'a> {
        Draft {
            plan: Plan {
                drain_time: self.policy.drain_time,
                ..Plan::default()
            },
            policy: &self.policy,
            record,
            expires_templates: self.expire_quiescent_template,
            owned_servers: 0,
            most_steps,
        }
    }

    /// Returns a plan with the steps of all these services.
    fn finish<'a>(
        &self,
        mut draft: Draft<'a>,
        services: impl Iterator<Item = (ServiceKey, InTables<'a>)>,
    ) -> Plan {
        let mut unwanted = Vec::new();
        for (key, of) in services {
            let recorded = of.recorded;
            let is_wanted = of.wanted.is_some();
            let ownership = self.scope.ownership(&key, is_wanted, recorded.is_some());
            if let (Ownership::Nothing, Some(entry)) = (ownership, of.present) {
                go_on(&mut draft.plan, entry, draft.record);
            }
            match (ownership, of.wanted, of.present) {
                (_, None, None) => draft.plan.gone.push(Object::service(key)),
                (Ownership::Nothing, Some(_), _) => leave_outside(&mut draft.plan, key),
                (Ownership::Nothing, None, _) => {}
                (_, None, Some(entry)) => unwanted.push((ownership, entry, recorded)),
                (_, Some(service), entry) => {
                    let owned = Owned::new(ownership, recorded);
                    let draft = &mut draft;
                    ServicePlanner { draft, owned }.bring(service, entry);
                }
            }
        }
        for (ownership, entry, recorded) in unwanted {
            let owned = Owned::new(ownership, recorded);
            let draft = &mut draft;
            ServicePlanner { draft, owned }.remove(entry);
        }
        let (mut plan, present_servers) = (draft.plan, draft.owned_servers);
        self.warn_of_removals(&mut plan, present_servers);
        plan
    }

    fn warn_of_removals(&self, plan: &mut Plan, present: usize) {
        let steps = plan.steps.iter().filter(|it| it.reason().is_removal());
        let removed = steps.map(Step::servers).sum::<usize>();
        if removed * 100 > present * usize::from(self.policy.warn_above_percent) {
            plan.warnings
                .push(Warning::ManyRemovals { removed, present });
        }
    }
}

/// Goes on with the drains of a service that is no longer in the scope.
fn go_on(plan: &mut Plan, entry: &TableEntry, record: &Record) {
    let service = entry.service.key();
    let Some(drains) = record.drains().services.get(&service) else {
        return;
    };
    let is_draining =
        |it: &&ServerInfo| it.config.weight == 0 && drains.servers.contains_key(&it.config.address);
    let servers = entry.servers.iter().filter(is_draining);
    let servers = servers.map(|it| DrainingServer {
        address: it.config.address,
        weight: 0,
        step: None,
    });
    let servers: Vec<_> = servers.collect();
    if !servers.is_empty() {
        plan.draining.push(DrainingService {
            service,
            servers,
            persistent: drains.persistent,
            then: drains.then.clone(),
        });
    }
}

fn leave_outside(plan: &mut Plan, service: ServiceKey) {
    plan.warnings.push(Warning::OutsideScope { service });
    plan.left_alone.push(LeftAlone {
        object: Object::service(service),
        reason: LeftAloneReason::OutsideScope,
    });
}
