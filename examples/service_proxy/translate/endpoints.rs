//! Which endpoints the clients of a port are sent to.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ipvset::Family;

use super::Node;
use crate::objects::{Endpoint, EndpointSlice, Port, TrafficPolicy};

/// The endpoints of a Service's port in one family, each once.
#[derive(Debug)]
pub struct Candidates<'a> {
    endpoints: BTreeMap<SocketAddr, &'a Endpoint>,
}

impl<'a> Candidates<'a> {
    /// Collects the endpoints from all slices of the Service.
    ///
    /// The ports of a slice belong to the Service's port with the same name and protocol. Their
    /// numbers may differ from slice to slice. An endpoint that moves from one slice to another
    /// may be in both: the better of its two conditions counts.
    pub fn new(port: &Port, family: Family, slices: &[&'a EndpointSlice]) -> Self {
        let mut endpoints = BTreeMap::new();
        for slice in slices.iter().filter(|it| it.family == Some(family)) {
            let ports = slice.ports.iter();
            let is_it = |name: &str, protocol| name == port.name && protocol == port.protocol;
            for target in ports.filter(|it| is_it(&it.name, it.protocol)) {
                for endpoint in &slice.endpoints {
                    let address = SocketAddr::new(endpoint.address, target.port);
                    let known = endpoints.entry(address).or_insert(endpoint);
                    if rank(endpoint) > rank(known) {
                        *known = endpoint;
                    }
                }
            }
        }
        Self { endpoints }
    }

    /// Returns the endpoints that clients are sent to: those that are ready, and if there is
    /// none, those that are on their way out and still answer.
    ///
    /// With the policy `Local`, only endpoints of the node count. With `Cluster`, hints narrow
    /// those that are ready.
    pub fn choose(&self, node: &Node, policy: TrafficPolicy) -> Vec<SocketAddr> {
        let all = self.endpoints.iter();
        let is_allowed = |endpoint: &Endpoint| match policy {
            TrafficPolicy::Cluster => true,
            TrafficPolicy::Local => node.has(endpoint),
        };
        let all = all.filter(|(_, it)| is_allowed(it));
        let ready: Vec<_> = all.clone().filter(|(_, it)| it.is_ready).collect();
        let chosen = match ready.is_empty() {
            true => all.filter(|(_, it)| is_last_resort(it)).collect(),
            false if policy == TrafficPolicy::Local => ready,
            false => hinted(ready, node),
        };
        chosen.into_iter().map(|(address, _)| *address).collect()
    }

    /// Returns the endpoints that are on the node, ready or not.
    pub fn on(&self, node: &Node) -> impl Iterator<Item = SocketAddr> {
        let local = self.endpoints.iter().filter(|(_, it)| node.has(it));
        local.map(|(address, _)| *address)
    }

    /// Returns the endpoints that are on the node and ready.
    pub fn ready_on(&self, node: &Node) -> impl Iterator<Item = SocketAddr> {
        let ready = self.endpoints.iter();
        let ready = ready.filter(|(_, it)| it.is_ready && node.has(it));
        ready.map(|(address, _)| *address)
    }
}

fn is_last_resort(endpoint: &Endpoint) -> bool {
    endpoint.is_serving && endpoint.is_terminating
}

fn rank(endpoint: &Endpoint) -> u8 {
    match endpoint {
        it if it.is_ready => 2,
        it if is_last_resort(it) => 1,
        _ => 0,
    }
}

/// Returns the endpoints that are meant for this node, or for its zone.
///
/// Hints count only if each of the endpoints has one, and one is for this node: otherwise they
/// are out of date, and all endpoints count.
fn hinted<'a>(
    ready: Vec<(&'a SocketAddr, &'a &'a Endpoint)>,
    node: &Node,
) -> Vec<(&'a SocketAddr, &'a &'a Endpoint)> {
    let narrow = |hints: fn(&Endpoint) -> &[Box<str>], name: &str| {
        let is_for = |it: &Endpoint| hints(it).iter().any(|hint| **hint == *name);
        let is_whole = ready.iter().all(|(_, it)| !hints(it).is_empty());
        let narrowed: Vec<_> = ready.iter().copied().filter(|(_, it)| is_for(it)).collect();
        (is_whole && !narrowed.is_empty()).then_some(narrowed)
    };
    let of_zone = || narrow(|it| &it.for_zones, node.zone.as_deref()?);
    narrow(|it| &it.for_nodes, &node.name)
        .or_else(of_zone)
        .unwrap_or(ready)
}
