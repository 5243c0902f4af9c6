//! Sets brought to what is wanted while packets are matched and other programs are at work.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ipvset::OnFailure;
use ipvset::ipset::elements::Interface;
use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::{HashIp, HashNet, HashNetIface};
use ipvset::ipset::{Entry, IpSet, IpSets};

use super::common::{Outcome, created, ipset, listed_in_order, net, set, tests, v4, values};
use super::replace::{Probe, addresses, own_sets};
use super::{Test, needs, rounds};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        &["hash:ip"] => beside_listings_and_another_writer,
        &["hash:ip", "hash:net"] => created_anew_beside_listings,
        &["hash:ip"] => beside_a_program_that_destroys_the_set,
        &["hash:ip"] => after_a_process_was_killed_at_any_moment,
        &["hash:net,iface"] => more_interfaces_than_a_network_can_have,
    ];
    let rules: [(_, fn() -> Outcome); 3] = [
        (
            "apply_beside::counters_of_entries_that_stay",
            counters_of_entries_that_stay,
        ),
        (
            "apply_beside::a_packet_always_sees_what_stays",
            a_packet_always_sees_what_stays,
        ),
        (
            "apply_beside::a_packet_sees_all_of_the_old_or_all_of_the_new",
            a_packet_sees_all_of_the_old_or_all_of_the_new,
        ),
    ];
    tests.extend(rules.map(|(name, run)| needs(&["hash:ip"], name, run).with_rules()));
    tests
}

/// Runs something while other threads repeat theirs.
fn beside<'a, R>(others: Vec<Box<dyn FnMut() + Send + 'a>>, run: impl FnOnce() -> R) -> R {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for mut other in others {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    other();
                }
            });
        }
        let run = std::panic::AssertUnwindSafe(run);
        let result = std::panic::catch_unwind(run);
        over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Packets are counted all the time, and the time of the entry runs on.
fn counters_of_entries_that_stay() -> Outcome {
    let all = set::<HashIp>()
        .counters()
        .comments()
        .timeout(Duration::from_secs(5000));
    let (mut sets, set) = created(all)?;
    let stays = v4("127.2.0.1");
    let entry = || Entry::<HashIp>::new(stays).comment("stays");
    sets.add(&set, entry().timeout(Duration::from_secs(3000)))?;
    let probe = Probe::new()?;
    let sent = AtomicU32::new(0);
    let count = || {
        assert!(probe.sees(stays));
        sent.fetch_add(1, Ordering::Relaxed);
    };
    beside(vec![Box::new(count)], || -> Outcome {
        for round in 0..rounds(300) {
            let others = addresses(round * 7..round * 7 + 40).map(Entry::new);
            let wanted = others.chain([entry()]);
            let report = sets.apply(&set, wanted, &Policy::new())?;
            assert!(report.is_complete(), "{report}");
            assert_eq!((report.counts().changed, report.counts().renewed), (0, 0));
        }
        Ok(())
    })?;
    let listed = sets.list(&set)?.collect::<ipvset::Result<Vec<_>>>()?;
    let found = listed
        .iter()
        .find(|it| it.value().address() == Some(stays.into()));
    let options = found.ok_or("the entry")?.options();
    assert_eq!(options.packets, Some(sent.into_inner().into()));
    let left = options.timeout.ok_or("a timeout")?;
    assert!(
        left <= Duration::from_secs(3000) && !left.is_zero(),
        "{left:?}"
    );
    Ok(())
}

fn a_packet_always_sees_what_stays() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let stays = v4("127.2.0.1");
    sets.add(&set, stays)?;
    let probe = Probe::new()?;
    let seen = AtomicU32::new(0);
    let look = || {
        assert!(probe.sees(stays));
        seen.fetch_add(1, Ordering::Relaxed);
    };
    let index = sets.index(&set)?;
    beside(vec![Box::new(look)], || -> Outcome {
        for round in 0..rounds(1000) {
            let policy = match round % 2 {
                0 => Policy::new(),
                _ => Policy::new().at_once(),
            };
            let own = |round: u32| Ipv4Addr::from_bits(0x7f01_0000 + round);
            let wanted = addresses(1..40).chain([own(round), stays]);
            let report = sets.apply(&set, wanted, &policy)?;
            assert!(report.is_complete(), "{report}");
            assert!(probe.sees(own(round)));
            assert!(round == 0 || !probe.sees(own(round - 1)));
        }
        Ok(())
    })?;
    assert!(seen.into_inner() > 0);
    assert_eq!((sets.index(&set)?, sets.info(&set)?.references), (index, 1));
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    Ok(())
}

/// While the set is changed, a thread sends packets to entries of both contents. Once one of the old
/// entries is gone or one of the new ones is there, all new ones are and no old one is.
fn a_packet_sees_all_of_the_old_or_all_of_the_new() -> Outcome {
    const SIZE: u32 = 200;
    let content = |round: u32| {
        let first = 0x7f01_0000 + (round % 2) * SIZE;
        (first..first + SIZE).map(Ipv4Addr::from_bits)
    };
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add_all(&set, content(0), OnFailure::Stop)
        .into_result()?;
    let probe = Probe::new()?;
    let policy = Policy::new().at_once();
    let mut before = 0;
    for round in 1..=rounds(1000) {
        let samples = |round| content(round).step_by(SIZE as usize / 4);
        let begun = std::sync::Barrier::new(2);
        std::thread::scope(|scope| -> Outcome {
            let watcher = scope.spawn(|| {
                begun.wait();
                let mut looks = 0;
                loop {
                    for (old, new) in samples(round - 1).zip(samples(round)) {
                        if probe.sees(old) && !probe.sees(new) {
                            looks += 1;
                            continue;
                        }
                        assert!(samples(round).all(|it| probe.sees(it)));
                        assert!(samples(round - 1).all(|it| !probe.sees(it)));
                        return looks;
                    }
                }
            });
            begun.wait();
            let report = sets.apply(&set, content(round), &policy)?;
            assert!(report.is_complete(), "{report}");
            before += watcher.join().map_err(|_| "a packet saw a part")?;
            Ok(())
        })?;
    }
    // Packets were sent before the content changed, too.
    assert!(before > 0);
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    Ok(())
}

/// Two listings go on all the time, so most swaps are refused at first. Another program adds and
/// removes an entry that is not wanted, and one that is.
fn beside_listings_and_another_writer() -> Outcome {
    const SIZE: u32 = 2000;
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add_all(&set, addresses(1..SIZE), OnFailure::Stop)
        .into_result()?;
    let (mut lister, mut writer) = (IpSets::connect()?, IpSets::connect()?);
    let writers_set = set.clone();
    let others: Vec<Box<dyn FnMut() + Send>> = vec![
        Box::new(move || {
            let entries = lister.list_all().unwrap();
            entries.collect::<ipvset::Result<Vec<_>>>().unwrap();
        }),
        Box::new(|| {
            ipset(["save"]).unwrap();
        }),
        Box::new(move || {
            for address in [v4("9.9.9.9"), v4("10.0.3.3")] {
                writer.put(&writers_set, address).unwrap();
                writer.remove_if_present(&writers_set, address).unwrap();
            }
        }),
    ];
    beside(others, || -> Outcome {
        for round in 0..rounds(300) {
            let policy = match round % 2 {
                0 => Policy::new(),
                _ => Policy::new().at_once(),
            };
            let report = sets.apply(&set, addresses(round + 1..round + SIZE), &policy)?;
            assert!(report.is_complete(), "{report}");
        }
        Ok(())
    })?;
    let wanted = || addresses(1..SIZE);
    assert!(sets.apply(&set, wanted(), &Policy::new())?.is_complete());
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    same_addresses(&mut sets, &set, wanted())
}

fn same_addresses(
    sets: &mut IpSets,
    set: &IpSet<HashIp>,
    wanted: impl Iterator<Item = Ipv4Addr>,
) -> Outcome {
    let wanted: BTreeSet<_> = wanted.map(|it| it.to_string()).collect();
    let found: BTreeSet<_> = values(sets, set)?.into_iter().collect();
    assert!(found == wanted);
    Ok(())
}

/// The old set is destroyed and the new one renamed while neither is being listed.
fn created_anew_beside_listings() -> Outcome {
    const SIZE: u32 = 500;
    let (mut sets, set) = created(set::<HashIp>())?;
    let other_type = IpSet::<HashNet>::new("s")?;
    let mut lister = IpSets::connect()?;
    let lists: Box<dyn FnMut() + Send> = Box::new(move || {
        let entries = lister.list_all().unwrap();
        entries.collect::<ipvset::Result<Vec<_>>>().unwrap();
    });
    let policy = Policy::new().recreate();
    beside(vec![lists], || -> Outcome {
        for _ in 0..rounds(100) {
            let report = sets.apply(&other_type, [net("10.0.0.0/8")], &policy)?;
            assert!(report.is_complete() && report.is_created(), "{report}");
            let report = sets.apply(&set, addresses(1..SIZE), &policy)?;
            assert!(report.is_complete() && report.is_created(), "{report}");
        }
        Ok(())
    })?;
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    same_addresses(&mut sets, &set, addresses(1..SIZE))
}

/// The set vanishes at any moment. It is created again, or the report has the reason.
fn beside_a_program_that_destroys_the_set() -> Outcome {
    let mut sets = IpSets::connect()?;
    let set = set::<HashIp>();
    let mut other = IpSets::connect()?;
    let destroys: Box<dyn FnMut() + Send> = Box::new(move || match other.destroy_if_present("s") {
        Err(error) => assert!(error.is_busy(), "{error}"),
        Ok(()) => std::thread::yield_now(),
    });
    let complete = beside(vec![destroys], || -> Outcome<usize> {
        let mut complete = 0;
        let mut round = 0;
        // The other program may be faster each time for a while.
        while round < rounds(300) || complete == 0 {
            round += 1;
            let policy = match round % 2 {
                0 => Policy::new(),
                _ => Policy::new().at_once(),
            };
            match sets.apply(&set, addresses(round..round + 500).skip(1), &policy) {
                Ok(report) if report.is_complete() => complete += 1,
                Ok(report) => {
                    let error = report.stopped().ok_or("a reason")?;
                    assert!(
                        error.is_not_found() || error.is_already_exists(),
                        "{report}"
                    );
                }
                Err(error) => {
                    assert!(error.is_not_found() || error.is_already_exists(), "{error}");
                }
            }
        }
        Ok(complete)
    })?;
    assert!(complete > 0);
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    assert!(
        sets.apply(&set, addresses(1..9), &Policy::new())?
            .is_complete()
    );
    same_addresses(&mut sets, &set, addresses(1..9))
}

/// The environment variable of a process that brings the set to one content after another.
const CHANGES: &str = "IPVSET_TEST_CHANGES";

/// Changes the set `s` again and again, if the variable is set.
pub(crate) fn change_if_asked() {
    if std::env::var_os(CHANGES).is_some() {
        let mut sets = IpSets::connect().unwrap();
        println!();
        for round in 0.. {
            let wanted = addresses(round..round + 500).skip(1);
            let policy = Policy::new().at_once();
            sets.apply(&set::<HashIp>(), wanted, &policy)
                .unwrap()
                .into_result()
                .unwrap();
        }
    }
}

fn after_a_process_was_killed_at_any_moment() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let (mut kills, mut left) = (0, 0);
    let mut number = 1u32;
    while kills < rounds(100) || left == 0 {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.env(CHANGES, "").stdout(Stdio::piped()).spawn()?;
        let mut begun = [0];
        child
            .stdout
            .as_mut()
            .ok_or("a pipe")?
            .read_exact(&mut begun)?;
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Up to 16 ms at first. On a slow machine, nothing is left by a process that ends so soon.
        let longer = 1 + kills / 20;
        std::thread::sleep(Duration::from_micros((number >> 18).into()) * longer);
        child.kill()?;
        child.wait()?;
        kills += 1;
        left += own_sets(&mut sets)?.len();
        let report = sets.apply(&set, addresses(1..30), &Policy::new())?;
        assert!(report.is_complete(), "{report}");
        assert_eq!(own_sets(&mut sets)?, [""; 0]);
        same_addresses(&mut sets, &set, addresses(1..30))?;
    }
    Ok(())
}

fn more_interfaces_than_a_network_can_have() -> Outcome {
    let (mut sets, set) = created(set::<HashNetIface>())?;
    let wanted = || {
        let interface = |number| Interface::new(&format!("eth{number}")).unwrap();
        (0..70).map(move |number| (net("10.0.0.0/8"), interface(number)))
    };
    for added in [64, 0] {
        let report = sets.apply(&set, wanted(), &Policy::new())?;
        assert_eq!(report.counts().added, added, "{report}");
        assert_eq!(report.failures().len(), 6);
        assert!(!report.is_complete());
    }
    assert_eq!(listed_in_order(&mut sets, &set)?.len(), 64);
    Ok(())
}
