//! Gives lines to a tool, and takes what it did.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use lab::Namespace;

use super::lines::Case;
use crate::common::Result;

/// What a line did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Did {
    /// `None` if the tool was killed.
    pub(crate) status: Option<i32>,
    pub(crate) message: String,
}

/// What a case did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) lines: Vec<Did>,
    /// What the real tool saves in the end.
    pub(crate) saved: String,
}

/// Bytes as characters, as lines have them.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> impl Iterator<Item = u8> {
    text.chars().map(|c| c as u8)
}

/// Every line as the arguments of a process.
pub(crate) fn one_by_one(program: &Path, place: &Namespace, case: &Case) -> Result<Outcome> {
    // On a thread that is in the namespace: a process that has to enter it by itself is started
    // far slower in a guest.
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
