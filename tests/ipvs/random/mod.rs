//! Random operations on the kernel and on a model of it: each has the same result in both, and the
//! table is the same at the end. In half of the runs, another handle changes other services at the
//! same time.
//!
//! `IPVSET_STEPS` sets the number of operations of each run, and `IPVSET_SEED` their seed.

mod model;
mod universe;

use std::sync::atomic::{AtomicBool, Ordering};

use ipvset::ipvs::{Ipvs, Operation, Scheduler};
use ipvset::{Error, ErrorKind, Missing, Namespace, OnFailure, Outcome};

use lab::test::number;

use crate::generated::{Dice, read, same};
use crate::support::{Result, schedulers, tests};
use model::{Model, Verdict};
use universe::Universe;

tests![alone, beside_another_writer];

const STEPS: u64 = 4000;

/// Handles of a program, the table that there should be, and what is done next.
struct Run {
    /// Two handles, which take turns at random.
    handles: [Ipvs; 2],
    model: Model,
    dice: Dice,
    universe: Universe,
    done: u64,
}

impl Run {
    fn new(here: &Namespace, seed: u64, universe: Universe) -> Result<Self> {
        Ok(Self {
            handles: [Ipvs::connect_in(here)?, Ipvs::connect_in(here)?],
            model: Model::default(),
            dice: Dice(seed),
            universe,
            done: 0,
        })
    }

    /// Carries out one operation or many, and reads some of the table.
    fn step(&mut self) -> Result {
        let handle = self.dice.throw(2) as usize;
        match self.dice.throw(4) {
            0 => self.many(handle),
            _ => self.one(handle),
        }?;
        self.look(handle)
    }

    fn one(&mut self, handle: usize) -> Result {
        let operation = self.universe.operation(&mut self.dice);
        let expected = self.model.execute(&operation);
        let found = verdict(self.handles[handle].execute(&operation));
        self.done += 1;
        expect(&operation, found, expected)
    }

    fn many(&mut self, handle: usize) -> Result {
        // Some fill more than one datagram.
        let count = match self.dice.throw(20) {
            0 => 1000,
            _ => 1 + self.dice.throw(60),
        };
        let (dice, universe) = (&mut self.dice, &self.universe);
        let all: Vec<_> = (0..count).map(|_| universe.operation(dice)).collect();
        let stops = self.dice.throw(2) == 0;
        let on_failure = match stops {
            true => OnFailure::Stop,
            false => OnFailure::Continue,
        };
        let outcome = self.handles[handle].execute_all(all.iter().cloned(), on_failure);
        // The kernel carries out the rest of a datagram after a failure.
        let tried = outcome.untried_from().unwrap_or(all.len());
        let mut failures = Vec::new();
        for (index, operation) in all[..tried].iter().enumerate() {
            let verdict = self.model.execute(operation);
            if verdict.is_err() {
                failures.push((index, verdict));
            }
        }
        self.done += tried as u64;
        let may_stop = stops && !failures.is_empty();
        if outcome.untried_from().is_some() && !may_stop {
            return Err(format!("stopped at {tried} with {on_failure:?}").into());
        }
        expect_outcome(&all, outcome, &failures)
    }

    /// Compares one service and its servers.
    fn look(&mut self, handle: usize) -> Result {
        let key = self.universe.key(&mut self.dice);
        let ipvs = &mut self.handles[handle];
        let Some((service, servers)) = self.model.services.get(&key) else {
            assert!(
                ipvs.service(key).is_err_and(|it| it.is_not_found()),
                "{key}"
            );
            assert!(
                ipvs.servers(key).is_err_and(|it| it.is_not_found()),
                "{key}"
            );
            return Ok(());
        };
        assert_eq!(ipvs.service(key)?.config, *service);
        let found: Vec<_> = ipvs.servers(key)?.into_iter().map(|it| it.config).collect();
        assert_eq!(found, *servers, "{key}");
        Ok(())
    }
}

fn verdict(outcome: Result<(), Error>) -> Verdict {
    outcome.map_err(|error| (error.kind(), error.missing()))
}

fn expect(operation: &Operation, found: Verdict, expected: Verdict) -> Result {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{operation}: {found:?} instead of {expected:?}").into()),
    }
}

fn expect_outcome(
    all: &[Operation],
    outcome: Outcome<Operation>,
    failures: &[(usize, Verdict)],
) -> Result {
    let tried = outcome.untried_from().unwrap_or(all.len());
    if let Some(error) = outcome.stopped() {
        return Err(format!("many operations: {error}").into());
    }
    let found: Vec<_> = outcome
        .failures()
        .iter()
        .map(|it| (it.index, Err((it.error.kind(), it.error.missing()))))
        .collect();
    for (found, expected) in found.iter().zip(failures) {
        if found != expected {
            let operation = &all[found.0.min(expected.0)];
            return Err(format!("{operation}: {found:?} instead of {expected:?}").into());
        }
    }
    let found = (found.len(), outcome.applied());
    match found == (failures.len(), tried - failures.len()) {
        true => Ok(()),
        false => Err(format!("{found:?} of {tried} operations").into()),
    }
}

fn alone() -> Result {
    let (seed, steps) = (number("IPVSET_SEED", 1), number("IPVSET_STEPS", STEPS));
    println!("IPVSET_SEED={seed} IPVSET_STEPS={steps}");
    let here = Namespace::current()?;
    let schedulers = schedulers(&mut Ipvs::connect()?)?;
    let mut run = Run::new(&here, seed, Universe::new(0, true, schedulers))?;
    while run.done < steps {
        run.step()?;
        // Alone, a table is complete even on kernels whose listings skip services that move.
        if run.dice.throw(10) == 0 {
            same(&read(run.handles[0].table()?), &run.model.services);
        }
    }
    same(&read(run.handles[1].verified_table()?), &run.model.services);
    Ok(())
}

fn beside_another_writer() -> Result {
    let (seed, steps) = (number("IPVSET_SEED", 1), number("IPVSET_STEPS", STEPS));
    println!("IPVSET_SEED={seed} IPVSET_STEPS={steps}");
    let here = Namespace::current()?;
    let schedulers = schedulers(&mut Ipvs::connect()?)?;
    let run = |first, seed, schedulers: Vec<Scheduler>| {
        Run::new(&here, seed, Universe::new(first, false, schedulers))
    };
    let mut run_here = run(0, seed, schedulers.clone())?;
    let mut other = run(100, !seed, schedulers)?;
    let over = AtomicBool::new(false);
    let (mine, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| -> Result<Run> {
            while !over.load(Ordering::Relaxed) {
                other.step()?;
            }
            Ok(other)
        });
        let mut until_done = || -> Result {
            while run_here.done < steps {
                run_here.step()?;
            }
            Ok(())
        };
        let mine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut until_done));
        over.store(true, Ordering::Relaxed);
        (mine, other.join())
    });
    let resume = |panic| -> ! { std::panic::resume_unwind(panic) };
    mine.unwrap_or_else(|panic| resume(panic))?;
    let other = other.unwrap_or_else(|panic| resume(panic))?;
    assert!(other.done > 0);
    let mut expected = run_here.model.services;
    expected.extend(other.model.services);
    same(&read(run_here.handles[0].verified_table()?), &expected);
    Ok(())
}
