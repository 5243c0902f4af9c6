//! How states are written.

use std::io::Write;
use std::time::SystemTime;

use ipvset::ipvs::plan::{Cut, Object, ObjectReport, ObjectState};
use serde::Serialize;

use crate::Result;

/// Writes a value as JSON in a line.
pub(crate) fn json(value: &impl Serialize, out: &mut impl Write) -> Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Writes what became of an object.
pub(crate) fn object(report: &ObjectReport, out: &mut impl Write) -> Result<()> {
    let ObjectReport { object, state, .. } = report;
    match state {
        ObjectState::DrainingUntil(time) => {
            let left = time.duration_since(SystemTime::now()).unwrap_or_default();
            writeln!(out, "{object}: drains for {} s at most", left.as_secs())?;
        }
        state => writeln!(out, "{object}: {state}")?,
    }
    Ok(())
}

/// Writes that another program changed an object.
pub(crate) fn drift(object: &Object, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{object}: another program changed it")?;
    Ok(())
}

/// Writes that a server was removed although it has connections.
pub(crate) fn cut(cut: &Cut, out: &mut impl Write) -> Result<()> {
    let Cut {
        server,
        connections,
        ..
    } = cut;
    writeln!(out, "{server}: its time was up, connections: {connections}")?;
    Ok(())
}
