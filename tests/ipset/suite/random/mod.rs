//! Random operations on sets of every type and on a model of them: each has the same result in
//! both, and the entries are the same at the end. In half of the runs, a program beside it changes
//! another set and lists all of them.
//!
//! `IPVSET_STEPS` sets the number of operations for each type and family, and `IPVSET_SEED` their
//! seed.

mod model;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use ipvset::ipset::types::AnyType;
use ipvset::ipset::{AnyEntry, AnySet, IpSets};
use ipvset::{Error, Family, Namespace, OnFailure, Outcome as Many};
use lab::test::number;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::apply::pick;
use super::common::{Outcome, kernel_is_at_least, listed_in_order};
use super::stored::members;
use super::{Test, of_every_type, small};
use model::{Change, Model, Verdict};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = of_every_type("random alone", alone);
    tests.extend(of_every_type("random beside", beside));
    tests
}

const STEPS: u64 = 400;

/// The operations on one set, before the next set with other options.
const STEPS_OF_A_SET: u64 = 100;

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// Handles of a program, its set, and the entries that there should be.
struct Run {
    /// Two handles, which take turns at random.
    handles: [IpSets; 2],
    set: AnySet,
    model: Model,
    runner: TestRunner,
    done: u64,
    /// The last change, for the message of a failure.
    last: String,
}

impl Run {
    /// Creates a set with this name.
    fn new(
        here: &Namespace,
        seed: u64,
        name: &str,
        kind: AnyType,
        family: Family,
    ) -> Outcome<Option<Self>> {
        let mut runner = runner(seed);
        let set = pick(small::set(kind, family), &mut runner).with_name(name)?;
        let mut handles = [IpSets::connect_in(here)?, IpSets::connect_in(here)?];
        match handles[0].create(&set) {
            Err(error) if error.is_unavailable() => {
                assert!(!kernel_is_at_least(6, 2), "{error}");
                return Ok(None);
            }
            created => created?,
        }
        Ok(Some(Self {
            handles,
            model: Model::new(&set),
            set,
            runner,
            done: 0,
            last: String::new(),
        }))
    }

    fn entry(&mut self) -> AnyEntry {
        // A wildcard and an interface of its name contradict each other. Without a MAC address, an
        // entry with a timeout expires at once for some commands, and one with counters may keep
        // them or not when it gets an address.
        let options = self.set.options();
        let extended = options.timeout.is_some() || options.counters;
        let needs_mac = extended && self.set.type_name() == "bitmap:ip,mac";
        let is_modelled = move |entry: &AnyEntry| {
            !entry.to_string().contains("wildcard")
                && (!needs_mac || entry.value().to_string().contains(','))
        };
        let entries = small::entry(&self.set).prop_filter("not modelled", is_modelled);
        pick(entries, &mut self.runner)
    }

    fn below(&mut self, end: usize) -> usize {
        pick(0..end, &mut self.runner)
    }

    fn step(&mut self) -> Outcome {
        let handle = self.below(2);
        match self.below(40) {
            0 => self.flush(handle),
            1 | 2 => self.replace(handle),
            3..=12 => self.many(handle),
            13..=22 => self.test(handle),
            _ => self.one(handle),
        }
    }

    fn one(&mut self, handle: usize) -> Outcome {
        let change = Change::ALL[self.below(4)];
        let entry = self.entry();
        let (sets, set) = (&mut self.handles[handle], &self.set);
        let done = match change {
            Change::Add => sets.add(set, entry.clone()),
            Change::Put => sets.put(set, entry.clone()),
            Change::Remove => sets.remove(set, entry.clone()),
            Change::RemoveIfPresent => sets.remove_if_present(set, entry.clone()),
        };
        self.done += 1;
        self.last = format!("{change:?} {entry}");
        let expected = self.model.execute(change, &entry);
        expect(verdict(done), expected)
    }

    fn many(&mut self, handle: usize) -> Outcome {
        let change = Change::ALL[self.below(4)];
        let count = 1 + self.below(30);
        let entries: Vec<_> = (0..count).map(|_| self.entry()).collect();
        let on_failure = match pick(any::<bool>(), &mut self.runner) {
            true => OnFailure::Stop,
            false => OnFailure::Continue,
        };
        let (sets, set, all) = (&mut self.handles[handle], &self.set, entries.clone());
        let outcome = match change {
            Change::Add => sets.add_all(set, all, on_failure),
            Change::Put => sets.put_all(set, all, on_failure),
            Change::Remove => sets.remove_all(set, all, on_failure),
            Change::RemoveIfPresent => sets.remove_all_if_present(set, all, on_failure),
        };
        if let Some(error) = outcome.stopped() {
            return Err(format!("{change:?} {count}: {error}").into());
        }
        let given = entries.iter().map(|entry| format!("\n  {entry}"));
        self.last = format!("{change:?} {on_failure:?}{}", given.collect::<String>());
        let mut failures = Vec::new();
        let mut tried = 0;
        for (index, entry) in entries.iter().enumerate() {
            tried += 1;
            let verdict = self.model.execute(change, entry);
            if verdict.is_err() {
                failures.push((index, verdict));
                if on_failure == OnFailure::Stop {
                    break;
                }
            }
        }
        self.done += tried as u64;
        let found = Found::of(&outcome, count);
        let expected = Found {
            applied: tried - failures.len(),
            failures,
            tried,
        };
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found:?} instead of {expected:?}").into()),
        }
    }

    fn flush(&mut self, handle: usize) -> Outcome {
        self.handles[handle].flush(&self.set)?;
        self.model.clear();
        self.done += 1;
        Ok(())
    }

    fn replace(&mut self, handle: usize) -> Outcome {
        let count = self.below(20);
        let entries: Vec<_> = (0..count).map(|_| self.entry()).collect();
        let given = entries.iter().map(|entry| format!("\n  {entry}"));
        self.last = format!("replace{}", given.collect::<String>());
        self.model.clear();
        for entry in &entries {
            let verdict = self.model.execute(Change::Put, entry);
            verdict.map_err(|why| format!("{entry}: {why:?}"))?;
        }
        let given = self.handles[handle].replace(&self.set, entries)?;
        assert_eq!(given, count);
        self.done += count as u64;
        Ok(())
    }

    fn test(&mut self, handle: usize) -> Outcome {
        let entry = self.entry();
        let Some((entry, expected)) = self.model.is_in(entry) else {
            return Ok(());
        };
        self.done += 1;
        let found = self.handles[handle].test(&self.set, entry.clone())?;
        match found == expected {
            true => Ok(()),
            false => Err(format!("test {entry}: {found}").into()),
        }
    }

    /// Compares all entries.
    fn compare(&mut self) -> Outcome {
        let listed = listed_in_order(&mut self.handles[0], &self.set)?;
        let (found, expected) = (self.model.by_key(listed), self.model.entries());
        let keys: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
        for key in keys {
            let (found, expected) = (found.get(key), expected.get(key));
            if found != expected {
                return Err(format!("{key}: {found:?} instead of {expected:?}").into());
            }
        }
        Ok(())
    }

    fn failed(&self, error: Box<dyn std::error::Error>) -> Box<dyn std::error::Error> {
        let Self {
            done, set, last, ..
        } = self;
        format!("after {done} operations on {set}: {error}, after {last}").into()
    }

    fn run_until(&mut self, mut is_over: impl FnMut(u64) -> bool) -> Outcome {
        let mut step = || -> Outcome {
            while !is_over(self.done) {
                self.step()?;
                if self.below(10) == 0 {
                    self.compare()?;
                }
            }
            self.compare()
        };
        step().map_err(|error| self.failed(error))
    }
}

/// What became of many changes.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    failures: Vec<(usize, Verdict)>,
    applied: usize,
    tried: usize,
}

impl Found {
    fn of(outcome: &Many<AnyEntry>, count: usize) -> Self {
        let failures = outcome.failures().iter();
        Self {
            failures: failures
                .map(|it| (it.index, Err((it.error.kind(), it.error.missing()))))
                .collect(),
            applied: outcome.applied(),
            tried: outcome.untried_from().unwrap_or(count),
        }
    }
}

fn verdict(outcome: Result<(), Error>) -> Verdict {
    outcome.map_err(|error| (error.kind(), error.missing()))
}

fn expect(found: Verdict, expected: Verdict) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found:?} instead of {expected:?}").into()),
    }
}

/// Calls `run` with seeds that differ for each type and family, until all steps are done.
fn each_set(name: &str, family: Family, mut run: impl FnMut(u64) -> Outcome<u64>) -> Outcome {
    let (seed, steps) = (number("IPVSET_SEED", 1), number("IPVSET_STEPS", STEPS));
    println!("IPVSET_SEED={seed} IPVSET_STEPS={steps}");
    members(name)?;
    let name = name
        .bytes()
        .fold(u64::from(family == Family::Ipv6), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
    let (mut done, mut round) = (0, 0);
    while done < steps {
        done += run(seed
            .wrapping_mul(1_000_003)
            .wrapping_add(name << 20 | round))?;
        round += 1;
    }
    Ok(())
}

fn alone(name: &'static str, family: Family) -> Outcome {
    let (kind, here) = (name.parse()?, Namespace::current()?);
    each_set(name, family, |seed| {
        let Some(mut run) = Run::new(&here, seed, "s", kind, family)? else {
            return Ok(0);
        };
        run.run_until(|done| done >= STEPS_OF_A_SET)?;
        run.handles[1].destroy(&run.set)?;
        Ok(run.done)
    })
}

fn beside(name: &'static str, family: Family) -> Outcome {
    let (kind, here) = (name.parse()?, Namespace::current()?);
    each_set(name, family, |seed| {
        let run = |name, seed| Run::new(&here, seed, name, kind, family);
        let Some(mut mine) = run("s", seed)? else {
            return Ok(0);
        };
        let Some(mut other) = run("t", !seed)? else {
            mine.handles[1].destroy(&mine.set)?;
            return Ok(0);
        };
        let over = AtomicBool::new(false);
        let (mine_ended, other_ended) = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                // A listing of all sets at times makes replacements wait.
                let outcome = other.run_until(|_| over.load(Ordering::Relaxed));
                outcome.map(|()| other).map_err(|error| error.to_string())
            });
            let run = || mine.run_until(|done| done >= STEPS_OF_A_SET);
            let ended = catch_unwind(AssertUnwindSafe(run));
            over.store(true, Ordering::Relaxed);
            (ended, other.join())
        });
        mine_ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        let mut other = other_ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        other.handles[0].destroy(&other.set)?;
        mine.handles[1].destroy(&mine.set)?;
        Ok(mine.done)
    })
}
