use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use ipvset::Family;
use ipvset::ipvs::Scheduler;

use crate::objects::Endpoint;

/// The node that the proxy runs on.
#[derive(Debug, Clone, Default)]
pub struct Node {
    pub name: String,
    /// The zone, for endpoints with hints.
    pub zone: Option<String>,
    pub addresses: Vec<IpAddr>,
}

/// What holds for all Services.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The scheduler of Services without an annotation.
    pub scheduler: Scheduler,
    /// The networks of the node's addresses that have node ports. If there are none, all have.
    pub node_port_addresses: Vec<IpNet>,
    /// The networks whose addresses belong to another program.
    pub exclude: Vec<IpNet>,
}

impl Node {
    /// Returns the families of the node's addresses.
    pub fn families(&self) -> BTreeSet<Family> {
        self.addresses.iter().map(|it| Family::of(*it)).collect()
    }

    pub fn has(&self, endpoint: &Endpoint) -> bool {
        endpoint.node.as_deref() == Some(self.name.as_str())
    }
}

impl Settings {
    pub fn has_node_ports(&self, address: IpAddr) -> bool {
        let networks = &self.node_port_addresses;
        networks.is_empty() || networks.iter().any(|it| it.contains(&address))
    }

    pub fn excludes(&self, address: IpAddr) -> bool {
        self.exclude.iter().any(|it| it.contains(&address))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::RoundRobin,
            node_port_addresses: Vec::new(),
            exclude: Vec::new(),
        }
    }
}
