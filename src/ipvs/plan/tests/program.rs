//! A program in the tests that keeps the model's table as wanted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::model::{Kernel, Server, Service};
use crate::ipvs::plan::*;
use crate::ipvs::{Operation, ServiceKey};

/// The time at which tests begin, with a fraction of a second.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_800_000_000_500)
}

/// A planner, its record and the model.
pub(super) struct Program {
    pub(super) planner: Planner,
    pub(super) record: Record,
    pub(super) kernel: Kernel,
}

/// Returns a table of the kernel's from its text. Each server has one active connection.
pub(super) fn kernel(text: &str) -> Kernel {
    let mut kernel = Kernel::default();
    for service in text.parse::<WantedTable>().unwrap().iter() {
        let servers = service.servers().iter().map(|it| Server {
            config: it.config.clone(),
            connections: (1, 0, 0),
        });
        let config = service.config().clone();
        let servers = servers.rev().collect();
        kernel
            .services
            .insert(config.key, Service { config, servers });
    }
    kernel
}

pub(super) fn key(text: &str) -> ServiceKey {
    text.parse().unwrap()
}

impl Program {
    /// Returns a program to which everything belongs.
    pub(super) fn new(present: &str) -> Self {
        Self {
            planner: Planner::new().scope(Scope::everything()),
            record: Record::new(),
            kernel: kernel(present),
        }
    }

    pub(super) fn scope(mut self, scope: Scope) -> Self {
        self.planner.scope = scope;
        self
    }

    pub(super) fn policy(mut self, policy: Policy) -> Self {
        self.planner.policy = policy;
        self
    }

    pub(super) fn plan(&self, wanted: &str) -> Plan {
        let wanted = wanted.parse().unwrap();
        self.planner
            .plan(&wanted, &self.kernel.table(), &self.record)
    }

    /// Returns the operations of a plan, each as a line.
    pub(super) fn operations(&self, wanted: &str) -> Vec<String> {
        self.plan(wanted)
            .operations()
            .map(Operation::to_string)
            .collect()
    }

    /// Plans and carries out the plan, and checks that a second one has nothing to do.
    pub(super) fn apply(&mut self, wanted: &str) -> Plan {
        let plan = self.plan(wanted);
        self.record.begin(&plan, now());
        for operation in plan.operations() {
            self.kernel.execute(operation).unwrap();
        }
        self.record.settle(&plan, |_| StepResult::Succeeded);
        let second = self.plan(wanted);
        assert!(second.is_empty(), "{second}");
        plan
    }

    /// Looks at the drains some seconds after the start, and carries out what is to be done.
    pub(super) fn look(&mut self, seconds: u64) -> Vec<String> {
        let snapshot = self.kernel.snapshot();
        self.look_at(Reading::Snapshot(&snapshot), seconds)
    }

    pub(super) fn look_whole(&mut self, seconds: u64) -> Vec<String> {
        let table = self.kernel.table();
        self.look_at(Reading::Table(&table), seconds)
    }

    fn look_at(&mut self, reading: Reading<'_>, seconds: u64) -> Vec<String> {
        let time = now() + Duration::from_secs(seconds);
        let look = self.record.look(&self.planner.policy, reading, time);
        for operation in &look.operations {
            self.kernel.execute(operation).unwrap();
            self.record.done(operation);
        }
        look.operations.iter().map(Operation::to_string).collect()
    }

    pub(super) fn end_connections(&mut self, service: &str, server: &str) {
        let address = server.parse().unwrap();
        self.kernel.end_connections(key(service), address);
    }

    pub(super) fn drains(&self) -> Vec<String> {
        let drains = self.record.drains().iter();
        drains.map(|(server, _)| server.to_string()).collect()
    }
}

/// Returns a service with these options and servers of weight 1.
pub(super) fn service(key: &str, options: &str, servers: &[u8]) -> String {
    let mut text = format!("-A {key} {options}\n");
    for server in servers {
        text += &format!("-a {key} -r 10.1.0.{server}:80 -m\n");
    }
    text
}

/// The key of [`web`].
pub(super) const WEB: &str = "-t 10.0.0.1:80";

/// Returns a service with servers of these weights.
pub(super) fn web(scheduler: &str, servers: &[(u8, u32)]) -> String {
    let mut text = format!("-A {WEB} -s {scheduler}\n");
    for (server, weight) in servers {
        text += &format!("-a {WEB} -r 10.1.0.{server}:80 -m -w {weight}\n");
    }
    text
}
