//! The objects of the cluster, as far as the inputs have told them.

use std::collections::{BTreeMap, BTreeSet};

use crate::input::Event;
use crate::objects::{EndpointSlice, Kind, Misread, Name, Object, Service, Version};

/// The Services and EndpointSlices, and which Services changed.
#[derive(Debug, Default)]
pub struct Cluster {
    services: BTreeMap<Name, Held<Service>>,
    slices: BTreeMap<Name, Held<EndpointSlice>>,
    /// The slices of each Service, whether or not the Service itself is known.
    slices_of: BTreeMap<Name, BTreeSet<Name>>,
    /// The Services of which something changed since [`Cluster::take_changed`].
    changed: BTreeSet<Name>,
    /// How many lists each input has begun.
    lists: BTreeMap<usize, u64>,
}

/// An object, and where it comes from.
#[derive(Debug)]
struct Held<T> {
    object: T,
    input: usize,
    /// The number of the input's list that named it last.
    list: u64,
}

impl Cluster {
    /// Takes note of an event of an input. Returns what a person should know about it.
    pub fn enter(&mut self, input: usize, event: Event) -> Option<String> {
        match event {
            Event::Put { object, is_change } => self.put(input, object, is_change),
            Event::Delete { kind, name, uid } => self.delete(kind, &name, uid.as_deref()),
            Event::Misread(misread) => {
                // What was understood of it before stays.
                self.keep(input, &misread);
                return Some(format!("not understood: {misread}"));
            }
            Event::ListBegins => *self.lists.entry(input).or_default() += 1,
            Event::ListEnds => self.forget_unlisted(input),
            Event::ServerError(reason) => {
                return Some(format!("the server reports an error: {reason}"));
            }
            Event::Broken { position, reason } => {
                return Some(format!("broken document, at {position}: {reason}"));
            }
        }
        None
    }

    /// Returns the Services of which something changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<Name> {
        std::mem::take(&mut self.changed)
    }

    pub fn service(&self, name: &Name) -> Option<&Service> {
        self.services.get(name).map(|it| &it.object)
    }

    /// Returns the slices of a Service.
    pub fn slices(&self, service: &Name) -> Vec<&EndpointSlice> {
        let names = self.slices_of.get(service).into_iter().flatten();
        names.map(|name| &self.slices[name].object).collect()
    }

    fn put(&mut self, input: usize, object: Object, is_change: bool) {
        if is_change && self.is_late(&object) {
            return;
        }
        let list = self.lists.get(&input).copied().unwrap_or_default();
        match object {
            Object::Service(object) => {
                let name = object.name.clone();
                let is_same = self.service(&name) == Some(&object);
                let held = Held {
                    object,
                    input,
                    list,
                };
                self.services.insert(name.clone(), held);
                if !is_same {
                    self.changed.insert(name);
                }
            }
            Object::EndpointSlice(object) => {
                let name = object.name.clone();
                let before = self.slices.get(&name).map(|it| &it.object);
                if before != Some(&object) {
                    self.remove_slice(&name);
                    if let Some(service) = &object.service {
                        let of_service = self.slices_of.entry(service.clone()).or_default();
                        of_service.insert(name.clone());
                        self.changed.insert(service.clone());
                    }
                }
                let held = Held {
                    object,
                    input,
                    list,
                };
                self.slices.insert(name, held);
            }
        }
    }

    /// Returns true if the object is known in a later state than this one.
    fn is_late(&self, object: &Object) -> bool {
        let known = match object.kind() {
            Kind::Service => self
                .services
                .get(object.name())
                .map(|it| &it.object.version),
            Kind::EndpointSlice => self.slices.get(object.name()).map(|it| &it.object.version),
        };
        known.is_some_and(|known| object.version().is_before(known))
    }

    /// Forgets an object, unless it was created again in the meantime.
    fn delete(&mut self, kind: Kind, name: &Name, uid: Option<&str>) {
        let is_it = |held: &Version| uid.is_none_or(|uid| uid == held.uid);
        match kind {
            Kind::Service => {
                let held = self.services.get(name);
                if held.is_some_and(|it| is_it(&it.object.version)) {
                    self.services.remove(name);
                    self.changed.insert(name.clone());
                }
            }
            Kind::EndpointSlice => {
                let held = self.slices.get(name);
                if held.is_some_and(|it| is_it(&it.object.version)) {
                    self.remove_slice(name);
                }
            }
        }
    }

    fn remove_slice(&mut self, name: &Name) {
        let service = self.slices.remove(name).and_then(|it| it.object.service);
        if let Some(service) = service {
            if let Some(slices) = self.slices_of.get_mut(&service) {
                slices.remove(name);
                if slices.is_empty() {
                    self.slices_of.remove(&service);
                }
            }
            self.changed.insert(service);
        }
    }

    /// Counts an object that was not understood as one of the input's list.
    fn keep(&mut self, input: usize, misread: &Misread) {
        let list = self.lists.get(&input).copied().unwrap_or_default();
        match (misread.kind, &misread.name) {
            (Some(Kind::Service), Some(name)) => {
                if let Some(held) = self.services.get_mut(name) {
                    held.list = list;
                }
            }
            (Some(Kind::EndpointSlice), Some(name)) => {
                if let Some(held) = self.slices.get_mut(name) {
                    held.list = list;
                }
            }
            _ => {}
        }
    }

    /// Forgets what the input named before its last list, and not in it.
    fn forget_unlisted(&mut self, input: usize) {
        let list = self.lists.get(&input).copied().unwrap_or_default();
        let is_gone = |of: usize, named: u64| of == input && named < list;
        let services = self.services.iter();
        let services = services.filter(|(_, it)| is_gone(it.input, it.list));
        for name in services.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.services.remove(&name);
            self.changed.insert(name);
        }
        let slices = self.slices.iter();
        let slices = slices.filter(|(_, it)| is_gone(it.input, it.list));
        for name in slices.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.remove_slice(&name);
        }
    }
}
