//! A line for each change and each drift.

use std::collections::BTreeMap;
use std::io::Write;

use ipvset::ipvs::plan::{Kept, Object, ObjectReport, ObjectState, Warning};
use serde_json::json;

use crate::{Result, text};

/// Writes what differs from the call before.
pub(crate) struct Changes {
    json: bool,
    /// The states of objects that drain, failed or are left alone, which each call reports.
    standing: BTreeMap<Object, ObjectState>,
    warnings: Vec<Warning>,
}

impl Changes {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            standing: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, kept: &Kept, out: &mut impl Write) -> Result<()> {
        let report = &kept.report;
        let known = std::mem::replace(&mut self.warnings, report.warnings.clone());
        for warning in report.warnings.iter().filter(|it| !known.contains(it)) {
            match self.json {
                true => text::json(&json!({ "warning": warning }), out)?,
                false => writeln!(out, "# warning: {warning}")?,
            }
        }
        for object in &report.drift {
            match self.json {
                true => text::json(&json!({ "drift": object }), out)?,
                false => text::drift(object, out)?,
            }
        }
        for cut in &kept.cut {
            match self.json {
                true => text::json(&json!({ "cut": cut }), out)?,
                false => text::cut(cut, out)?,
            }
        }
        for object in self.unlike_before(&report.objects) {
            match self.json {
                true => text::json(object, out)?,
                false => text::object(object, out)?,
            }
        }
        out.flush()?;
        Ok(())
    }

    /// Returns the objects whose state is not as the call before reported it.
    fn unlike_before<'a>(&mut self, objects: &'a [ObjectReport]) -> Vec<&'a ObjectReport> {
        let standing = objects.iter().filter(|it| !it.state.is_done());
        let standing = standing.map(|it| (it.object, it.state.clone())).collect();
        let before = std::mem::replace(&mut self.standing, standing);
        let is_new = |it: &&ObjectReport| before.get(&it.object) != Some(&it.state);
        objects.iter().filter(is_new).collect()
    }
}
