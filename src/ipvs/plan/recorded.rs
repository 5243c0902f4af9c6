use std::collections::{BTreeMap, BTreeSet};

use super::addresses::AddressSet;
use super::begun::Begun;
use super::drains;
use super::object::Object;
use super::plan::Plan;
use super::record::{Record, by_service};
use super::step::Step;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;

/// What a [`Record`] has of one service.
///
/// A program that stores a large record writes one of these for each service that changed, and
/// [`Record::enter`] reads it back.
///
#[cfg_attr(feature = "serde", doc = "```")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use ipvset::ipvs::ServiceKey;
/// use ipvset::ipvs::plan::{Record, RecordedService};
///
/// let web = ServiceKey::tcp("10.0.0.1:80".parse()?);
/// let record = Record::new();
/// // Write `line` at the end of a file, and …
/// let line = serde_json::to_string(&record.service(web))?;
/// // … when the program begins again, read the file line by line.
/// let mut again = Record::new();
/// again.enter(serde_json::from_str(&line)?);
/// assert_eq!(again, record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct RecordedService {
    service: ServiceKey,
    /// The servers, if the service was applied.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    applied: Option<AddressSet>,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    begun: Option<Begun>,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    drains: Option<drains::Service>,
}

impl RecordedService {
    /// Returns the service.
    pub fn key(&self) -> ServiceKey {
        self.service
    }

    /// Returns true if the record has nothing of the service.
    pub fn is_empty(&self) -> bool {
        self.applied.is_none() && self.begun.is_none() && self.drains.is_none()
    }
}

impl Record {
    /// Returns what the record has of a service.
    pub fn service(&self, service: impl Into<ServiceKey>) -> RecordedService {
        let service = service.into();
        RecordedService {
            service,
            applied: self.applied.get(&service).cloned(),
            begun: self.begun.get(&service).cloned(),
            drains: self.drains.services.get(&service).cloned(),
        }
    }

    /// Replaces what the record has of a service.
    pub fn enter(&mut self, recorded: RecordedService) {
        let RecordedService {
            service,
            applied,
            begun,
            drains,
        } = recorded;
        set(&mut self.applied, service, applied);
        set(&mut self.begun, service, begun);
        set(&mut self.drains.services, service, drains);
    }

    /// Returns an iterator over the services of which the record has something, in the order of
    /// their keys.
    pub fn services(&self) -> impl Iterator<Item = ServiceKey> {
        let drains = self.drains.services.keys();
        let all = self.applied.keys().chain(self.begun.keys()).chain(drains);
        all.copied().collect::<BTreeSet<_>>().into_iter()
    }
}

/// Sets or removes the value of a key.
fn set<T>(map: &mut BTreeMap<ServiceKey, T>, key: ServiceKey, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

/// The services of which a record says something else than before.
#[derive(Debug)]
pub(in crate::ipvs) struct Changes {
    services: BTreeSet<ServiceKey>,
    /// What the record said of the services that drain or are being added.
    unfinished: BTreeMap<ServiceKey, RecordedService>,
}

impl Changes {
    pub(in crate::ipvs) fn since(record: &Record) -> Self {
        Self {
            services: BTreeSet::new(),
            unfinished: unfinished(record),
        }
    }

    /// Enters that a plan was begun or carried out.
    pub(in crate::ipvs) fn enter_plan(&mut self, plan: &Plan) {
        let steps = by_service(&plan.steps, Step::service);
        self.services.extend(steps.map(|it| *it[0].service()));
        let objects = plan.adopted.iter().chain(&plan.gone);
        self.services.extend(objects.map(|it| it.service));
    }

    /// Enters that an operation was carried out which ends a drain.
    pub(in crate::ipvs) fn enter(&mut self, operation: &Operation) {
        self.services
            .extend(Object::of(operation).map(|it| it.service));
    }

    /// Returns the services. `record` is what the record says now.
    pub(in crate::ipvs) fn services(&mut self, record: &Record) -> &BTreeSet<ServiceKey> {
        // Those of a plan are known. After a large one is begun, comparing them would copy the
        // whole record.
        let unknown = |key: &&ServiceKey| !self.services.contains(key);
        let differs = |key: &&ServiceKey| self.unfinished.get(key) != Some(&record.service(**key));
        let all = self.unfinished.keys().chain(unfinished_keys(record));
        let differing: Vec<_> = all.filter(unknown).filter(differs).copied().collect();
        self.services.extend(differing);
        &self.services
    }
}

fn unfinished(record: &Record) -> BTreeMap<ServiceKey, RecordedService> {
    let keys = unfinished_keys(record);
    keys.map(|key| (*key, record.service(key))).collect()
}

/// Returns the services that drain or are being added.
fn unfinished_keys(record: &Record) -> impl Iterator<Item = &ServiceKey> {
    record.begun.keys().chain(record.drains.services.keys())
}
