use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use ipvset::Protocol;
use serde::Deserialize;

use super::wire::{self, Affinity, IpMode};
use super::{Name, Version};

/// A Service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    pub name: Name,
    pub version: Version,
    pub service_type: ServiceType,
    /// The cluster addresses: one for each family that the Service has. A headless Service has
    /// none.
    pub cluster_ips: Vec<IpAddr>,
    pub external_ips: Vec<IpAddr>,
    /// The addresses of the load balancer, without those whose packets it delivers to endpoints
    /// or node ports itself (`ipMode: Proxy`).
    pub load_balancer_ips: Vec<IpAddr>,
    pub ports: Vec<Port>,
    pub internal_policy: TrafficPolicy,
    pub external_policy: TrafficPolicy,
    /// How long a client stays with its endpoint, if it does.
    pub affinity: Option<Duration>,
    /// The port at which a load balancer asks for the number of local endpoints.
    pub health_check_node_port: Option<u16>,
    /// The networks that may use the load balancer's addresses. If there are none, all may.
    pub source_ranges: Vec<IpNet>,
    /// The scheduler of its annotation.
    pub scheduler: Option<String>,
    /// Whether it is meant for another proxy.
    pub is_of_another_proxy: bool,
}

/// The type of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ServiceType {
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

/// Which endpoints a client may be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum TrafficPolicy {
    /// All of the cluster.
    #[default]
    Cluster,
    /// Those of the node that the client came to.
    Local,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name by which the ports of endpoints belong to it. The only port can have none.
    pub name: String,
    pub protocol: Protocol,
    pub port: u16,
    pub node_port: Option<u16>,
}

/// How long a client stays with its endpoint if the Service does not say.
const DEFAULT_AFFINITY: u32 = 10_800;

impl TryFrom<wire::Service> for Service {
    type Error = String;

    fn try_from(wire: wire::Service) -> Result<Self, String> {
        let wire::ServiceSpec {
            cluster_ip,
            cluster_ips,
            ..
        } = &wire.spec;
        let cluster_ips = match cluster_ips.is_empty() {
            true => std::slice::from_ref(cluster_ip),
            false => cluster_ips,
        };
        // "None" is a headless Service, and without a text no address was assigned yet.
        let is_address = |it: &&String| !matches!(it.as_str(), "" | "None");
        let cluster_ips = cluster_ips.iter().filter(is_address);
        let ingress = wire.status.load_balancer.ingress.iter();
        let load_balancer_ips = ingress
            .filter(|it| it.ip_mode != Some(IpMode::Proxy))
            .filter_map(|it| it.ip.as_ref())
            .filter(is_address);
        let affinity = (wire.spec.session_affinity == Affinity::ClientIp).then(|| {
            let seconds = wire.spec.session_affinity_config.client_ip.timeout_seconds;
            Duration::from_secs(seconds.unwrap_or(DEFAULT_AFFINITY).into())
        });
        let ports = wire.spec.ports.iter().map(|it| Port {
            name: it.name.clone(),
            protocol: it.protocol.into(),
            port: it.port,
            node_port: it.node_port.filter(|it| *it != 0),
        });
        Ok(Self {
            service_type: wire.spec.service_type,
            cluster_ips: all("clusterIPs", cluster_ips)?,
            external_ips: all("externalIPs", wire.spec.external_ips.iter())?,
            load_balancer_ips: all("status.loadBalancer.ingress", load_balancer_ips)?,
            ports: ports.collect(),
            internal_policy: wire.spec.internal_traffic_policy,
            external_policy: wire.spec.external_traffic_policy,
            affinity,
            health_check_node_port: wire.spec.health_check_node_port.filter(|it| *it != 0),
            source_ranges: all(
                "loadBalancerSourceRanges",
                wire.spec.load_balancer_source_ranges.iter(),
            )?,
            scheduler: wire.metadata.annotations.scheduler,
            is_of_another_proxy: wire.metadata.labels.proxy.is_some(),
            version: Version::new(wire.metadata.uid, &wire.metadata.resource_version),
            name: Name {
                namespace: wire.metadata.namespace,
                name: wire.metadata.name,
            },
        })
    }
}

/// Reads all texts of a field.
fn all<'a, T: FromStr<Err: Display>>(
    field: &str,
    texts: impl Iterator<Item = &'a String>,
) -> Result<Vec<T>, String> {
    texts
        .map(|text| {
            let value = text.trim().parse();
            value.map_err(|error| format!("{field}: {text:?}: {error}"))
        })
        .collect()
}
