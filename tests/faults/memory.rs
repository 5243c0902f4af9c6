//! A limit for the process's memory.

use std::net::Ipv4Addr;

use ipvset::OnFailure;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use lab::test::Test;
use nix::sys::resource::{Resource, setrlimit};

use crate::Result;
use crate::child::command;
use crate::scenarios::{addresses, content, temporary};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("memory::many_entries_need_little", many_entries_need_little),
        Test::new(
            "memory::a_replacement_that_runs_out",
            a_replacement_that_runs_out,
        ),
    ]
}

const COUNT: u32 = 200_000;

pub(crate) fn play(part: &str) -> Option<Result> {
    match part {
        "limited_add" => Some(limited_add()),
        "limited_replace" => Some(limited_replace()),
        _ => None,
    }
}

/// Leaves the process this many more bytes.
fn limit(more: u64) -> Result {
    let status = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = status.split(' ').next().unwrap_or_default().parse()?;
    let most = pages * 4096 + more;
    Ok(setrlimit(Resource::RLIMIT_AS, most, most)?)
}

fn set() -> Result<IpSet<HashIp>> {
    Ok(IpSet::new("s")?.maxelem(2 * COUNT))
}

/// The entries would take more than the limit if they were held at once.
fn limited_add() -> Result {
    let (mut sets, set) = (IpSets::connect()?, set()?);
    limit(1 << 19)?;
    let all = (0..COUNT).map(Ipv4Addr::from_bits).skip(1);
    sets.add_all(&set, all, OnFailure::Stop).into_result()?;
    Ok(())
}

/// The program's own iterator takes ever more memory.
fn limited_replace() -> Result {
    let (mut sets, set) = (IpSets::connect()?, set()?);
    limit(1 << 20)?;
    let mut held = Vec::new();
    let all = (1..COUNT).map(|it| {
        held.push([it; 16]);
        Ipv4Addr::from_bits(it)
    });
    sets.replace(&set, all)?;
    Ok(())
}

fn many_entries_need_little() -> Result {
    let (mut sets, set) = (IpSets::connect()?, set()?);
    sets.create(&set)?;
    let output = command("limited_add")?.output()?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(content(&set)?.len(), COUNT as usize - 1);
    Ok(sets.destroy_all()?)
}

/// The process is aborted. The set keeps its content, and the next replacement removes what is left.
fn a_replacement_that_runs_out() -> Result {
    let (mut sets, set) = (IpSets::connect()?, set()?);
    sets.create(&set)?;
    sets.add_all(&set, addresses(0, 5), OnFailure::Stop)
        .into_result()?;
    let output = command("limited_replace")?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("memory allocation"),
        "{output:?}"
    );
    assert_eq!(content(&set)?.len(), 5);
    assert_eq!(temporary(&mut sets)?.len(), 1);
    sets.replace(&set, addresses(0, 3))?;
    assert_eq!(temporary(&mut sets)?, [""; 0]);
    Ok(sets.destroy_all()?)
}
