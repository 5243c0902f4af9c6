//! The fields of the objects as JSON has them. Fields that are not here are ignored.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the default: that is how an empty list is often printed.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
pub struct Service {
    pub metadata: Metadata,
    pub spec: ServiceSpec,
    #[serde(default, deserialize_with = "nullable")]
    pub status: ServiceStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    pub metadata: Metadata,
    pub address_type: String,
    #[serde(default, deserialize_with = "nullable")]
    pub ports: Vec<SlicePort>,
    #[serde(default, deserialize_with = "nullable")]
    pub endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub name: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub uid: String,
    #[serde(default)]
    pub resource_version: String,
    #[serde(default, deserialize_with = "nullable")]
    pub labels: Labels,
    #[serde(default, deserialize_with = "nullable")]
    pub annotations: Annotations,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Labels {
    /// Of a Service: the name of another proxy that it is meant for.
    #[serde(rename = "service.kubernetes.io/service-proxy-name")]
    pub proxy: Option<String>,
    /// Of an EndpointSlice: the name of its Service.
    #[serde(rename = "kubernetes.io/service-name")]
    pub service: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Annotations {
    /// Of a Service: the scheduler of its virtual services.
    #[serde(rename = "service-proxy.ipvset/scheduler")]
    pub scheduler: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    pub service_type: super::ServiceType,
    #[serde(default, rename = "clusterIP", deserialize_with = "nullable")]
    pub cluster_ip: String,
    #[serde(default, rename = "clusterIPs", deserialize_with = "nullable")]
    pub cluster_ips: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub ports: Vec<ServicePort>,
    #[serde(default, rename = "externalIPs", deserialize_with = "nullable")]
    pub external_ips: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub external_traffic_policy: super::TrafficPolicy,
    #[serde(default, deserialize_with = "nullable")]
    pub internal_traffic_policy: super::TrafficPolicy,
    #[serde(default, deserialize_with = "nullable")]
    pub session_affinity: Affinity,
    #[serde(default, deserialize_with = "nullable")]
    pub session_affinity_config: AffinityConfig,
    #[serde(default)]
    pub health_check_node_port: Option<u16>,
    #[serde(default, deserialize_with = "nullable")]
    pub load_balancer_source_ranges: Vec<String>,
}

#[derive(Deserialize, PartialEq, Default)]
pub enum Affinity {
    #[default]
    None,
    #[serde(rename = "ClientIP")]
    ClientIp,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct AffinityConfig {
    #[serde(rename = "clientIP", deserialize_with = "nullable")]
    pub client_ip: ClientIpConfig,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientIpConfig {
    pub timeout_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub protocol: Protocol,
    pub port: u16,
    #[serde(default)]
    pub node_port: Option<u16>,
}

/// A protocol with its name in Kubernetes.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceStatus {
    #[serde(deserialize_with = "nullable")]
    pub load_balancer: LoadBalancer,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct LoadBalancer {
    #[serde(deserialize_with = "nullable")]
    pub ingress: Vec<Ingress>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// A load balancer can have a host name instead.
    #[serde(default)]
    pub ip: Option<String>,
    #[serde(default)]
    pub ip_mode: Option<IpMode>,
}

#[derive(Deserialize, PartialEq)]
pub enum IpMode {
    #[serde(rename = "VIP")]
    Vip,
    Proxy,
}

#[derive(Deserialize)]
pub struct SlicePort {
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub protocol: Protocol,
    #[serde(default)]
    pub port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    #[serde(default, deserialize_with = "nullable")]
    pub addresses: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub conditions: Conditions,
    #[serde(default)]
    pub node_name: Option<Box<str>>,
    #[serde(default, deserialize_with = "nullable")]
    pub hints: Hints,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Conditions {
    pub ready: Option<bool>,
    pub serving: Option<bool>,
    pub terminating: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct Hints {
    #[serde(deserialize_with = "nullable")]
    pub for_zones: Vec<Hint>,
    #[serde(deserialize_with = "nullable")]
    pub for_nodes: Vec<Hint>,
}

#[derive(Deserialize)]
pub struct Hint {
    pub name: Box<str>,
}

impl From<Protocol> for ipvset::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::TCP,
            Protocol::Udp => Self::UDP,
            Protocol::Sctp => Self::SCTP,
        }
    }
}
