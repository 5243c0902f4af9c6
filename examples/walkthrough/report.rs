//! Prints each step while it runs, and compares the outcome of each request with the expected one.

use std::fmt::Display;
use std::time::Duration;

use lab::http;
use lab::net::{self, Unanswered};

use super::world::{Neighbor, World};
use super::{Fallible, Options};

/// How long to wait for an answer that must come, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for an answer that must not come.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// The expected outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This server answers.
    AnsweredBy(&'static str),
    /// Any server answers.
    Answered,
    /// No server answers.
    TimesOut,
}

impl Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AnsweredBy(name) => write!(f, "answered by {name}"),
            Self::Answered => f.write_str("answered"),
            Self::TimesOut => f.write_str("times out"),
        }
    }
}

/// Prints a walkthrough and counts its requests.
pub struct Report {
    left_out: Vec<String>,
    rows: usize,
    differing: Vec<String>,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        Self {
            left_out: options.leave_out.clone(),
            rows: 0,
            differing: Vec::new(),
        }
    }

    /// Prints the headline and the description of a step.
    pub fn step(&self, number: u8, title: &str, about: &str) {
        println!("\n{number} {title}\n");
        for line in about.lines() {
            println!("  {}", line.trim());
        }
        println!();
    }

    /// Prints a remark between commands.
    pub fn note(&self, text: &str) {
        for line in text.lines() {
            println!("  {}", line.trim());
        }
    }

    /// Prints a command and carries out `work` in its place. `request` describes the request that
    /// replaces the command.
    pub fn command<T: Default>(
        &self,
        command: &str,
        request: impl Display,
        work: impl FnOnce() -> Fallible<T>,
    ) -> Fallible<T> {
        println!("  $ {command}");
        if self.left_out.iter().any(|text| command.contains(text)) {
            println!("      left out by --leave-out\n");
            return Ok(T::default());
        }
        println!("      request:  {request}");
        let done = work().map_err(|error| format!("{command}: {error}"));
        match &done {
            Ok(_) => println!("      outcome:  done\n"),
            Err(error) => println!("      outcome:  {error}\n"),
        }
        Ok(done?)
    }

    /// Sends one HTTP request and compares its outcome with the expected one. Returns the name of the
    /// server, or an empty text if none answered as expected.
    pub fn check(&mut self, world: &World, from: Neighbor, to: &str, expect: Expect) -> String {
        self.rows += 1;
        let name = if to == super::VIP {
            "the Service"
        } else {
            "the pod"
        };
        println!("  $ {}curl {to}", from.prefix());
        println!("      request:  GET / from {from} to {name} at {to}");
        println!("      expected: {expect}");
        let namespace = world.namespace(from);
        let outcome = match expect {
            Expect::TimesOut => {
                let ask = || http::get(namespace, to, IMPATIENCE);
                net::unless_stalled(namespace, IMPATIENCE, ask)
                    .unwrap_or_else(|error| Err(Unanswered::Other(error.to_string())))
            }
            Expect::AnsweredBy(_) | Expect::Answered => http::get(namespace, to, PATIENCE),
        };
        let (came, text) = match outcome {
            Ok(answer) => {
                let name = answer.server;
                let as_expected = match &expect {
                    Expect::AnsweredBy(expected) => name == *expected,
                    Expect::Answered => true,
                    Expect::TimesOut => false,
                };
                (
                    as_expected.then(|| name.clone()),
                    format!("answered by {name}"),
                )
            }
            Err(Unanswered::TimedOut) => {
                let as_expected = expect == Expect::TimesOut;
                (as_expected.then(String::new), "times out".to_owned())
            }
            Err(error) => (None, error.to_string()),
        };
        let verdict = if came.is_some() { "ok" } else { "DIFFERS" };
        println!("      outcome:  {text}   [{verdict}]\n");
        if came.is_none() {
            self.differing
                .push(format!("{from} -> {to}: expected {expect}, but {text}"));
        }
        came.unwrap_or_default()
    }

    /// Prints the last line. Fails if the outcome of a request differed.
    pub fn finish(self) -> Fallible<()> {
        if self.differing.is_empty() {
            println!("All {} requests had the expected outcome.", self.rows);
            return Ok(());
        }
        let rows = self.differing.join("\n  ");
        Err(format!(
            "{} of {} requests differ:\n  {rows}",
            self.differing.len(),
            self.rows
        )
        .into())
    }
}
