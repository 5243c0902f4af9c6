//! Runs random command lines with the real tool and the example, and compares exit status, sets and
//! messages.
//!
//! [`alike`] and [`same_sets`] allow the differences that the example's help lists. The grammar does
//! not make input for the others.

mod elements;
mod lines;
mod options;
mod outcome;

use std::fmt::Write as _;
use std::time::Duration;

use ipvset::ipset::types::AnyType;
use lab::Namespace;
use lab::test::{Test, number};

use crate::common::Result;
use crate::tool::{example, real};
use lines::{Case, Grammar};
use outcome::{Did, Outcome, one_by_one};

/// The number of sets for each type. The variable IPVSET_GRAMMAR replaces it.
const CASES: u64 = 2;

/// Returns the tests of the types for which `wanted` holds. Other values of IPVSET_SEED make other
/// lines.
pub(crate) fn tests(wanted: impl Fn(&[&str]) -> bool) -> Vec<Test> {
    let (cases, seed) = (number("IPVSET_GRAMMAR", CASES), number("IPVSET_SEED", 1));
    let kinds = AnyType::all().map(|kind| kind.name());
    let wanted = kinds.filter(|kind| wanted(&[*kind]));
    let test = |kind: &'static str| {
        let test = Test::new(&format!("grammar {kind}"), move || {
            grammar(kind, seed, cases)
        });
        test.limit(Duration::from_secs(3600))
    };
    wanted.map(test).collect()
}

fn grammar(kind: &'static str, seed: u64, cases: u64) -> Result {
    let mut grammar = Grammar::new(seed);
    let places = [Namespace::new()?, Namespace::new()?];
    let mut differences = Differences::default();
    for _ in 0..cases {
        let case = grammar.case(kind);
        let meant = one_by_one(&real(), &places[0], &case)?;
        let found = one_by_one(&example(), &places[1], &case)?;
        differences.compare(&case, &found, &meant)?;
    }
    differences.none()
}

#[derive(Default)]
struct Differences {
    lines: usize,
    report: String,
}

impl Differences {
    /// Compares a case up to the first line that differs.
    fn compare(&mut self, case: &Case, found: &Outcome, meant: &Outcome) -> Result {
        self.lines += case.lines.len();
        let mut log = String::new();
        let both = found.lines.iter().zip(&meant.lines);
        for (line, (found, meant)) in case.lines.iter().zip(both) {
            let line = line.join(" ");
            if alike(found, meant) {
                writeln!(log, "    {line:?}")?;
                continue;
            }
            writeln!(
                self.report,
                "{log}>   {line:?}\n    tool {meant:?}\n    ours {found:?}\n"
            )?;
            return Ok(());
        }
        let (found, meant) = (state(&found.saved), state(&meant.saved));
        if !same_sets(&found, &meant) {
            writeln!(
                self.report,
                "{log}    tool's sets\n{meant}    ours\n{found}"
            )?;
        }
        Ok(())
    }

    fn none(self) -> Result {
        match self.report.is_empty() {
            true => Ok(()),
            false => Err(format!("in {} lines\n{}", self.lines, self.report).into()),
        }
    }
}

/// Returns the output of `save` without what depends on chance or time.
fn state(saved: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in saved.lines() {
        // The tool does not print forceadd.
        let mut line = line.replace(" forceadd", "");
        // Removes values that the kernel chose. Those of the grammar contain many zeros or ones.
        if let Some((before, value)) = line.split_once(" initval ") {
            if !value.starts_with("0x0000") && !value.starts_with("0xffffffff") {
                line = before.to_owned();
            }
        }
        // Rounds up to the thousands of seconds that the grammar uses.
        let timeout = line.split_once(" timeout ");
        if let Some((before, rest)) = timeout.filter(|_| line.starts_with("add ")) {
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let (number, rest) = rest.split_at(digits.unwrap_or(rest.len()));
            let thousands = number.parse::<u64>().unwrap_or_default().div_ceil(1000);
            line = format!("{before} timeout {thousands}000{rest}");
        }
        lines.push(line + "\n");
    }
    if !saved.contains("list:set") {
        lines.sort();
    }
    lines.concat()
}

/// Whether sets are the same. With the tool, a new entry may start with the counters of a removed one;
/// with the example they are zero.
fn same_sets(found: &str, meant: &str) -> bool {
    let number = |word: &str| word.parse::<u64>().ok();
    let same_word = |(found, meant): (&str, &str)| {
        found == meant || number(found) == Some(0) && number(meant).is_some()
    };
    let same_line = |(found, meant): (&str, &str)| {
        let words = |line: &str| line.split(' ').count();
        words(found) == words(meant) && found.split(' ').zip(meant.split(' ')).all(same_word)
    };
    let lines = |sets: &str| sets.lines().count();
    lines(found) == lines(meant) && found.lines().zip(meant.lines()).all(same_line)
}

/// Errors that the crate reports before it looks for unknown options.
const REFUSED: &[&str] = &[
    "is an address that this type of set does not take",
    "keeps some kernels in an endless loop",
    "the kernel takes no range of all IPv4 addresses",
    "is more than half of all addresses",
    "this type of set takes no network of prefix length 0",
    "can be used with family",
    "cannot parse '0' as a protocol",
    "expected 'before' or 'after'",
    "plain IP address must be supplied",
    "the set is described as one of",
    "the set is one of",
    "the member's name is missing",
    "is not made of whole networks",
    "has to begin with the network",
];

fn alike(found: &Did, meant: &Did) -> bool {
    // The tool crashed, because it accessed invalid memory.
    if meant.status.is_none() {
        return true;
    }
    // The tool reports this before it has read all words, and the crate after that.
    if meant.message.contains("Your kernel is behind") {
        return found.status != Some(0);
    }
    if found.status != meant.status {
        let quiet = found.message.is_empty() && meant.message.is_empty();
        let refused = quiet || REFUSED.iter().any(|it| found.message.contains(it));
        return refused && (found.status, meant.status) == (Some(1), Some(2));
    }
    if [found, meant]
        .iter()
        .any(|did| did.message.contains("Syntax error"))
    {
        return found.message.is_empty() == meant.message.is_empty();
    }
    // For hash:ip,mac, some kernels answer with an invalid error number.
    if meant.message.contains("Unknown error -1") {
        return !found.message.is_empty();
    }
    // The example shows networks as the kernel stores them, and interfaces unchanged.
    tail(&found.message) == tail(&meant.message)
}

/// Returns the end of a message about a tested element, without the element.
fn tail(message: &str) -> &str {
    let tail = message.split_once(" is ").map(|(_, tail)| tail);
    let tested = tail.filter(|tail| tail.contains("in set "));
    tested.unwrap_or(message)
}
