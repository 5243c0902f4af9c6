use std::collections::btree_map;
use std::collections::{BTreeSet, HashMap};
use std::iter::Peekable;
use std::sync::Arc;
use std::vec;

use super::addresses::AddressSet;
use super::record::Record;
use super::wanted::{WantedService, WantedTable};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::report::TableEntry;

/// An iterator over the services of all tables together, in the order of their keys.
pub(super) struct Tables<'a> {
    wanted: Peekable<btree_map::Iter<'a, ServiceKey, Arc<WantedService>>>,
    present: Peekable<vec::IntoIter<(ServiceKey, &'a TableEntry)>>,
    recorded: Peekable<btree_map::Iter<'a, ServiceKey, AddressSet>>,
}

/// Returns an iterator over some services of all tables, in the order of their keys.
pub(super) fn some_of<'a>(
    services: &'a BTreeSet<ServiceKey>,
    wanted: &'a WantedTable,
    present: &'a [TableEntry],
    record: &'a Record,
) -> impl Iterator<Item = (ServiceKey, InTables<'a>)> + Clone {
    let present: HashMap<_, _> = present.iter().map(|it| (it.service.key(), it)).collect();
    services.iter().map(move |key| {
        let service = InTables {
            wanted: wanted.get(key),
            present: present.get(key).copied(),
            recorded: record.applied().get(key),
        };
        (*key, service)
    })
}

/// A service in each of the tables.
#[derive(Clone, Copy)]
pub(super) struct InTables<'a> {
    pub(super) wanted: Option<&'a WantedService>,
    pub(super) present: Option<&'a TableEntry>,
    /// The recorded servers.
    pub(super) recorded: Option<&'a AddressSet>,
}

impl InTables<'_> {
    /// Returns how many objects the wanted table and the present one have of the service.
    pub(super) fn objects(&self) -> usize {
        let wanted = self.wanted.map_or(0, |it| 1 + it.servers().len());
        let present = self.present.map_or(0, |it| 1 + it.servers.len());
        wanted + present
    }
}

impl<'a> Tables<'a> {
    pub(super) fn new(
        wanted: &'a WantedTable,
        present: &'a [TableEntry],
        record: &'a Record,
    ) -> Self {
        // The keys stand beside each other while they are sorted.
        let mut entries: Vec<_> = present.iter().map(|it| (it.service.key(), it)).collect();
        entries.sort_by_key(|(key, _)| *key);
        // A table that was read has each service once.
        entries.dedup_by_key(|(key, _)| *key);
        Self {
            wanted: wanted.services().iter().peekable(),
            present: entries.into_iter().peekable(),
            recorded: record.applied().iter().peekable(),
        }
    }
}

impl<'a> Iterator for Tables<'a> {
    type Item = (ServiceKey, InTables<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let wanted = self.wanted.peek().map(|it| *it.0);
        let present = self.present.peek().map(|it| it.0);
        let recorded = self.recorded.peek().map(|it| *it.0);
        let key = [wanted, present, recorded].into_iter().flatten().min()?;
        let service = InTables {
            wanted: self
                .wanted
                .next_if(|it| *it.0 == key)
                .map(|it| it.1.as_ref()),
            present: self.present.next_if(|it| it.0 == key).map(|it| it.1),
            recorded: self.recorded.next_if(|it| *it.0 == key).map(|it| it.1),
        };
        Some((key, service))
    }
}
