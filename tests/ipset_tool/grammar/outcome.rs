//! Runs lines with a tool and records the outcome.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use lab::Namespace;

use super::lines::Case;
use crate::common::Result;

/// The outcome of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Did {
    /// `None` if the tool was killed.
    pub(crate) status: Option<i32>,
    pub(crate) message: String,
}

/// The outcome of a case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) lines: Vec<Did>,
    /// The sets at the end, as the real tool saves them.
    pub(crate) saved: String,
}

/// Converts each byte to a character, as in lines.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> impl Iterator<Item = u8> {
    text.chars().map(|c| c as u8)
}

/// Runs each line as a process of its own.
pub(crate) fn one_by_one(program: &Path, place: &Namespace, case: &Case) -> Result<Outcome> {
    // Starts the processes from a thread in the namespace. In a guest, a process that enters the
    // namespace by itself starts far more slowly.
    place.run(|| {
        let mut lines = Vec::new();
        for line in &case.lines {
            let words = line
                .iter()
                .map(|word| OsString::from_vec(bytes(word).collect()));
            let ended = Command::new(program).args(words).output()?;
            lines.push(Did {
                status: ended.status.code(),
                message: text(&ended.stderr),
            });
        }
        let saved = Command::new("ipset").arg("save").output()?.stdout;
        for word in ["flush", "destroy"] {
            Command::new("ipset").arg(word).output()?;
        }
        Ok(Outcome {
            lines,
            saved: text(&saved),
        })
    })
}
