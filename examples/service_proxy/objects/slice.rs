use std::net::IpAddr;

use ipvset::{Family, Protocol};

use super::{Name, Version, wire};

/// An EndpointSlice: some of the endpoints of a Service.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSlice {
    pub name: Name,
    pub version: Version,
    /// The Service, unless the slice belongs to none.
    pub service: Option<Name>,
    /// The family of the addresses, or `None` if they are host names.
    pub family: Option<Family>,
    pub ports: Vec<SlicePort>,
    pub endpoints: Vec<Endpoint>,
}

/// A port of all endpoints of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePort {
    /// The name of the Service's port.
    pub name: String,
    pub protocol: Protocol,
    pub port: u16,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: IpAddr,
    /// Whether it takes new connections. An endpoint that terminates is not ready.
    pub is_ready: bool,
    /// Whether it answers, ready or not.
    pub is_serving: bool,
    pub is_terminating: bool,
    /// The node that it is on.
    pub node: Option<Box<str>>,
    /// The zones whose clients it is meant for.
    pub for_zones: Box<[Box<str>]>,
    /// The nodes whose clients it is meant for.
    pub for_nodes: Box<[Box<str>]>,
}

impl TryFrom<wire::EndpointSlice> for EndpointSlice {
    type Error = String;

    fn try_from(wire: wire::EndpointSlice) -> Result<Self, String> {
        let family = match wire.address_type.as_str() {
            "IPv4" => Some(Family::Ipv4),
            "IPv6" => Some(Family::Ipv6),
            "FQDN" => None,
            other => return Err(format!("addressType {other} is not known")),
        };
        let ports = wire.ports.into_iter().filter_map(|it| {
            Some(SlicePort {
                name: it.name,
                protocol: it.protocol.into(),
                // Without a number, endpoints take any port. A Service has no such port.
                port: it.port?,
            })
        });
        let endpoints = match family {
            Some(family) => {
                let endpoints = wire.endpoints.into_iter();
                let endpoints = endpoints.map(|it| endpoint(it, family));
                endpoints.collect::<Result<_, _>>()?
            }
            None => Vec::new(),
        };
        let namespace = wire.metadata.namespace;
        Ok(Self {
            service: wire.metadata.labels.service.map(|name| Name {
                namespace: namespace.clone(),
                name,
            }),
            family,
            ports: ports.collect(),
            endpoints,
            version: Version::new(wire.metadata.uid, &wire.metadata.resource_version),
            name: Name {
                namespace,
                name: wire.metadata.name,
            },
        })
    }
}

fn endpoint(wire: wire::Endpoint, family: Family) -> Result<Endpoint, String> {
    // All addresses of an endpoint are the same to a client. The first one is used.
    let text = wire.addresses.first().ok_or("an endpoint has no address")?;
    let address: IpAddr = text
        .parse()
        .map_err(|error| format!("endpoints: {text:?}: {error}"))?;
    if Family::of(address) != family {
        return Err(format!("endpoints: {address} is not an {family} address"));
    }
    let is_ready = wire.conditions.ready.unwrap_or(true);
    let names = |hints: Vec<wire::Hint>| hints.into_iter().map(|it| it.name).collect();
    Ok(Endpoint {
        address,
        is_ready,
        is_serving: wire.conditions.serving.unwrap_or(is_ready),
        is_terminating: wire.conditions.terminating.unwrap_or(false),
        node: wire.node_name,
        for_zones: names(wire.hints.for_zones),
        for_nodes: names(wire.hints.for_nodes),
    })
}
