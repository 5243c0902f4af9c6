//! What several calls of the keeper did.

use std::collections::HashSet;
use std::io::Write;

use ipvset::ipvs::plan::{ApplyReport, Cut, Kept, Plan};
use serde::Serialize;

use crate::{Result, text};

#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    report: ApplyReport,
    /// The servers that were removed although they have connections.
    cut: Vec<Cut>,
    /// What the table lacks at the end.
    pub(crate) to_do: Plan,
}

impl Summary {
    /// Enters what a call found and did. What is done stays. What drained, failed or was left
    /// alone does not, because the call says how that stands now.
    pub(crate) fn enter(&mut self, kept: Kept) {
        let new: HashSet<_> = kept.report.objects.iter().map(|it| it.object).collect();
        let before = &mut self.report;
        before
            .objects
            .retain(|it| it.state.is_done() && !new.contains(&it.object));
        before.objects.extend(kept.report.objects);
        before.warnings.extend(kept.report.warnings);
        before.drift.extend(kept.report.drift);
        self.cut.extend(kept.cut);
    }

    pub(crate) fn is_success(&self) -> bool {
        self.report.is_success()
    }

    pub(crate) fn write(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            return text::json(self, out);
        }
        for warning in &self.report.warnings {
            writeln!(out, "# warning: {warning}")?;
        }
        for object in &self.report.drift {
            text::drift(object, out)?;
        }
        for cut in &self.cut {
            text::cut(cut, out)?;
        }
        for object in &self.report.objects {
            text::object(object, out)?;
        }
        if !self.to_do.is_empty() {
            write!(out, "# still to do:\n{}", self.to_do)?;
        }
        Ok(())
    }
}
