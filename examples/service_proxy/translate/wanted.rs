//! What all Services together ask of the node.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipvset::Family;
use ipvset::ipvs::plan::{WantedServer, WantedService, WantedTable};
use ipvset::ipvs::{RealServer, ServiceKey};

use super::sets::{Change, Sets};
use super::{Counted, Frontend, HealthCheck, Node, Role, Settings, Share};
use crate::cluster::Cluster;
use crate::objects::Name;

/// What the node has to look like. It changes with the Services that change, and with them only.
#[derive(Debug)]
pub struct Wanted {
    node: Node,
    settings: Settings,
    shares: BTreeMap<Arc<Name>, Share>,
    /// Who asks for an address and port. The first one gets it.
    claims: BTreeMap<ServiceKey, BTreeSet<(Role, Arc<Name>)>>,
    /// What stands at each address and port.
    installed: BTreeMap<ServiceKey, Arc<Frontend>>,
    pub table: WantedTable,
    ipv4: Sets,
    ipv6: Sets,
    /// The addresses that the node takes for its own.
    pub addresses: Counted<IpAddr>,
    pub health_checks: BTreeMap<u16, HealthCheck>,
    /// Who asks for the port of a health check. The first one gets it.
    health_claims: BTreeMap<u16, BTreeMap<Name, HealthCheck>>,
}

impl Wanted {
    pub fn new(node: Node, settings: Settings) -> ipvset::Result<Self> {
        Ok(Self {
            node,
            settings,
            shares: BTreeMap::new(),
            claims: BTreeMap::new(),
            installed: BTreeMap::new(),
            table: WantedTable::new(),
            ipv4: Sets::new(Family::Ipv4)?,
            ipv6: Sets::new(Family::Ipv6)?,
            addresses: Counted::default(),
            health_checks: BTreeMap::new(),
            health_claims: BTreeMap::new(),
        })
    }

    /// Translates the Services that changed. Returns what a person should know.
    pub fn follow(&mut self, cluster: &mut Cluster) -> Vec<String> {
        let mut notes = Vec::new();
        for name in cluster.take_changed() {
            let share = match cluster.service(&name) {
                Some(service) => {
                    let slices = cluster.slices(&name);
                    Share::new(service, &slices, &self.node, &self.settings)
                }
                None => Share::default(),
            };
            self.put(name, share, &mut notes);
        }
        notes
    }

    /// Returns the table without the addresses of these families that not all may use.
    pub fn open_table(&self, families: &BTreeSet<Family>) -> Cow<'_, WantedTable> {
        let mut table = Cow::Borrowed(&self.table);
        if !families.is_empty() {
            for (key, frontend) in &self.installed {
                if frontend.source_ranges.is_some() && families.contains(&key.family()) {
                    table.to_mut().remove(*key);
                }
            }
        }
        table
    }

    /// Returns the number of Services that have an address.
    pub fn services(&self) -> usize {
        self.shares.len()
    }

    /// Returns the sets of a family.
    pub fn sets(&mut self, family: Family) -> &mut Sets {
        match family {
            Family::Ipv4 => &mut self.ipv4,
            Family::Ipv6 => &mut self.ipv6,
        }
    }

    /// Replaces what a Service asks for.
    fn put(&mut self, name: Name, new: Share, notes: &mut Vec<String>) {
        let name = Arc::new(name);
        let old = self.shares.remove(&name).unwrap_or_default();
        notes.extend(
            new.notes
                .iter()
                .map(|note| format!("Service {name}: {note}")),
        );
        self.endpoints(Change::Add, &new);
        self.endpoints(Change::Remove, &old);
        self.health_check(old.health_check.as_ref(), new.health_check.as_ref());

        for frontend in &old.frontends {
            if let Some(claims) = self.claims.get_mut(&frontend.key()) {
                claims.remove(&(frontend.role, name.clone()));
            }
        }
        for frontend in &new.frontends {
            let claims = self.claims.entry(frontend.key()).or_default();
            claims.insert((frontend.role, name.clone()));
            if let Some((_, other)) = claims.iter().find(|(_, other)| *other != name) {
                notes.push(format!(
                    "Services {name} and {other} both ask for {}; the {} of {} gets it",
                    frontend.key(),
                    claims.first().expect("a claim was added").0,
                    claims.first().expect("a claim was added").1,
                ));
            }
        }
        let keys = old.frontends.iter().chain(&new.frontends);
        let keys: BTreeSet<_> = keys.map(|it| it.key()).collect();
        if !new.is_empty() {
            self.shares.insert(name, new);
        }
        for key in keys {
            if let Err(error) = self.settle(key) {
                notes.push(format!("{key} is left out: {error}"));
            }
        }
    }

    fn endpoints(&mut self, change: Change, share: &Share) {
        for (protocol, endpoint) in &share.local_endpoints {
            let sets = self.sets(Family::of(endpoint.ip()));
            sets.local_endpoint(change, *protocol, *endpoint);
        }
    }

    fn health_check(&mut self, old: Option<&HealthCheck>, new: Option<&HealthCheck>) {
        if let Some(old) = old {
            let claims = self.health_claims.entry(old.port).or_default();
            claims.remove(&old.service);
            self.ipv4.health_check_port(Change::Remove, old.port);
            self.ipv6.health_check_port(Change::Remove, old.port);
        }
        if let Some(new) = new {
            let claims = self.health_claims.entry(new.port).or_default();
            claims.insert(new.service.clone(), new.clone());
            self.ipv4.health_check_port(Change::Add, new.port);
            self.ipv6.health_check_port(Change::Add, new.port);
        }
        for port in [old, new].into_iter().flatten().map(|it| it.port) {
            let claims = self.health_claims.get(&port);
            match claims.and_then(|claims| claims.values().next()) {
                Some(first) => drop(self.health_checks.insert(port, first.clone())),
                None => {
                    self.health_claims.remove(&port);
                    self.health_checks.remove(&port);
                }
            }
        }
    }

    /// Lets the first of those who ask for an address and port have it.
    fn settle(&mut self, key: ServiceKey) -> ipvset::Result<()> {
        let claims = self.claims.get(&key);
        let first = claims.and_then(|claims| claims.first());
        let new = first.and_then(|(role, name)| {
            let frontends = &self.shares.get(name)?.frontends;
            let frontend = frontends
                .iter()
                .find(|it| it.key() == key && it.role == *role);
            frontend.cloned()
        });
        if claims.is_some_and(|claims| claims.is_empty()) {
            self.claims.remove(&key);
        }
        let old = self.installed.remove(&key);
        if old == new {
            self.installed.extend(new.map(|it| (key, it)));
            return Ok(());
        }
        if let Some(new) = &new {
            self.enter(Change::Add, new);
        }
        if let Some(old) = &old {
            self.enter(Change::Remove, old);
        }
        self.table.remove(key);
        if let Some(new) = new {
            self.installed.insert(key, new.clone());
            if !new.endpoints.is_empty() {
                self.table.insert_service(service(&new)?)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, change: Change, frontend: &Frontend) {
        let address = frontend.address.ip();
        let family = Family::of(address);
        // An address that the node has anyway stays what it is.
        if frontend.needs_address() && !self.node.addresses.contains(&address) {
            match change {
                Change::Add => self.addresses.add(address),
                Change::Remove => self.addresses.remove(&address),
            }
            self.sets(family).service_address(change, address);
        }
        self.sets(family).frontend(change, frontend);
    }
}

/// Returns the virtual service of an address and port.
fn service(frontend: &Frontend) -> ipvset::Result<WantedService> {
    let servers = frontend.endpoints.iter();
    let servers = servers.map(|it| WantedServer::new(RealServer::new(*it).masquerade()));
    WantedService::new(frontend.config.clone(), servers)
}
