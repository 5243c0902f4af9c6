//! Brings the sets to the wanted entries.
//!
//! `IpSets::apply_all` would add and remove entries in one go. Here the additions come before the
//! virtual services that need them, and the removals after those are gone.

use std::collections::BTreeSet;

use ipvset::ipset::elements::{Addresses, FromParts};
use ipvset::ipset::types::SetType;
use ipvset::ipset::{Entry, IpSet, IpSets, SetName};
use ipvset::{OnFailure, Outcome};

use super::Report;
use crate::translate::sets::{PREFIX, Sets, Visitor, WantedSet};

/// Removes entries. It waits until no virtual service needs them any more.
pub type Removal = Box<dyn FnOnce(&mut IpSets, &mut Report)>;

/// What [`add`] leaves to do.
#[derive(Default)]
pub struct Added {
    /// Entries to remove once the virtual services are as wanted.
    pub removals: Vec<Removal>,
    /// Addresses to remove once nothing needs them any more.
    pub addresses: Vec<Addresses>,
    /// Whether it is certain that the sets keep those out who may not use an address.
    pub closes: bool,
}

/// Creates the sets that are missing, and adds the entries that are.
///
/// With `by_listing`, the sets are compared with the kernel's. Otherwise only what changed since
/// the last call is looked at.
pub fn add(sets: &mut IpSets, wanted: &mut Sets, by_listing: bool, report: &mut Report) -> Added {
    let mut filling = Filling {
        sets,
        by_listing,
        report,
        added: Added::default(),
    };
    filling.close(wanted);
    let Ok(()) = wanted.visit_open(&mut filling);
    filling.added.addresses = filling.fill(&mut wanted.service_ip);
    filling.added
}

/// Removes entries of a set.
pub fn remove_entries<T>(
    set: &IpSet<T>,
    entries: Vec<T::Value>,
    sets: &mut IpSets,
    report: &mut Report,
) where
    T: SetType<Value: FromParts<T::Value>>,
{
    if !entries.is_empty() {
        let entries = entries.into_iter().map(Entry::new);
        let outcome = sets.remove_all_if_present(set, entries, OnFailure::Continue);
        enter(report, outcome);
    }
}

struct Filling<'a> {
    sets: &'a mut IpSets,
    by_listing: bool,
    report: &'a mut Report,
    added: Added,
}

impl Filling<'_> {
    /// Brings the sets to what is wanted that say who may use an address.
    ///
    /// A network that may no longer use an address goes at once, apart from those of addresses
    /// that are not closed any more: their clients need it until the last rule has changed.
    fn close(&mut self, wanted: &mut Sets) {
        let failures = self.report.failures.len();
        let networks = self.fill(&mut wanted.load_balancer_source);
        let ports = self.fill(&mut wanted.load_balancer_fw);
        let closed = &wanted.load_balancer_fw.entries;
        let (now, later) = networks
            .into_iter()
            .partition(|(address, port, _)| closed.contains(&(*address, *port)));
        let source = &wanted.load_balancer_source.set;
        remove_entries(source, now, self.sets, self.report);
        self.later(source, later);
        self.later(&wanted.load_balancer_fw.set, ports);
        self.added.closes = self.report.failures.len() == failures;
    }

    /// Adds the entries that are missing. Returns those that are too many.
    fn fill<T>(&mut self, wanted: &mut WantedSet<T>) -> Vec<T::Value>
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        let changes = wanted.entries.take_changes();
        let (added, removed) = match self.by_listing {
            true => {
                let made = self.sets.create_if_absent(&wanted.set);
                let found = made.and_then(|_| difference(self.sets, wanted));
                match self.report.enter(found) {
                    Some(difference) => difference,
                    None => return Vec::new(),
                }
            }
            false => changes,
        };
        if !added.is_empty() {
            let entries = added.into_iter().map(Entry::new);
            let outcome = self.sets.put_all(&wanted.set, entries, OnFailure::Continue);
            enter(self.report, outcome);
        }
        removed
    }

    fn later<T>(&mut self, set: &IpSet<T>, entries: Vec<T::Value>)
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        if !entries.is_empty() {
            let set = set.clone();
            let remove = move |sets: &mut IpSets, report: &mut Report| {
                remove_entries(&set, entries, sets, report);
            };
            self.added.removals.push(Box::new(remove));
        }
    }
}

impl Visitor for Filling<'_> {
    type Error = std::convert::Infallible;

    fn visit<T>(&mut self, wanted: &mut WantedSet<T>) -> Result<(), Self::Error>
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        let removed = self.fill(wanted);
        self.later(&wanted.set, removed);
        Ok(())
    }
}

fn enter<T: SetType>(report: &mut Report, outcome: Outcome<Entry<T>>) {
    report.entries += outcome.applied();
    let failures = outcome.failures().iter().map(|it| it.error.to_string());
    report.failures.extend(failures);
    let stopped = outcome.stopped().map(ToString::to_string);
    report.failures.extend(stopped);
}

/// Values that came or are missing, and values that went or are too many.
type Difference<V> = (Vec<V>, Vec<V>);

/// Returns the entries that a set of the kernel lacks, and those that it should not have.
fn difference<T: SetType>(
    sets: &mut IpSets,
    wanted: &WantedSet<T>,
) -> ipvset::Result<Difference<T::Value>> {
    let mut missing: BTreeSet<_> = wanted.entries.iter().collect();
    let mut extra = Vec::new();
    for entry in sets.list(&wanted.set)? {
        let value = entry?.into_value();
        if !missing.remove(&value) {
            extra.push(value);
        }
    }
    Ok((missing.into_iter().cloned().collect(), extra))
}

/// Writes what [`add`] and its removals would do.
pub fn describe(sets: &mut IpSets, wanted: &mut Sets, text: &mut String) -> ipvset::Result<()> {
    wanted.visit(&mut Describing { sets, text })
}

struct Describing<'a> {
    sets: &'a mut IpSets,
    text: &'a mut String,
}

impl Visitor for Describing<'_> {
    type Error = ipvset::Error;

    fn visit<T>(&mut self, wanted: &mut WantedSet<T>) -> ipvset::Result<()>
    where
        T: SetType<Value: FromParts<T::Value>>,
    {
        let name = wanted.set.name();
        let (added, removed) = match difference(self.sets, wanted) {
            Ok(difference) => difference,
            Err(error) if error.is_not_found() => {
                self.text
                    .push_str(&format!("+ create {name} {}\n", wanted.set.type_name()));
                (wanted.entries.iter().cloned().collect(), Vec::new())
            }
            Err(error) => return Err(error),
        };
        let line = |sign: char, value: T::Value| {
            let entry = Entry::<T>::new(value);
            match sign {
                '+' => format!("+ add {name} {entry}\n"),
                _ => format!("- add {name} {entry}\n"),
            }
        };
        let added = added.into_iter().map(|it| line('+', it));
        let removed = removed.into_iter().map(|it| line('-', it));
        self.text.extend(added.chain(removed));
        Ok(())
    }
}

/// Destroys the proxy's sets, and any other set of theirs by name.
pub fn remove(sets: &mut IpSets, report: &mut Report) {
    let names = sets.names();
    let names = report.enter(names).unwrap_or_default();
    let is_own = |name: &SetName| {
        let name = name.to_string();
        let rest = name.strip_prefix(PREFIX);
        rest.is_some_and(|rest| rest.starts_with('-') || rest.starts_with("6-"))
    };
    for name in names.into_iter().filter(is_own) {
        let destroyed = sets.destroy_if_present(name);
        report.enter(destroyed);
    }
}
