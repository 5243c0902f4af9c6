//! How plans and reports of sets are written.

use std::fmt::Write as _;
use std::io::Write;

use ipvset::ipset::plan::{SetPlan, SetReport, SetsPlan, SetsReport};
use ipvset::ipset::types::AnyType;
use serde_json::{Value, json};

use crate::{Result, Status, text};

/// Writes a plan as the lines that `ipset restore` would take, a summary, and a line for each set
/// or entry that is refused.
pub(crate) fn plan(plan: &SetsPlan, json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        let set = |it: &SetPlan<AnyType>| json!({ "set": it.set().name(), "way": it.way(), "counts": it.counts() });
        let sets: Vec<_> = plan
            .sets()
            .iter()
            .filter(|it| !it.is_empty())
            .map(set)
            .collect();
        let entries = refused_entries(plan);
        let entries = entries.map(|(set, error)| failed((set.set().name(), error)));
        let refused: Vec<_> = plan.refused().map(failed).chain(entries).collect();
        let lines = plan.to_string();
        let lines: Vec<_> = lines.lines().collect();
        let value = json!({
            "change": sets, "remove": plan.removals(), "refused": refused, "restore": lines,
        });
        return text::json(&json!({ "sets": value }), out);
    }
    write!(out, "{plan}")?;
    for line in plan.summary().to_string().lines() {
        writeln!(out, "# {line}")?;
    }
    for (_, error) in refused_entries(plan) {
        writeln!(out, "# {error}")?;
    }
    Ok(())
}

/// Returns the entries that no set of their type takes, with the plans of their sets.
fn refused_entries(plan: &SetsPlan) -> impl Iterator<Item = (&SetPlan<AnyType>, &ipvset::Error)> {
    let sets = plan.sets().iter();
    sets.flat_map(|set| set.refused().map(move |(_, error)| (set, error)))
}

/// Returns whether everything is as wanted. What is refused cannot be done, but is not as wanted.
pub(crate) fn plan_status(plan: &SetsPlan) -> Status {
    let is_refused = plan.refused().len() > 0 || refused_entries(plan).next().is_some();
    match plan.is_empty() && !is_refused {
        true => Status::AsWanted,
        false => Status::ToDo,
    }
}

/// Returns the lines of a report: a line for each set that was changed or failed, and for each
/// entry that failed. There are none if there is nothing to tell.
pub(crate) fn report(report: &SetsReport, json: bool) -> String {
    if report.is_unchanged() && report.is_complete() {
        return String::new();
    }
    if json {
        let told = report.sets().iter().filter(|it| is_told(it));
        let sets: Vec<_> = told.map(set_report).collect();
        let failed: Vec<_> = report.failed().map(failed).collect();
        let value = json!({ "changed": sets, "removed": report.removed(), "failed": failed });
        return format!("{}\n", json!({ "sets": value }));
    }
    let mut lines = report.to_string();
    for set in report.sets() {
        for error in errors(set) {
            let _ = writeln!(lines, "# {error}");
        }
    }
    lines
}

fn is_told(report: &SetReport<AnyType>) -> bool {
    report.is_created() || !report.counts().is_unchanged() || !report.is_complete()
}

fn set_report(report: &SetReport<AnyType>) -> Value {
    let failures: Vec<_> = errors(report).collect();
    json!({
        "set": report.set(),
        "way": report.way(),
        "counts": report.counts(),
        "failures": failures,
        "stopped": report.stopped().map(|it| it.to_string()),
    })
}

/// Returns what happened to each entry that failed.
fn errors(report: &SetReport<AnyType>) -> impl Iterator<Item = String> {
    let failed = report.failures().iter().chain(report.failed_removals());
    failed.map(|it| it.error.to_string())
}

fn failed((name, error): (&ipvset::ipset::SetName, &ipvset::Error)) -> Value {
    json!({ "set": name, "error": error.to_string() })
}

/// Returns whether everything is as wanted after a run.
pub(crate) fn status(report: &SetsReport) -> Status {
    match report.is_complete() {
        true => Status::AsWanted,
        false => Status::NotAsWanted,
    }
}
