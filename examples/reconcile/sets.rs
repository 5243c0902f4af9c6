//! The sets. They are changed before the services, and those that are no longer wanted are removed
//! after them.

use std::collections::HashSet;

use ipvset::ipset::IpSets;
use ipvset::ipset::plan::{Policy, Scope, SetsPlan, SetsReport, WantedSets};

use crate::Result;
use crate::source::Source;

/// What the command line says of sets.
pub(crate) struct SetsArguments {
    pub(crate) source: Source<WantedSets>,
    /// The sets with this prefix are removed if they are not wanted.
    pub(crate) prefix: Option<String>,
    pub(crate) recreate: bool,
}

pub(crate) struct Sets {
    source: Source<WantedSets>,
    wanted: WantedSets,
    prefix: Option<String>,
    policy: Policy,
    handle: IpSets,
}

impl Sets {
    /// Reads the wanted sets and connects, if there are to be any.
    pub(crate) fn open(arguments: Option<SetsArguments>) -> Result<Option<Self>> {
        let Some(SetsArguments {
            mut source,
            prefix,
            recreate,
        }) = arguments
        else {
            return Ok(None);
        };
        let policy = Policy::new();
        Ok(Some(Self {
            wanted: source.read()?,
            source,
            prefix,
            policy: if recreate { policy.recreate() } else { policy },
            handle: IpSets::connect()?,
        }))
    }

    /// Reads the wanted sets again, if they changed. Returns whether they did.
    pub(crate) fn read_again(&mut self) -> Result<bool> {
        let read = self.source.read_if_changed()?;
        let changed = read.is_some();
        if let Some(sets) = read {
            self.wanted = sets;
        }
        Ok(changed)
    }

    /// Returns what there is to do, with the removals.
    pub(crate) fn plan(&mut self) -> Result<SetsPlan> {
        let scope = self.prefix.as_ref().map(Scope::prefix).unwrap_or_default();
        let plan = self.handle.plan_all(&self.wanted, &scope, &self.policy)?;
        Ok(plan)
    }

    /// Creates and changes the wanted sets, and removes none.
    pub(crate) fn change(&mut self) -> ipvset::Result<SetsReport> {
        let scope = Scope::named();
        self.handle.apply_all(&self.wanted, &scope, &self.policy)
    }

    /// Removes the sets that are no longer wanted. Returns `None` if the program owns no others.
    pub(crate) fn remove(&mut self) -> ipvset::Result<Option<SetsReport>> {
        let Some(prefix) = self.prefix.clone() else {
            return Ok(None);
        };
        let wanted: HashSet<_> = self.wanted.names().collect();
        let scope = Scope::predicate(move |name| {
            name.as_bytes().starts_with(prefix.as_bytes()) && !wanted.contains(name)
        });
        let none = WantedSets::new();
        let report = self.handle.apply_all(&none, &scope, &self.policy)?;
        Ok(Some(report))
    }
}
