//! What holds for any two tables, any scope and any policy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;

use super::cases::{
    ScopeCase, foreign_operation, kernel, kernel_and_wanted, policy, scope, wanted,
};
use super::model::{Kernel, Service, stored};
use super::program::now;
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, Scheduler, SchedulerFlags, ServiceKey};

const FALLBACK: SchedulerFlags = SchedulerFlags::SH_FALLBACK;

/// What brings a table to what is wanted.
#[derive(Debug, Clone)]
pub(super) struct Case {
    case: ScopeCase,
    planner: Planner,
    wanted: WantedTable,
    record: Record,
}

impl Case {
    fn new(case: ScopeCase, policy: Policy, wanted: WantedTable) -> Self {
        let planner = Planner::new().scope(case.scope.clone()).policy(policy);
        Self {
            case,
            planner,
            wanted,
            record: Record::new(),
        }
    }

    fn policy(&self) -> &Policy {
        &self.planner.policy
    }

    fn plan(&self, kernel: &Kernel) -> Plan {
        self.planner
            .plan(&self.wanted, &kernel.table(), &self.record)
    }

    /// Plans, and carries out every step. Each has to succeed.
    fn apply(&mut self, kernel: &mut Kernel) -> Plan {
        let plan = self.plan(kernel);
        self.record.begin(&plan, now());
        for operation in plan.operations() {
            assert_eq!(kernel.execute(operation), Ok(()), "{operation}\n{plan}");
        }
        self.record.settle(&plan, |_| StepResult::Succeeded);
        plan
    }

    /// Looks at the drains and ends those that are over.
    fn look(&mut self, kernel: &mut Kernel, time: SystemTime, whole: bool) -> Look {
        let (table, snapshot) = (kernel.table(), kernel.snapshot());
        let reading = match whole {
            true => Reading::Table(&table),
            false => Reading::Snapshot(&snapshot),
        };
        let policy = self.policy().clone();
        let look = self.record.look(&policy, reading, time);
        for operation in &look.operations {
            assert_eq!(kernel.execute(operation), Ok(()), "{operation}");
            self.record.done(operation);
        }
        look
    }

    /// Ends all drains.
    fn drain(&mut self, kernel: &mut Kernel) {
        let end = now() + self.policy().drain_time + Duration::from_secs(1);
        self.look(kernel, end, true);
        assert!(self.record.drains().is_empty(), "{:?}", self.record);
    }

    /// Returns whether a service belongs to the program, and whether with all its servers.
    fn owns(&self, key: &ServiceKey) -> Option<bool> {
        let is_wanted = self.wanted.get(key).is_some();
        let is_recorded = self.record.contains(&Object::service(key));
        if self.case.whole.contains(key) || self.case.names && is_wanted {
            Some(true)
        } else if self.case.records && (is_wanted || is_recorded) {
            Some(false)
        } else {
            None
        }
    }

    fn owns_server(&self, key: &ServiceKey, address: SocketAddr) -> bool {
        let server = Object::server(key, address);
        self.owns(key) == Some(true) || self.record.contains(&server)
    }

    /// Checks that the table is as wanted after all drains, and that nothing else was touched.
    /// `before` is the program and the table before.
    fn check(&self, kernel: &Kernel, before: (&Self, &Kernel)) -> Result<(), TestCaseError> {
        let (owner, old) = before;
        let keys: BTreeSet<_> = [&old.services, &kernel.services]
            .into_iter()
            .flat_map(|it| it.keys())
            .copied()
            .chain(self.wanted.iter().map(WantedService::key))
            .collect();
        for key in keys {
            let (was, is) = (old.services.get(&key), kernel.services.get(&key));
            let wanted = self.wanted.get(key);
            match (owner.owns(&key), wanted) {
                (None, _) => prop_assert_eq!(was, is, "touched outside of the scope"),
                (Some(_), Some(wanted)) => {
                    let is = is.expect("a wanted service exists");
                    prop_assert_eq!(&is.config, &stored(wanted.config()));
                    owner.check_servers(wanted, is, was)?;
                }
                (Some(true), None) => prop_assert_eq!(is, None),
                (Some(false), None) => {
                    let others = was.iter().flat_map(|it| &it.servers);
                    let others = others
                        .filter(|it| !owner.owns_server(&key, it.config.address))
                        .count();
                    prop_assert_eq!(is.map_or(0, |it| it.servers.len()), others);
                }
            }
        }
        Ok(())
    }

    fn check_servers(
        &self,
        wanted: &WantedService,
        is: &Service,
        was: Option<&Service>,
    ) -> Result<(), TestCaseError> {
        let key = wanted.key();
        let mut expected = BTreeMap::new();
        for server in was.iter().flat_map(|it| &it.servers) {
            if !self.owns_server(&key, server.config.address) {
                expected.insert(server.config.address, server.config.clone());
            }
        }
        for server in wanted.servers() {
            let mut config = server.config.clone();
            let was = was.and_then(|it| it.server(config.address));
            if let Some(was) = was.filter(|_| server.keep_weight) {
                config.weight = was.config.weight;
            }
            expected.insert(config.address, config);
        }
        let is = is.servers.iter();
        let is: BTreeMap<_, _> = is
            .map(|it| (it.config.address, it.config.clone()))
            .collect();
        prop_assert_eq!(is, expected);
        Ok(())
    }
}

/// Returns the number of objects in which two tables differ. A service that is gone is one, with
/// its servers.
fn differences(one: &Kernel, other: &Kernel) -> usize {
    let keys: BTreeSet<_> = one.services.keys().chain(other.services.keys()).collect();
    let of = |key| match (one.services.get(key), other.services.get(key)) {
        (None, None) => 0,
        (Some(_), None) => 1,
        (None, Some(new)) => 1 + new.servers.len(),
        (Some(old), Some(new)) => {
            let all = old.servers.iter().chain(&new.servers);
            let addresses: BTreeSet<_> = all.map(|it| it.config.address).collect();
            let config =
                |service: &Service, address| service.server(address).map(|it| it.config.clone());
            let differs = |it: &&SocketAddr| config(old, **it) != config(new, **it);
            usize::from(old.config != new.config) + addresses.iter().filter(differs).count()
        }
    };
    keys.into_iter().map(of).sum()
}

/// Checks what has to hold at every moment on the way from one table to the other.
fn check_way(
    plan: &Plan,
    policy: &Policy,
    from: &Kernel,
    to: &Kernel,
) -> Result<(), TestCaseError> {
    let is_available = |table: &Kernel, key: &ServiceKey| {
        table.services.get(key).is_some_and(Service::is_available)
    };
    let mut on_the_way = from.clone();
    let mut draining = BTreeSet::new();
    let (mut seen, mut last) = (BTreeSet::new(), None);
    for step in plan.steps() {
        on_the_way.execute(step.operation()).unwrap();
        let key = step.object().service;
        if last != Some(key) {
            prop_assert!(seen.insert(key), "the steps of {} stand apart", key);
            last = Some(key);
        }
        if is_available(from, &key) && is_available(to, &key) {
            prop_assert!(
                is_available(&on_the_way, &key),
                "{} is empty\n{}",
                key,
                plan
            );
        }
        if step.reason() == Reason::Drains {
            draining.insert(key);
        }
        let Some(service) = on_the_way.services.get(&key) else {
            continue;
        };
        let is_hashing = [Scheduler::SourceHashing, Scheduler::MaglevHashing]
            .contains(&service.config.scheduler);
        if is_hashing && draining.contains(&key) && policy.set_fallback && is_available(to, &key) {
            prop_assert!(
                service.config.scheduler_flags.contains(FALLBACK),
                "{}",
                plan
            );
        }
    }
    Ok(())
}

pub(super) fn program() -> impl Strategy<Value = (Kernel, Case)> {
    (kernel_and_wanted(), scope(), policy())
        .prop_map(|((kernel, wanted), scope, policy)| (kernel, Case::new(scope, policy, wanted)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_plan_leads_to_what_is_wanted_and_nowhere_else((old, program) in program()) {
        check_plan(old, program)?;
    }

    #[test]
    fn a_drain_waits_for_connections_until_its_time_is_up(
        (old, mut program) in program(),
        ending in vec(any::<bool>(), 20),
        whole in any::<bool>(),
    ) {
        let mut kernel = old;
        let plan = program.apply(&mut kernel);
        let cut = kernel.cut;
        let draining: Vec<_> = program.record.drains().iter().collect();
        let told = plan.draining().iter().map(|it| it.servers.len()).sum::<usize>();
        prop_assert_eq!(draining.len(), told);
        let end = now() + program.policy().drain_time;
        let (mut time, mut last) = (now(), now());
        for ends in ending.into_iter().cycle().take(2_000) {
            let Some((server, _)) = program.record.drains().iter().next() else {
                break;
            };
            if ends {
                kernel.end_connections(server.service, server.server.unwrap());
            }
            let before = kernel.clone();
            let look = program.look(&mut kernel, time, whole);
            for operation in &look.operations {
                check_end(&before, operation, program.policy(), time, &look)?;
                last = time;
            }
            let Some(next) = look.next else {
                break;
            };
            prop_assert!(next > time || program.record.drains().is_empty());
            prop_assert!(next <= time + program.policy().look_every);
            time = next;
        }
        prop_assert!(program.record.drains().is_empty());
        // Deadlines are whole seconds.
        prop_assert!(last < end + Duration::from_secs(1));
        if last < end {
            prop_assert_eq!(kernel.cut, cut);
        }
        prop_assert!(program.plan(&kernel).is_empty());
    }

    #[test]
    fn a_server_that_returns_is_never_removed(
        (old, mut program) in program(),
        later in wanted(),
    ) {
        let mut kernel = old;
        program.apply(&mut kernel);
        program.wanted = later;
        let draining: Vec<_> = program.record.drains().iter().map(|it| it.0).collect();
        let plan = program.apply(&mut kernel);
        for server in draining {
            let Some(service) = program.wanted.get(server.service) else {
                continue;
            };
            let address = server.server.unwrap();
            let mut servers = service.servers().iter();
            let Some(wanted) = servers.find(|it| it.config.address == address) else {
                continue;
            };
            if program.owns(&server.service).is_none() {
                continue; // it was in the scope by its name, which is wanted no more
            }
            let present = &kernel.services[&server.service];
            let weight = present.server(address).unwrap().config.weight;
            prop_assert!(wanted.keep_weight || weight == wanted.config.weight);
            for step in plan.steps().iter().filter(|it| it.object() == server) {
                prop_assert!(matches!(step.operation(), Operation::UpdateServer(..)), "{}", plan);
                if weight > 0 {
                    prop_assert_eq!(step.reason(), Reason::Returns);
                }
            }
        }
        prop_assert!(program.plan(&kernel).is_empty());
    }

    #[test]
    fn whatever_fails_and_whoever_else_writes_running_again_converges(
        (old, program) in program(),
        rounds in rounds(),
    ) {
        check_rounds(old, program, rounds)?;
    }

    #[test]
    fn a_service_keeps_a_server_whichever_steps_fail(
        (old, mut program) in program(),
        fates in vec(any::<bool>(), 12),
    ) {
        let is_available = |table: &Kernel, key: &ServiceKey| {
            table.services.get(key).is_some_and(Service::is_available)
        };
        let (mut kernel, mut wanted) = (old.clone(), old.clone());
        let plan = program.clone().apply(&mut wanted);
        let mut results = vec![StepResult::Failed; plan.steps().len()];
        let carry_out = |kernel: &mut Kernel, results: &mut [StepResult], index: usize| {
            let operation = plan.steps()[index].operation();
            if fates[index % fates.len()] && kernel.execute(operation).is_ok() {
                results[index] = StepResult::Succeeded;
            }
        };
        program.record.begin(&plan, now());
        for index in plan.first() {
            carry_out(&mut kernel, &mut results, index);
        }
        let second = plan.second(|index| results[index] == StepResult::Succeeded);
        for index in second.go {
            carry_out(&mut kernel, &mut results, index);
        }
        program.record.settle(&plan, |index| results[index]);
        // Nor does a drain that did not begin end.
        program.drain(&mut kernel);
        for key in old.services.keys() {
            if is_available(&old, key) && is_available(&wanted, key) {
                prop_assert!(is_available(&kernel, key), "{} is empty\n{}", key, plan);
            }
        }
        program.apply(&mut kernel);
        prop_assert!(program.plan(&kernel).is_empty());
    }

    #[test]
    fn programs_with_scopes_of_their_own_do_not_disturb_each_other(
        old in kernel(),
        tables in (wanted(), wanted(), wanted()),
        policies in (policy(), policy(), policy()),
    ) {
        let of = |text: &str, wanted, policy| {
            let scope: Scope = text.parse().unwrap();
            let case = ScopeCase { scope, whole: vec![], names: false, records: false };
            Case::new(case, policy, wanted)
        };
        let mut programs = [
            of("10.0.0.0/16", tables.0, policies.0),
            of("fd00::/16", tables.1, policies.1),
            of("mark:0/0", tables.2, policies.2),
        ];
        let mut kernel = old;
        for program in &mut programs {
            program.apply(&mut kernel);
        }
        for program in &mut programs {
            prop_assert!(program.plan(&kernel).is_empty());
            program.drain(&mut kernel);
        }
        for program in &programs {
            let plan = program.plan(&kernel);
            prop_assert!(plan.is_empty() && plan.draining().is_empty());
        }
    }

    #[test]
    fn wanted_tables_print_as_they_are_read(table in wanted()) {
        prop_assert_eq!(table.to_string().parse::<WantedTable>().unwrap(), table);
    }
}

/// What befalls a program that applies a plan: the fate of each operation, and the operations of
/// another program before it.
type Round = (Vec<u8>, Vec<Option<Operation>>);

pub(super) fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let foreign = proptest::option::weighted(0.2, foreign_operation());
    vec((vec(0u8..4, 12), vec(foreign, 12)), 1..4)
}

/// Checks that a plan leads to what is wanted and nowhere else.
pub(super) fn check_plan(old: Kernel, mut program: Case) -> Result<(), TestCaseError> {
    let before = program.clone();
    let mut kernel = old.clone();
    let plan = program.apply(&mut kernel);
    prop_assert_eq!(plan.steps().len(), differences(&old, &kernel), "{}", plan);
    check_way(&plan, program.policy(), &old, &kernel)?;
    let second = program.plan(&kernel);
    prop_assert!(second.is_empty(), "second plan:\n{}of\n{}", second, plan);
    prop_assert!(second.adopted().is_empty());
    if !program.case.records {
        let third = program
            .planner
            .plan(&program.wanted, &kernel.table(), &Record::new());
        prop_assert!(third.is_empty(), "without a record:\n{}of\n{}", third, plan);
    }
    // What drains is that and nothing else: afterwards all is as wanted.
    program.drain(&mut kernel);
    let last = program.plan(&kernel);
    prop_assert!(last.is_empty(), "after the drains:\n{}of\n{}", last, plan);
    prop_assert!(last.draining().is_empty());
    program.check(&kernel, (&before, &old))?;
    Ok(())
}

/// Checks that a program whose operations fail, and beside which another one writes, reaches what
/// it wants once nothing fails any more.
pub(super) fn check_rounds(
    old: Kernel,
    mut program: Case,
    rounds: Vec<Round>,
) -> Result<(), TestCaseError> {
    let mut kernel = old;
    for (fates, foreign) in rounds {
        let plan = program.plan(&kernel);
        program.record.begin(&plan, now());
        let mut results = Vec::new();
        for (index, operation) in plan.operations().enumerate() {
            if let Some(foreign) = &foreign[index % foreign.len()] {
                let _ = kernel.execute(foreign);
            }
            // It is not sent, or its answer is lost, or it is carried out.
            results.push(match fates[index % fates.len()] {
                0 => StepResult::Failed,
                1 => {
                    let _ = kernel.execute(operation);
                    StepResult::InDoubt
                }
                _ => match kernel.execute(operation) {
                    Ok(()) => StepResult::Succeeded,
                    Err(_) => StepResult::Failed,
                },
            });
        }
        program.record.settle(&plan, |index| results[index]);
        program.look(&mut kernel, now(), true);
    }
    let (before, old) = (program.clone(), kernel.clone());
    program.apply(&mut kernel);
    prop_assert!(program.plan(&kernel).is_empty());
    program.drain(&mut kernel);
    prop_assert!(program.plan(&kernel).is_empty());
    // Weights that are kept may have come back from a drain.
    let keeps = |it: &WantedService| it.servers().iter().any(|it| it.keep_weight);
    if !program.wanted.iter().any(keeps) {
        program.check(&kernel, (&before, &old))?;
    }
    Ok(())
}

/// Checks that an operation ends drains that are over.
fn check_end(
    before: &Kernel,
    operation: &Operation,
    policy: &Policy,
    time: SystemTime,
    look: &Look,
) -> Result<(), TestCaseError> {
    let (key, removed): (_, Vec<SocketAddr>) = match operation {
        Operation::RemoveServer(key, address) => (*key, vec![*address]),
        Operation::RemoveService(key) => {
            let servers = before.services[key].servers.iter();
            (*key, servers.map(|it| it.config.address).collect())
        }
        Operation::UpdateService(service) => (service.key, vec![]),
        other => panic!("no drain ends with {other}"),
    };
    for address in removed {
        let server = before.services[&key].server(address).unwrap();
        let (active, inactive, persistent) = server.connections;
        let waits_for = match policy.wait_for {
            WaitFor::Active => active,
            WaitFor::ActiveAndInactive => active + inactive,
            WaitFor::All => active + inactive + persistent,
        };
        let is_cut = look
            .cut
            .iter()
            .any(|it| it.server == Object::server(key, address));
        if waits_for > 0 {
            prop_assert!(time >= now() + policy.drain_time, "{} is cut", address);
        }
        if active > 0 {
            prop_assert!(is_cut);
        }
    }
    Ok(())
}
