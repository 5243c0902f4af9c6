//! Keeps the table as it is wanted, until a signal comes.

use std::io::Write;
use std::time::Duration;

use ipvset::ipvs::Ipvs;

use crate::arguments::Arguments;
use crate::changes::Changes;
use crate::signals::Signals;
use crate::summary::is_success;
use crate::{Result, Status, goal, say};

pub(crate) fn watch(
    mut arguments: Arguments,
    interval: Duration,
    signals: &Signals,
    out: &mut impl Write,
) -> Result<Status> {
    let mut wanted = arguments.source.read()?;
    let mut keeper = goal::keeper(&arguments)?.check_every(interval);
    let mut ipvs = Ipvs::connect()?;
    let mut changes = Changes::new(arguments.json);
    // What is wrong from the start ends the program. Later it may pass.
    let mut kept = Ok(ipvs.keep(&mut keeper, &wanted)?);
    let mut status;
    let mut last_error = None;
    loop {
        let next = match kept {
            Ok(kept) => {
                changes.write(&kept, out)?;
                status = match is_success(&kept.report) {
                    true => Status::AsWanted,
                    false => Status::NotAsWanted,
                };
                kept.next
            }
            Err(error) => {
                status = Status::NotAsWanted;
                say(format_args!("{error}"));
                interval
            }
        };
        if signals.wait(next) {
            return Ok(status);
        }
        match arguments.source.read_if_changed() {
            Ok(None) => {}
            Ok(Some(table)) => {
                wanted = table;
                last_error = None;
            }
            Err(error) => {
                let error = error.to_string();
                if last_error.as_ref() != Some(&error) {
                    say(format_args!("{error}; the table before stays wanted"));
                }
                last_error = Some(error);
            }
        }
        kept = ipvs.keep(&mut keeper, &wanted);
    }
}
