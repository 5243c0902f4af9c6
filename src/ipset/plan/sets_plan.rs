use std::collections::HashSet;
use std::fmt;

use super::policy::Policy;
use super::scope::Scope;
use super::set_plan::{Planning, SetPlan};
use super::wanted::Wanted;
use super::wanted_sets::{WantedSets, is_list};
use super::way::described;
use crate::Error;
use crate::ipset::types::AnyType;
use crate::ipset::{AnyEntry, SetInfo, SetName};

/// What brings the sets of a program to the wanted ones.
///
/// Sets come before the lists that contain them, and removals come last, lists first.
/// [`Display`](fmt::Display) writes the plan as the lines that `ipset restore` would take, and
/// [`summary`](Self::summary) a line for each set.
#[derive(Debug, Default)]
#[must_use = "a plan does nothing until it is applied"]
pub struct SetsPlan {
    pub(in crate::ipset) sets: Vec<SetPlan<AnyType>>,
    pub(in crate::ipset) removals: Vec<SetName>,
    pub(in crate::ipset) refused: Vec<(SetName, Error)>,
}

impl SetsPlan {
    /// Returns the plans of the wanted sets in the order in which they are carried out, also of
    /// those that are as they are wanted.
    pub fn sets(&self) -> &[SetPlan<AnyType>] {
        &self.sets
    }

    /// Returns the sets that are destroyed, in this order.
    pub fn removals(&self) -> &[SetName] {
        &self.removals
    }

    /// Returns the wanted sets that cannot be brought to what is wanted, and why.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = (&SetName, &Error)> {
        self.refused.iter().map(|(name, error)| (name, error))
    }

    /// Returns true if nothing is to be done. Sets and entries that are refused do not count.
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.sets.iter().all(SetPlan::is_empty)
    }

    /// Returns a line for each set that is to be changed or destroyed, or that is refused.
    pub fn summary(&self) -> impl fmt::Display {
        struct Summary<'a>(&'a SetsPlan);
        impl fmt::Display for Summary<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for plan in self.0.sets.iter().filter(|plan| !plan.is_empty()) {
                    writeln!(f, "{}", plan.summary())?;
                }
                for name in &self.0.removals {
                    writeln!(f, "{name}: destroyed")?;
                }
                for (_, error) in &self.0.refused {
                    writeln!(f, "{error}")?;
                }
                Ok(())
            }
        }
        Summary(self)
    }
}

impl fmt::Display for SetsPlan {
    /// Writes the lines that `ipset restore` would take, each with its end.
    ///
    /// Names and comments that are not UTF-8, or that a line cannot represent, are written escaped.
    /// Only this crate refuses to read them: the tool takes the escaped text for the name or the
    /// comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plan in &self.sets {
            plan.fmt(f)?;
        }
        for name in &self.removals {
            writeln!(f, "destroy {name}")?;
        }
        Ok(())
    }
}

/// A plan in the making, from the sets that are there one after the other.
#[derive(Debug)]
pub(in crate::ipset) struct SetsPlanning<'a> {
    wanted: &'a WantedSets,
    scope: &'a Scope,
    policy: &'a Policy,
    /// The set whose entries come next.
    current: Option<Planning<AnyType>>,
    plans: Vec<SetPlan<AnyType>>,
    seen: HashSet<SetName>,
    lists: Vec<SetName>,
    others: Vec<SetName>,
    refused: Vec<(SetName, Error)>,
}

impl<'a> SetsPlanning<'a> {
    pub(in crate::ipset) fn begin(
        wanted: &'a WantedSets,
        scope: &'a Scope,
        policy: &'a Policy,
    ) -> Self {
        Self {
            wanted,
            scope,
            policy,
            current: None,
            plans: Vec::new(),
            seen: HashSet::new(),
            lists: Vec::new(),
            others: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Sees a set that is there. Its entries come next.
    pub(in crate::ipset) fn see_set(&mut self, there: &SetInfo) {
        self.plans.extend(self.current.take().map(Planning::finish));
        if let Some((set, entries)) = self.wanted.get(&there.name) {
            self.seen.insert(there.name);
            let set = described(set, there, self.policy);
            let planning = Wanted::collect(&set, entries.iter().cloned(), self.policy)
                .and_then(|wanted| Planning::begin(wanted, Some(there), self.policy));
            match planning {
                Ok(planning) if planning.compares() => self.current = Some(planning),
                Ok(planning) => self.plans.push(planning.finish()),
                Err(error) => self.refused.push((there.name, error)),
            }
        } else if self.scope.contains(&there.name) {
            let kind = there.set.as_ref().map(|set| *set.kind());
            match kind.as_ref().is_some_and(is_list) {
                true => self.lists.push(there.name),
                false => self.others.push(there.name),
            }
        }
    }

    /// Sees an entry of the last set.
    pub(in crate::ipset) fn see_entry(&mut self, entry: AnyEntry) {
        if let Some(planning) = &mut self.current {
            planning.see(entry);
        }
    }

    pub(in crate::ipset) fn finish(mut self) -> SetsPlan {
        self.plans.extend(self.current.take().map(Planning::finish));
        for (set, entries) in self.wanted.iter() {
            if self.seen.contains(set.name()) {
                continue;
            }
            match SetPlan::to_create(set, entries.iter().cloned(), self.policy) {
                Ok(plan) => self.plans.push(plan),
                Err(error) => self.refused.push((*set.name(), error)),
            }
        }
        self.plans.sort_by_key(|plan| is_list(plan.set().kind()));
        self.lists.append(&mut self.others);
        SetsPlan {
            sets: self.plans,
            removals: self.lists,
            refused: self.refused,
        }
    }
}
