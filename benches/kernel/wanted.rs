//! The jobs of the desired state of IPVS: a table is brought to the wanted one, and kept there.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ipvset::ipvs::plan::{Keeper, Planner, Policy, Record, Scope, WantedService, WantedTable};
use ipvset::ipvs::proc::{Proc, Snapshot};
use ipvset::ipvs::{Ipvs, Operation, ServiceKey};

use crate::floor::{self, Floor};
use crate::generic::datagrams;
use crate::ipvs::{
    Dump, SERVERS, add, complete, operations, real_server, service, touch_memory, warm_up,
};
use crate::job::{COLD, Job, contenders};
use crate::measure::{Run, time};
use crate::memory::{keep_memory, touch};
use crate::{Outcome, keepalived};

pub(crate) const TABLE: &str = "wanted services with 10 servers each";

/// The operations of the plan alone, or the reading alone.
const WITHOUT_PLAN: &str = "ipvset, without plan";

const ADD: &str = "add all";
const LOOK: &str = "find unchanged in /proc";
const READ: &str = "find unchanged";
const WEIGHT: &str = "change a weight in";
const REPLACE: &str = "replace a service in";
const PERCENT: &str = "change 1 % of";

pub(crate) fn jobs(quick: bool) -> Vec<Job> {
    let sizes: &[u32] = if quick { &[100] } else { &[1_000, 10_000] };
    let mut jobs = Vec::new();
    for count in sizes {
        for name in [ADD, LOOK, READ, WEIGHT, REPLACE, PERCENT] {
            jobs.push(Job {
                name,
                what: TABLE,
                count: *count,
                contenders: contenders(&others(name)),
            });
        }
    }
    jobs
}

/// Returns the other contenders. keepalived only takes part where it is installed.
fn others(job: &str) -> Vec<&'static str> {
    let mut others = vec![WITHOUT_PLAN];
    if job == ADD {
        others.push(COLD);
        others.extend(
            Path::new(keepalived::PROGRAM)
                .exists()
                .then_some(keepalived::NAME),
        );
    }
    others
}

pub(crate) fn contend(contender: &str, job: &str, services: u32) -> Outcome<Run> {
    let mut ipvs = Ipvs::connect()?;
    warm_up(&mut ipvs)?;
    keep_memory();
    let run = match job {
        ADD => add_all(&mut ipvs, contender, services),
        LOOK | READ => find_unchanged(&mut ipvs, contender, services, job == LOOK),
        _ => change(&mut ipvs, contender, services, job),
    }?;
    ipvs.flush()?;
    Ok(run)
}

fn add_all(ipvs: &mut Ipvs, contender: &str, services: u32) -> Outcome<Run> {
    let (planner, wanted) = (planner(), wanted(services)?);
    if contender == keepalived::NAME {
        return keepalived::start(ipvs, &wanted);
    }
    if contender != COLD {
        touch_memory(ipvs, services)?;
        // Half a kibibyte for each object holds the plan, the record and the report.
        touch((services * (SERVERS + 1) / 2_000) as usize);
    }
    match contender {
        "ipvset" | COLD => time(|| {
            let report = ipvs.apply(&planner, &wanted, &mut Record::new())?;
            complete(report.objects.len(), services * (SERVERS + 1))
        }),
        "floor" => {
            let datagrams = datagrams(operations(services))?;
            let mut floor = Floor::generic()?;
            time(|| datagrams.iter().try_for_each(|it| floor.send(it)))
        }
        _ => time(|| add(ipvs, services)),
    }
}

/// Times a call of the keeper that finds nothing to do.
fn find_unchanged(ipvs: &mut Ipvs, contender: &str, services: u32, in_proc: bool) -> Outcome<Run> {
    let wanted = wanted(services)?;
    let age = Duration::from_secs(if in_proc { 3_600 } else { 0 });
    let mut keeper = Keeper::new(planner()).read_every(age);
    let mut snapshot = Snapshot::default();
    for _ in 0..4 {
        ipvs.keep(&mut keeper, &wanted)?;
        Proc::new().snapshot_into(&mut snapshot)?;
    }
    match (contender, in_proc) {
        ("ipvset", _) => time(|| {
            let kept = ipvs.keep(&mut keeper, &wanted)?;
            // Where `/proc` takes longer, the keeper reads the table.
            let is_expected = (in_proc || kept.read_table) && kept.report.objects.is_empty();
            is_expected
                .then_some(())
                .ok_or_else(|| format!("{kept:?}").into())
        }),
        ("floor", true) => time(floor::read_text),
        ("floor", false) => {
            let mut dump = Dump::new(services)?;
            time(|| dump.read())
        }
        (_, true) => time(|| Ok(Proc::new().snapshot_into(&mut snapshot)?)),
        (_, false) => time(|| complete(ipvs.table()?.len(), services)),
    }
}

/// Times a call of the keeper with another wanted table. The keeper reads only the services that are
/// wanted otherwise, as the floor does.
fn change(ipvs: &mut Ipvs, contender: &str, services: u32, job: &str) -> Outcome<Run> {
    let before = wanted(services)?;
    let after = changed(&before, services, job)?;
    let mut keeper = Keeper::new(planner());
    for table in [&before, &before, &after, &before] {
        ipvs.keep(&mut keeper, table)?;
    }
    let plan = ipvs.plan(&planner(), &after, &Record::new())?;
    let steps: Vec<Operation> = plan.operations().cloned().collect();
    let changed: BTreeSet<ServiceKey> = plan.steps().iter().map(|it| it.object().service).collect();
    match contender {
        "ipvset" => time(|| {
            let kept = ipvs.keep(&mut keeper, &after)?;
            if kept.read_table {
                return Err("the whole table was read".into());
            }
            complete(kept.report.objects.len(), steps.len().try_into()?)
        }),
        "floor" => {
            let mut dump = Dump::of(changed.iter().copied())?;
            let datagrams = datagrams(steps.into_iter())?;
            time(|| {
                dump.read()?;
                datagrams.iter().try_for_each(|it| dump.floor.send(it))
            })
        }
        _ => time(|| {
            for key in &changed {
                let found = ipvs.service(*key).and_then(|_| ipvs.servers(*key));
                match found {
                    Err(error) if !error.is_not_found() => return Err(error.into()),
                    _ => {}
                }
            }
            let outcome = ipvs.execute_all(steps, ipvset::OnFailure::Continue);
            Ok(outcome.into_result().map(drop)?)
        }),
    }
}

fn planner() -> Planner {
    let planner = Planner::new().scope(Scope::everything());
    planner.policy(Policy::without_drain())
}

fn wanted(services: u32) -> Outcome<WantedTable> {
    let mut wanted = WantedTable::new();
    for number in 0..services {
        wanted.insert(service(number), (0..SERVERS).map(real_server))?;
    }
    Ok(wanted)
}

fn changed(table: &WantedTable, services: u32, job: &str) -> Outcome<WantedTable> {
    let mut changed = table.clone();
    let with_weight = |number| {
        let servers = (0..SERVERS).map(|it| match it {
            0 => real_server(it).weight(7),
            _ => real_server(it),
        });
        WantedService::new(service(number), servers)
    };
    match job {
        WEIGHT => drop(changed.replace(with_weight(services / 2)?)),
        REPLACE => {
            changed.remove(service(services / 2));
            changed.insert(service(services), (0..SERVERS).map(real_server))?;
        }
        // One server of ten services in a hundred.
        _ => {
            for number in (0..services).step_by(10) {
                changed.replace(with_weight(number)?);
            }
        }
    }
    Ok(changed)
}
