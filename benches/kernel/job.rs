//! A job and its contenders.

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
    pub(crate) contenders: Vec<Contender>,
}

/// The crate, as the first job of a process, so that its memory was not touched before. In User
/// Mode Linux, touching a page takes longer than two requests.
pub(crate) const COLD: &str = "ipvset, the first time";

/// A contender of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contender {
    /// `crate`, `floor` or a tool's name.
    pub(crate) name: &'static str,
    /// The number of runs. Jobs that take minutes have fewer.
    pub(crate) rounds: usize,
}

/// Returns the crate, the floor and the tools, each with its number of rounds.
pub(crate) fn contenders(tools: &[&'static str], rounds: impl Fn(&str) -> usize) -> Vec<Contender> {
    let names = ["ipvset", "floor"].iter().chain(tools);
    let contenders = names.map(|name| Contender {
        name,
        rounds: rounds(name),
    });
    contenders.collect()
}

impl Job {
    /// Runs the contenders in turns and returns the measurements of each run.
    pub(crate) fn run(&self, most_rounds: usize) -> Outcome<Value> {
        let Self {
            name, what, count, ..
        } = self;
        eprintln!("{name}, {what}, {count}");
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); self.contenders.len()];
        let mut place_of_all = String::new();
        let rounds = self.contenders.iter().map(|it| it.rounds).max();
        for round in 0..rounds.unwrap_or_default().min(most_rounds) {
            // Each round begins with the next contender, so that the aftereffects of a contender
            // reach a different one each time.
            for place in 0..self.contenders.len() {
                let place = (place + round) % self.contenders.len();
                let (contender, runs) = (&self.contenders[place], &mut runs[place]);
                if round < contender.rounds {
                    let count = count.to_string();
                    let (run, on) = in_child(&[contender.name, name, what, &count])?;
                    runs.push(run);
                    place_of_all = on;
                }
            }
        }
        let contenders = self.contenders.iter().zip(&runs).map(|(contender, runs)| {
            eprintln!("  {:20} {:>10.3} ms", contender.name, 1e3 * median(runs));
            let runs: Vec<_> = runs.iter().map(|run| run.to_json()).collect();
            json!({ "name": contender.name, "runs": runs })
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
