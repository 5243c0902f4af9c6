//! A process that is killed at any moment: 200 of them.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use ipvset::OnFailure;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use ipvset::ipvs::plan::{Planner, Record, Scope, WantedTable};
use ipvset::ipvs::{Ipvs, Operation, RealServer, VirtualService};
use lab::test::{Test, number};

use crate::Result;
use crate::child::command;
use crate::scenarios::{addresses, content, temporary};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("kills::batch", || {
            killed("loop_batch", batch_is_a_beginning)
        }),
        Test::new("kills::bulk", || killed("loop_bulk", bulk_is_a_beginning)),
        Test::new("kills::replace", || {
            killed("loop_replace", content_is_whole)
        }),
        Test::new("kills::reconcile", || {
            killed("loop_reconcile", running_again_converges)
        }),
    ]
}

const KILLS: u64 = 50;
const COUNT: u32 = 3000;

/// Kills a process that repeats its work, each time a little later in it, and looks at the rest.
fn killed(part: &str, check: fn() -> Result) -> Result {
    let seed = number("IPVSET_SEED", 1);
    IpSets::connect()?.create(&IpSet::<HashIp>::new("s")?)?;
    for round in 0..KILLS {
        let mut child = command(part)?.spawn()?;
        let mut ready = [0];
        let stdout = child.stdout.as_mut().ok_or("a pipe")?;
        stdout.read_exact(&mut ready)?;
        let moment = seed.wrapping_add(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        sleep(Duration::from_micros(moment % 20_000));
        child.kill()?;
        child.wait()?;
        check().map_err(|error| format!("round {round}: {error}"))?;
    }
    Ok(())
}

pub(crate) fn play(part: &str) -> Option<Result> {
    match part {
        "loop_batch" => Some(loop_batch()),
        "loop_bulk" => Some(loop_bulk()),
        "loop_replace" => Some(loop_replace()),
        "loop_reconcile" => Some(loop_reconcile()),
        _ => None,
    }
}

/// Tells the parent that the work begins.
fn ready() -> Result {
    use std::io::Write;

    std::io::stdout().write_all(b"!")?;
    Ok(std::io::stdout().flush()?)
}

fn web(number: u32) -> VirtualService {
    VirtualService::tcp((Ipv4Addr::from_bits(0x0a00_0001 + number), 80).into())
}

fn loop_batch() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ready()?;
    loop {
        let all = (0..COUNT).map(|it| Operation::AddService(web(it)));
        ipvs.execute_all(all, OnFailure::Stop).into_result()?;
        ipvs.flush()?;
    }
}

/// The kernel carries out operations in their order, and removes services one after the other.
fn batch_is_a_beginning() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let found: BTreeSet<_> = ipvs.services()?.iter().map(|it| it.key()).collect();
    let beginning: BTreeSet<_> = (0..found.len() as u32).map(|it| web(it).key).collect();
    assert!(found == beginning, "{} services", found.len());
    Ok(ipvs.flush()?)
}

fn loop_bulk() -> Result {
    let (mut sets, set) = (IpSets::connect()?, IpSet::<HashIp>::new("s")?);
    ready()?;
    loop {
        sets.add_all(&set, addresses(0, COUNT), OnFailure::Stop)
            .into_result()?;
        sets.flush(&set)?;
    }
}

fn bulk_is_a_beginning() -> Result {
    let (mut sets, set) = (IpSets::connect()?, IpSet::<HashIp>::new("s")?);
    let found = content(&set)?;
    let beginning: BTreeSet<_> = addresses(0, found.len() as u32).collect();
    assert!(found == beginning, "{} entries", found.len());
    Ok(sets.flush(&set)?)
}

fn loop_replace() -> Result {
    let (mut sets, set) = (IpSets::connect()?, IpSet::<HashIp>::new("s")?);
    ready()?;
    loop {
        sets.replace(&set, addresses(0, COUNT))?;
        sets.replace(&set, addresses(COUNT, COUNT + 100))?;
    }
}

fn content_is_whole() -> Result {
    let (mut sets, set) = (IpSets::connect()?, IpSet::<HashIp>::new("s")?);
    let found = content(&set)?;
    let whole = [
        addresses(0, 0).collect(),
        addresses(0, COUNT).collect(),
        addresses(COUNT, COUNT + 100).collect(),
    ];
    assert!(whole.contains(&found), "{} entries", found.len());
    assert!(temporary(&mut sets)?.len() <= 1);
    sets.replace(&set, addresses(0, COUNT))?;
    assert_eq!(temporary(&mut sets)?, [""; 0]);
    Ok(())
}

fn wanted(first: u32) -> Result<WantedTable> {
    let mut wanted = WantedTable::new();
    for number in first..first + 8 {
        let servers = (1..4u8).map(|it| RealServer::new(([10, 1, first as u8, it], 80).into()));
        wanted.insert(web(number), servers)?;
    }
    Ok(wanted)
}

fn loop_reconcile() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::everything());
    let mut record = Record::new();
    let tables = [wanted(0)?, wanted(4)?];
    ready()?;
    loop {
        for table in &tables {
            ipvs.apply(&planner, table, &mut record)?;
        }
    }
}

fn running_again_converges() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let planner = Planner::new().scope(Scope::everything());
    let (table, mut record) = (wanted(2)?, Record::new());
    let report = ipvs.apply(&planner, &table, &mut record)?;
    assert!(report.is_success(), "{report}");
    let plan = ipvs.plan(&planner, &table, &record)?;
    assert!(plan.is_empty(), "{plan}");
    Ok(())
}
