//! What one Service asks of the node.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use ipvset::ipvs::{Scheduler, ServiceKey, VirtualService};
use ipvset::{Family, Protocol};

use super::endpoints::Candidates;
use super::frontends::{self, Frontend};
use super::{Node, Settings};
use crate::objects::{EndpointSlice, Name, Service, ServiceType, TrafficPolicy};

/// What one Service asks of the node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Share {
    pub frontends: Vec<Arc<Frontend>>,
    /// The endpoints on this node, which may reach themselves through the Service.
    pub local_endpoints: BTreeSet<(Protocol, SocketAddr)>,
    pub health_check: Option<HealthCheck>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A port at which a load balancer asks whether the node has endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    pub service: Name,
    pub port: u16,
    pub local_endpoints: usize,
}

impl Share {
    pub fn new(
        service: &Service,
        slices: &[&EndpointSlice],
        node: &Node,
        settings: &Settings,
    ) -> Self {
        let mut share = Self::default();
        if service.is_of_another_proxy || service.service_type == ServiceType::ExternalName {
            return share;
        }
        let scheduler = share.scheduler(service, settings);
        let mut ready_here = 0;
        let families = service.cluster_ips.iter().map(|it| Family::of(*it));
        let families: BTreeSet<_> = families.collect();
        for family in families.intersection(&node.families()).copied() {
            let mut ready = BTreeSet::new();
            for port in &service.ports {
                let candidates = Candidates::new(port, family, slices);
                for (role, address) in frontends::addresses(service, port, family, node, settings) {
                    let policy = frontends::policy(service, role);
                    let key = ServiceKey::address(port.protocol, address);
                    let config = VirtualService::new(key).scheduler(scheduler);
                    let config = match service.affinity {
                        Some(timeout) => config.persistent(timeout),
                        None => config,
                    };
                    share.frontends.push(Arc::new(Frontend {
                        role,
                        protocol: port.protocol,
                        address,
                        policy,
                        config,
                        endpoints: candidates.choose(node, policy),
                        source_ranges: frontends::source_ranges(service, role, family),
                    }));
                }
                let local = candidates.on(node).map(|it| (port.protocol, it));
                share.local_endpoints.extend(local);
                ready.extend(candidates.ready_on(node).map(|it| it.ip()));
            }
            // An endpoint with both families is one.
            ready_here = ready_here.max(ready.len());
        }
        // A Service without an address on this node has nothing to ask for either.
        if !share.is_empty() {
            share.health_check = health_check(service, ready_here);
        }
        share
    }

    pub fn is_empty(&self) -> bool {
        self.frontends.is_empty() && self.local_endpoints.is_empty()
    }

    /// Returns the scheduler of the Service's annotation, or the one for all.
    fn scheduler(&mut self, service: &Service, settings: &Settings) -> Scheduler {
        let Some(text) = &service.scheduler else {
            return settings.scheduler;
        };
        text.parse().unwrap_or_else(|error| {
            self.notes
                .push(format!("its scheduler is not used: {error}"));
            settings.scheduler
        })
    }
}

/// Only load balancers that must find local endpoints ask for them.
fn health_check(service: &Service, local_endpoints: usize) -> Option<HealthCheck> {
    let asks = service.service_type == ServiceType::LoadBalancer
        && service.external_policy == TrafficPolicy::Local;
    Some(HealthCheck {
        service: service.name.clone(),
        port: service.health_check_node_port.filter(|_| asks)?,
        local_endpoints,
    })
}
