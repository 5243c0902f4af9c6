//! Another program that destroys or swaps the set before each datagram of a replacement.

use ipvset::OnFailure;
use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use lab::test::Test;

use crate::Result;
use crate::child::{Fault, watched};
use crate::scenarios::{addresses, expect_clean};
use crate::tracer::{Call, trace};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for part in PARTS {
        tests.push(Test::new(&format!("destroyed::{part}"), || {
            at_each_step(part, destroy)
        }));
        tests.push(Test::new(&format!("swapped::{part}"), || {
            at_each_step(part, swap)
        }));
    }
    // A swapped set that is changed in place gets a part of the changes. Nothing tells the program.
    tests.push(Test::new("destroyed::apply_in_place", || {
        at_each_step("apply_in_place", destroy)
    }));
    tests
}

const PARTS: [&str; 2] = ["replace_beside", "apply_beside"];

fn destroy(sets: &mut IpSets) -> Result {
    Ok(sets.destroy_if_present("s")?)
}

fn swap(sets: &mut IpSets) -> Result {
    Ok(sets.swap("s", "other")?)
}

/// Interferes before one datagram after the other: as many runs as there are datagrams.
fn at_each_step(part: &str, interfere: fn(&mut IpSets) -> Result) -> Result {
    let mut sets = IpSets::connect()?;
    let mut at = 0;
    loop {
        let mut seen = 0;
        trace(part, Fault::Harmful, |call, _| {
            if call == Call::Send {
                if seen == at {
                    interfere(&mut sets)?;
                }
                seen += 1;
            }
            Ok(None)
        })
        .map_err(|error| format!("before datagram {at}: {error}"))?;
        if seen <= at {
            return Ok(());
        }
        at += 1;
    }
}

pub(crate) fn play(part: &str) -> Option<Result> {
    match part {
        "replace_beside" => Some(beside(replace, |error| error.is_not_found())),
        // It plans anew.
        "apply_beside" => Some(beside(
            |sets, set| apply(sets, set, Policy::new().at_once()),
            |_| false,
        )),
        "apply_in_place" => Some(beside(
            |sets, set| apply(sets, set, Policy::new()),
            |_| false,
        )),
        _ => None,
    }
}

fn replace(sets: &mut IpSets, set: &IpSet<HashIp>) -> ipvset::Result<()> {
    sets.replace(set, addresses(100, 400)).map(drop)
}

fn apply(sets: &mut IpSets, set: &IpSet<HashIp>, policy: Policy) -> ipvset::Result<()> {
    let report = sets.apply(set, addresses(100, 400), &policy)?;
    report.into_result().map(drop)
}

/// Works on a set beside the other program. `may_fail` says with which errors that may end.
fn beside(
    work: impl FnOnce(&mut IpSets, &IpSet<HashIp>) -> ipvset::Result<()>,
    may_fail: impl Fn(&ipvset::Error) -> bool,
) -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("s")?;
    let other = set.with_name("other")?;
    for (set, to) in [(&set, 5), (&other, 7)] {
        sets.create(set)?;
        sets.add_all(set, addresses(0, to), OnFailure::Stop)
            .into_result()?;
    }
    let done = watched(|| work(&mut sets, &set))?;
    let count = |set: &IpSet<HashIp>| match IpSets::connect()?.info(set) {
        Ok(info) => Ok(info.entries),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    // Whatever the other program did, each set is wholly the old one, wholly the new one, or gone.
    let found = (count(&set)?, count(&other)?);
    let is_whole = |count: Option<u32>| [None, Some(5), Some(7), Some(300)].contains(&count);
    if !is_whole(found.0) || !is_whole(found.1) {
        return Err(format!("{found:?} entries after {done:?}").into());
    }
    match &done {
        // Done, the new content is somewhere, or was destroyed with its set.
        Ok(()) if found.0.is_some() && found.0 != Some(300) && found.1 != Some(300) => {
            return Err(format!("{found:?} entries after a success").into());
        }
        Err(error) if !may_fail(error) => return Err(format!("{error}").into()),
        _ => {}
    }
    expect_clean(sets, done.as_ref().err())
}
