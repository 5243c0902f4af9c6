//! The program is killed at any moment. The next run ends in the wanted state.

use std::thread::sleep;
use std::time::Instant;

use lab::test::number;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{service, slice, slice6, with_node_port};
use crate::foreign::{add_foreign, state};
use crate::proxy::{self, Proxy};
use crate::world::World;

crate::tests![a_program_that_is_killed_at_any_moment_is_finished_by_the_next];

/// The number of kills. With `IPVSET_FULL`, five times as many.
const KILLS: u64 = 8;
/// Servers that are no longer wanted leave at once.
const OPTIONS: [&str; 2] = ["--drain", "0"];

/// Services with these numbers, each with two endpoints, a node port and addresses of both families.
fn objects(numbers: std::ops::Range<u16>, pods: [usize; 2]) -> Vec<Value> {
    let of = |number: u16| {
        let name = format!("s{number}");
        let addresses = [format!("10.96.1.{number}"), format!("fd00:96::1:{number}")];
        let addresses = addresses.each_ref().map(String::as_str);
        let service = service(&name, "TCP", 80, &addresses, json!({}));
        [
            with_node_port(service, 30000 + number),
            slice(&name, "TCP", pods),
            slice6(&name, "TCP", pods),
        ]
    };
    numbers.flat_map(of).collect()
}

/// The state of the node. All but the rules are sorted, because the kernel lists what was added
/// last first. The random number of a set is left out.
fn sorted_state() -> Result<Vec<String>> {
    let state = state()?;
    let without_number = |line: &str| match line.split_once(" initval ") {
        Some((before, _)) => before.to_owned(),
        None => line.to_owned(),
    };
    let mut all = Vec::new();
    for part in state.split("# ") {
        let mut lines: Vec<_> = part.lines().map(without_number).collect();
        if !part.starts_with("ip6tables") && !part.starts_with("iptables") {
            lines.sort();
        }
        all.append(&mut lines);
    }
    Ok(all)
}

#[track_caller]
fn expect(found: &[String], expected: &[String], when: &str) {
    let only = |all: &[String], other: &[String]| {
        let lines = all.iter().filter(|it| !other.contains(it)).cloned();
        lines.collect::<Vec<_>>()
    };
    let (more, less) = (only(found, expected), only(expected, found));
    assert!(found == expected, "{when}: {more:#?} instead of {less:#?}");
}

fn a_program_that_is_killed_at_any_moment_is_finished_by_the_next() -> Result {
    let _world = World::new()?;
    add_foreign()?;
    let before = sorted_state()?;
    let (few, many) = (objects(1..4, [1, 2]), objects(2..20, [2, 3]));
    let began = Instant::now();
    proxy::apply(&OPTIONS, &many);
    let whole = began.elapsed();
    proxy::apply(&OPTIONS, &few);
    let expected = sorted_state()?;
    assert_ne!(expected, before);

    let seed = number("IPVSET_SEED", 1);
    let kills = match std::env::var_os("IPVSET_FULL") {
        Some(_) => 5 * KILLS,
        None => KILLS,
    };
    let mut interrupted = 0;
    for round in 0..kills {
        let mut running = Proxy::start(&OPTIONS)?;
        for object in &many {
            running.say("ADDED", object)?;
        }
        let random = seed.wrapping_add(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        sleep(whole.mul_f64(random as f64 / f64::from(1 << 16)));
        // It is killed.
        drop(running);
        interrupted += usize::from(sorted_state()? != expected);
        proxy::apply(&OPTIONS, &few);
        expect(&sorted_state()?, &expected, &format!("round {round}"));
    }
    eprintln!("{interrupted} of {kills} had changed something");
    let ended = proxy::run(&["--cleanup"], &[])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    expect(&sorted_state()?, &before, "after the cleanup");
    Ok(())
}
