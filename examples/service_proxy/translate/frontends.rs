//! At which addresses clients find a Service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ipvset::ipvs::{ServiceKey, VirtualService};
use ipvset::{Family, Protocol};

use super::{Node, Settings};
use crate::objects::{Port, Service, ServiceType, TrafficPolicy};

/// What an address is to a Service. Where two Services ask for the same address and port, the
/// role that comes first here gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    ClusterIp,
    LoadBalancer,
    ExternalIp,
    NodePort,
}

/// An address and port of a Service, with the endpoints behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontend {
    pub role: Role,
    pub protocol: Protocol,
    pub address: SocketAddr,
    pub policy: TrafficPolicy,
    /// Its configuration in the kernel.
    pub config: VirtualService,
    /// The endpoints that clients are sent to.
    pub endpoints: Vec<SocketAddr>,
    /// The networks that may use it, if not all may.
    pub source_ranges: Option<Vec<IpNet>>,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterIp => "cluster address",
            Self::LoadBalancer => "load balancer",
            Self::ExternalIp => "external address",
            Self::NodePort => "node port",
        })
    }
}

impl Frontend {
    pub fn key(&self) -> ServiceKey {
        self.config.key
    }

    /// Returns true if the address has to be one of the node's to be reached. A node port has one
    /// already.
    pub fn needs_address(&self) -> bool {
        self.role != Role::NodePort
    }
}

/// Returns the addresses at which clients find a port of a Service in one family, with the role
/// of each.
pub fn addresses(
    service: &Service,
    port: &Port,
    family: Family,
    node: &Node,
    settings: &Settings,
) -> Vec<(Role, SocketAddr)> {
    let is_family = |address: &&IpAddr| Family::of(**address) == family;
    let at = |role: Role, addresses: &[IpAddr]| {
        let addresses = addresses.iter().filter(is_family);
        let socket = |it: &IpAddr| (role, SocketAddr::new(*it, port.port));
        addresses.map(socket).collect::<Vec<_>>()
    };
    let mut all = at(Role::ClusterIp, &service.cluster_ips);
    all.extend(at(Role::ExternalIp, &service.external_ips));
    if service.service_type == ServiceType::LoadBalancer {
        all.extend(at(Role::LoadBalancer, &service.load_balancer_ips));
    }
    let has_node_ports = matches!(
        service.service_type,
        ServiceType::NodePort | ServiceType::LoadBalancer
    );
    if let (true, Some(port)) = (has_node_ports, port.node_port) {
        let addresses = node.addresses.iter().filter(is_family);
        let addresses = addresses.filter(|it| settings.has_node_ports(**it));
        all.extend(addresses.map(|it| (Role::NodePort, SocketAddr::new(*it, port))));
    }
    all.retain(|(_, it)| !settings.excludes(it.ip()));
    all
}

/// Returns the policy for clients that come in by a role's addresses.
pub fn policy(service: &Service, role: Role) -> TrafficPolicy {
    match role {
        Role::ClusterIp => service.internal_policy,
        _ => service.external_policy,
    }
}

/// Returns the networks that may use the load balancer's addresses of a family, if not all may.
///
/// A Service that names networks of the other family only is closed in this one. A set cannot
/// contain the network of all addresses, so that one is its two halves.
pub fn source_ranges(service: &Service, role: Role, family: Family) -> Option<Vec<IpNet>> {
    if role != Role::LoadBalancer || service.source_ranges.is_empty() {
        return None;
    }
    let ranges = service.source_ranges.iter();
    let ranges = ranges.filter(|it| Family::of(it.addr()) == family);
    let stored = |range: &IpNet| match range.prefix_len() {
        0 => range.subnets(1).into_iter().flatten().collect(),
        _ => vec![range.trunc()],
    };
    Some(ranges.flat_map(stored).collect())
}
