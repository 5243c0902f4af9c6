//! System calls that fail.

use lab::test::Test;
use nix::libc::{EBADF, EINTR, ENOBUFS, ENOMEM};

use crate::child::Fault;
use crate::tracer::{Call, Fate, trace};
use crate::{Result, scenarios};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for part in scenarios::names() {
        let mut add = |name: &str, test: fn(&str) -> Result| {
            tests.push(Test::new(&format!("{name}::{part}"), move || test(part)));
        };
        add("interrupted", interrupted);
        add("late_replies", late_replies);
        add("lost_replies", lost_replies);
        add("short_sends", short_sends);
        add("a_closed_socket", a_closed_socket);
        add("no_memory", no_memory);
    }
    tests
}

/// Every other call is interrupted by a signal, beginning with the first.
fn interrupted(part: &str) -> Result {
    let mut count = 0;
    trace(part, Fault::Harmless, |_, number| {
        count += usize::from(number % 2 == 0);
        Ok((number % 2 == 0).then_some(error(EINTR)))
    })?;
    assert!(count > 0);
    Ok(())
}

fn error(code: i32) -> Fate {
    Fate::LeftOut(-i64::from(code))
}

/// Lets one call after the other have this fate once: as many runs as there are calls.
fn one_after_the_other(part: &str, of: Call, fate: Fate) -> Result {
    let mut at = 0;
    loop {
        let mut seen = 0;
        trace(part, Fault::Harmful, |call, _| {
            if call != of {
                return Ok(None);
            }
            seen += 1;
            Ok((seen - 1 == at).then_some(fate))
        })
        .map_err(|error| format!("{of:?} {at}: {error}"))?;
        if seen <= at {
            break;
        }
        at += 1;
    }
    Ok(())
}

/// The kernel says that replies are lost, and all of them come.
fn late_replies(part: &str) -> Result {
    one_after_the_other(part, Call::Receive, error(ENOBUFS))
}

/// The replies of one call are lost.
fn lost_replies(part: &str) -> Result {
    let fate = Fate::CarriedOut(-i64::from(ENOBUFS));
    one_after_the_other(part, Call::Receive, fate)
}

/// The kernel takes only the beginning of a datagram.
fn short_sends(part: &str) -> Result {
    one_after_the_other(part, Call::Send, Fate::LeftOut(8))
}

fn no_memory(part: &str) -> Result {
    one_after_the_other(part, Call::Send, error(ENOMEM))?;
    one_after_the_other(part, Call::Option, error(ENOMEM))
}

/// From one of the calls on, all fail.
fn a_closed_socket(part: &str) -> Result {
    let mut at = 0;
    loop {
        let calls = trace(part, Fault::Harmful, |_, number| {
            Ok((number >= at).then_some(error(EBADF)))
        })
        .map_err(|error| format!("from call {at} on: {error}"))?;
        if calls <= at {
            return Ok(());
        }
        // The later ones are much like each other.
        at += 1 + at / 4;
    }
}
