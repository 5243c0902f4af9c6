//! Keeps the virtual services at the wanted table, and ends drains.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipvset::ipvs::plan::{
    ApplyReport, Keeper, ObjectState, Plan, Planner, Policy, Scope, WantedTable,
};
use ipvset::ipvs::{Ipvs, ServiceKey};

use super::{RecordFile, Report};

/// What [`Services::keep`] did.
#[derive(Debug)]
pub struct Kept {
    /// When to look again.
    pub next: Instant,
    /// Whether no virtual service takes new connections that is not wanted.
    pub is_rest_gone: bool,
}

/// The virtual services of this node.
#[derive(Debug)]
pub struct Services {
    ipvs: Ipvs,
    keeper: Keeper,
}

impl Services {
    /// Connects to the kernel, and goes on from what the file says.
    pub fn open(
        drain_time: Duration,
        file: RecordFile,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let record = file.read()?;
        let keeper = Keeper::new(planner(drain_time)).with_record(record);
        Ok(Self {
            ipvs: Ipvs::connect()?,
            keeper: keeper.save_with(move |record, services| file.save(record, services)),
        })
    }

    /// Brings the table to what is wanted, and ends the drains whose time has come.
    ///
    /// If few services changed, only these are read. With `full`, the table is read in any case.
    pub fn keep(&mut self, wanted: &WantedTable, full: bool, report: &mut Report) -> Kept {
        if full {
            self.keeper.read_next();
        }
        let kept = self.ipvs.keep(&mut self.keeper, wanted);
        let now = Instant::now();
        match report.enter(kept) {
            Some(kept) => {
                enter(&kept.report, report);
                report.cut += kept.cut.len();
                let mut failures = kept.report.failures();
                Kept {
                    next: now + kept.next,
                    is_rest_gone: failures.all(|it| wanted.get(it.object.service).is_some()),
                }
            }
            None => Kept {
                next: now + Duration::from_secs(1),
                is_rest_gone: false,
            },
        }
    }

    /// Returns the addresses of virtual services that have a server that drains.
    pub fn draining_addresses(&self) -> BTreeSet<IpAddr> {
        let drains = self.keeper.record().drains().iter();
        let address = |service: ServiceKey| match service {
            ServiceKey::Address { address, .. } => Some(address.ip()),
            _ => None,
        };
        drains.filter_map(|(it, _)| address(it.service)).collect()
    }

    /// Returns how many servers drain.
    pub fn draining(&self) -> usize {
        self.keeper.record().drains().iter().count()
    }

    /// Returns what [`Services::keep`] would do.
    pub fn plan(&mut self, wanted: &WantedTable) -> ipvset::Result<Plan> {
        let Self { ipvs, keeper, .. } = self;
        ipvs.plan(keeper.planner(), wanted, keeper.record())
    }
}

/// What was applied before belongs to the proxy, and what is wanted.
fn planner(drain_time: Duration) -> Planner {
    let policy = Policy::new().drain_time(drain_time);
    Planner::new().scope(Scope::recorded()).policy(policy)
}

fn enter(applied: &ApplyReport, report: &mut Report) {
    report.drifted += applied.drift.len();
    for object in &applied.objects {
        match &object.state {
            ObjectState::Failed { error, .. } => report.failures.push(error.clone()),
            // It belongs to another program.
            ObjectState::LeftAlone(_) if object.state.is_success() => {}
            ObjectState::LeftAlone(_) => report.failures.push(object.to_string()),
            ObjectState::DrainingUntil(_) => report.draining += 1,
            _ if object.object.server.is_none() => report.services += 1,
            _ => report.servers += 1,
        }
    }
}

/// Removes everything that was applied. Connections are cut.
pub fn remove(file: &RecordFile, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    let mut record = file.read()?;
    let services = record.services().collect();
    let planner = planner(Duration::ZERO);
    let removed = Ipvs::connect()?.apply(&planner, &WantedTable::new(), &mut record);
    if let Some(removed) = report.enter(removed) {
        enter(&removed, report);
    }
    file.save(&record, &services)?;
    Ok(())
}
