//! What is timed: a job, and who does it.

use serde_json::{Value, json};

use crate::Outcome;
use crate::measure::{Run, in_child};

/// A job that contenders do in turns.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// What is to be done, such as `add`.
    pub(crate) name: &'static str,
    /// What it is done to, such as `hash:ip`.
    pub(crate) what: &'static str,
    /// How many entries or requests it is about.
    pub(crate) count: u32,
    pub(crate) contenders: Vec<Contender>,
}

/// The crate, as the first thing that a process does: the memory that it takes was not touched
/// before, a page of which takes longer than two requests in User Mode Linux.
pub(crate) const COLD: &str = "ipvset, the first time";

/// Who does a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contender {
    /// `crate`, `floor` or a tool's name.
    pub(crate) name: &'static str,
    /// How often: what takes minutes is not repeated as often.
    pub(crate) rounds: usize,
}

/// The crate, the floor and tools, each as often as `rounds` says of it.
pub(crate) fn contenders(tools: &[&'static str], rounds: impl Fn(&str) -> usize) -> Vec<Contender> {
    let names = ["ipvset", "floor"].iter().chain(tools);
    let contenders = names.map(|name| Contender {
        name,
        rounds: rounds(name),
    });
    contenders.collect()
}

impl Job {
    /// Lets the contenders do it in turns and gives what each run took.
    pub(crate) fn run(&self) -> Outcome<Value> {
        let Self {
            name, what, count, ..
        } = self;
        eprintln!("{name}, {what}, {count}");
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); self.contenders.len()];
        let mut place_of_all = String::new();
        let rounds = self.contenders.iter().map(|it| it.rounds).max();
        for round in 0..rounds.unwrap_or_default() {
            // Each begins a round in its turn: what one leaves behind meets another each time.
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
