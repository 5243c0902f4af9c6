//! A job and its contenders.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::measure::{Run, in_child};

/// A job that contenders do in turns.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The name, such as `add`.
    pub(crate) name: &'static str,
    /// The kind of object, such as `hash:ip`.
    pub(crate) what: &'static str,
    /// The number of entries or requests.
    pub(crate) count: u32,
    /// `ipvset`, `floor`, variants of these, and tools.
    pub(crate) contenders: Vec<&'static str>,
}

/// The crate, as the first job of a process, so that its memory was not touched before. In User
/// Mode Linux, touching a page takes longer than two requests.
pub(crate) const COLD: &str = "ipvset, the first time";

/// The number of rounds.
const ROUNDS: usize = 7;
/// The number of rounds with `quick`.
const QUICK_ROUNDS: usize = 3;

/// A contender whose runs took so long does not run again, because some tools take minutes.
const LONG_RUNS: f64 = 15.0;
/// A job that took so long, with what its contenders prepare, has no more rounds than with `quick`.
const LONG_JOB: Duration = Duration::from_secs(40);

/// Returns the crate, the floor and others.
pub(crate) fn contenders(others: &[&'static str]) -> Vec<&'static str> {
    [&["ipvset", "floor"], others].concat()
}

impl Job {
    /// Runs the contenders in turns and returns the measurements of each run.
    pub(crate) fn run(&self, quick: bool) -> Outcome<Value> {
        let Self {
            name, what, count, ..
        } = self;
        eprintln!("{name}, {what}, {count}");
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); self.contenders.len()];
        let mut place_of_all = String::new();
        let began = Instant::now();
        for round in 0..ROUNDS {
            if round >= QUICK_ROUNDS && (quick || began.elapsed() > LONG_JOB) {
                break;
            }
            // Each round begins with the next contender, so that the aftereffects of a contender
            // reach a different one each time.
            for place in 0..self.contenders.len() {
                let place = (place + round) % self.contenders.len();
                let (contender, runs) = (self.contenders[place], &mut runs[place]);
                if runs.iter().map(|it| it.seconds).sum::<f64>() < LONG_RUNS {
                    let count = count.to_string();
                    let (run, on) = in_child(&[contender, name, what, &count])?;
                    runs.push(run);
                    place_of_all = on;
                }
            }
        }
        let contenders = self.contenders.iter().zip(&runs).map(|(contender, runs)| {
            eprintln!("  {contender:20} {:>10.3} ms", 1e3 * median(runs));
            let runs: Vec<_> = runs.iter().map(|run| run.to_json()).collect();
            json!({ "name": contender, "runs": runs })
        });
        let contenders: Vec<_> = contenders.collect();
        Ok(json!({
            "name": name,
            "what": what,
            "count": count,
            "place": place_of_all,
            "contenders": contenders,
        }))
    }
}

fn median(runs: &[Run]) -> f64 {
    let mut seconds: Vec<_> = runs.iter().map(|run| run.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}
