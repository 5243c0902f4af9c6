//! Keeps the table and the sets as they are wanted, until a signal comes.

use std::io::Write;
use std::time::Duration;

use ipvset::ipset::plan::SetsReport;
use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::{Keeper, WantedTable};

use crate::arguments::Arguments;
use crate::changes::Changes;
use crate::sets::Sets;
use crate::signals::Signals;
use crate::source::Source;
use crate::{Result, Status, goal, say, sets_text};

/// The services that are kept.
struct Services {
    source: Source<WantedTable>,
    wanted: WantedTable,
    keeper: Keeper,
    ipvs: Ipvs,
    changes: Changes,
}

impl Services {
    /// Reads the wanted table and connects, if there is to be one.
    fn open(arguments: &mut Arguments, interval: Duration) -> Result<Option<Self>> {
        let Some(mut source) = arguments.services.take() else {
            return Ok(None);
        };
        Ok(Some(Self {
            wanted: source.read()?,
            source,
            keeper: goal::keeper(arguments)?.check_every(interval),
            ipvs: Ipvs::connect()?,
            changes: Changes::new(arguments.json),
        }))
    }

    /// Brings the table to what is wanted, and prints what differs from the call before. Returns
    /// how long to wait until the next call.
    fn keep(&mut self, out: &mut impl Write) -> Result<(Status, Duration)> {
        let kept = self.ipvs.keep(&mut self.keeper, &self.wanted)?;
        self.changes.write(&kept, out)?;
        let status = match kept.report.is_success() {
            true => Status::AsWanted,
            false => Status::NotAsWanted,
        };
        Ok((status, kept.next))
    }

    /// Reads the wanted table again, if it changed. Returns whether it did.
    fn read_again(&mut self) -> Result<bool> {
        let read = self.source.read_if_changed()?;
        let changed = read.is_some();
        if let Some(table) = read {
            self.wanted = table;
        }
        Ok(changed)
    }
}

pub(crate) fn watch(
    mut arguments: Arguments,
    interval: Duration,
    signals: &Signals,
    out: &mut impl Write,
) -> Result<Status> {
    let mut services = Services::open(&mut arguments, interval)?;
    let mut sets = Sets::open(arguments.sets.take())?;
    let mut told = [String::new(), String::new()];
    let mut last_errors = [None, None];
    let mut is_first = true;
    loop {
        let mut status = Status::AsWanted;
        let mut next = interval;
        let mut kept = || -> Result<()> {
            if let Some(sets) = &mut sets {
                let report = sets.change()?;
                tell(&report, arguments.json, &mut told[0], out)?;
                status = status.and(sets_text::status(&report));
            }
            if let Some(services) = &mut services {
                let kept;
                (kept, next) = services.keep(out)?;
                status = status.and(kept);
            }
            if let Some(report) = sets.as_mut().map(Sets::remove).transpose()?.flatten() {
                tell(&report, arguments.json, &mut told[1], out)?;
                status = status.and(sets_text::status(&report));
            }
            Ok(())
        };
        match kept() {
            Ok(()) => {}
            // What is wrong from the start ends the program. Later it may pass.
            Err(error) if is_first => return Err(error),
            Err(error) => {
                status = Status::NotAsWanted;
                say(format_args!("{error}"));
            }
        }
        is_first = false;
        if signals.wait(next) {
            return Ok(status);
        }
        let services_read = services.as_mut().map_or(Ok(false), Services::read_again);
        let sets_read = sets.as_mut().map_or(Ok(false), Sets::read_again);
        for (read, last) in [services_read, sets_read].into_iter().zip(&mut last_errors) {
            tell_failed_read(read, last);
        }
    }
}

/// Reports that a file could not be read, unless that was the last error, too.
fn tell_failed_read(read: Result<bool>, last: &mut Option<String>) {
    match read {
        Ok(false) => {}
        Ok(true) => *last = None,
        Err(error) => {
            let error = error.to_string();
            if last.as_ref() != Some(&error) {
                say(format_args!("{error}; what was wanted before stays wanted"));
            }
            *last = Some(error);
        }
    }
}

/// Prints what a report tells, unless the one before told the same and nothing was changed.
fn tell(report: &SetsReport, json: bool, told: &mut String, out: &mut impl Write) -> Result<()> {
    let text = sets_text::report(report, json);
    if !report.is_unchanged() || text != *told {
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    *told = text;
    Ok(())
}
