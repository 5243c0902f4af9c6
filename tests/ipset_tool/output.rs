//! If the output cannot be written, a command keeps its own status, and nothing panics.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use lab::test::Test;

use crate::common::{Result, same};
use crate::tool::{example, reset};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("output_that_cannot_be_written", cannot_be_written),
        Test::new("a_pipe_that_is_closed", closed_pipe),
    ]
}

fn full() -> Result<Stdio> {
    Ok(OpenOptions::new().write(true).open("/dev/full")?.into())
}

fn cannot_be_written() -> Result {
    reset()?;
    lab::tool("ipset", ["create", "s", "hash:ip"])?;
    lab::tool("ipset", ["add", "s", "1.1.1.1"])?;
    for (status, words) in [
        (0, "help"),
        (0, "help hash:ip"),
        (2, "help nosuch"),
        (0, "version"),
        (0, "test s 1.1.1.1"),
        (1, "test s 1.1.1.2"),
        (1, "add s 1.1.1.1"),
        (2, "add s"),
        (2, "nosuch"),
        (0, "add s 1.1.1.3"),
        (0, "create t hash:ip probes 4"),
        (0, "-"),
        // Lost listings and backups are errors.
        (1, "save"),
        (1, "list"),
        (1, "list -output xml"),
        (1, "save -file /dev/full"),
    ] {
        let ended = Command::new(example())
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(full()?)
            .stderr(full()?)
            .status()?;
        same(words, ended.code(), Some(status));
    }
    Ok(())
}

/// The reader closes the pipe early.
fn closed_pipe() -> Result {
    reset()?;
    let mut input = String::from("create s hash:ip maxelem 20000\n");
    input.extend((0..20_000).map(|n| format!("add s 10.0.{}.{}\n", n / 256, n % 256)));
    lab::tool_with_input("ipset", ["restore"], &input)?;
    for words in [
        "list",
        "save",
        "list -output xml",
        "list -output json",
        "help",
        "version",
    ] {
        let mut child = Command::new(example())
            .args(words.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let ended = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        same(words, (ended.status.code(), said), (Some(0), String::new()));
    }
    Ok(())
}
