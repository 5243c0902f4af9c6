//! Keeps the sets at what the files say, until a signal comes.

use std::io::Write;
use std::time::Duration;

use ipvset::ipset::types::HashNet;
use ipvset::ipset::{IpSet, IpSets};

use crate::list::Files;
use crate::signals::Signals;
use crate::{Result, Status, apply, say};

pub(crate) fn watch(
    sets: &[IpSet<HashNet>],
    files: &mut Files,
    interval: Duration,
    out: &mut impl Write,
) -> Result<Status> {
    // Before anything is changed. A signal ends the program between two changes.
    let signals = Signals::catch()?;
    let mut handle = IpSets::connect()?;
    // What is wrong from the start ends the program. Later it may pass.
    let mut list = files.read()?;
    list.report();
    let mut done = apply::apply(&mut handle, sets, &list);
    writeln!(out, "{}", done.line)?;
    done.report();
    let mut unread = None;
    loop {
        out.flush()?;
        if signals.wait(interval) {
            return Ok(done.status());
        }
        match files.read() {
            Ok(new) => {
                if new.bad != list.bad {
                    new.report();
                }
                (list, unread) = (new, None);
            }
            Err(error) => {
                let error = error.to_string();
                if unread.as_ref() != Some(&error) {
                    say(format_args!("{error}; the sets stay as they are"));
                }
                unread = Some(error);
            }
        }
        let before = std::mem::replace(&mut done, apply::apply(&mut handle, sets, &list));
        if done.is_changed {
            writeln!(out, "{}", done.line)?;
        }
        if done.failures != before.failures {
            done.report();
        }
    }
}
