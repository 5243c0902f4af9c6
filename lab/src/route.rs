//! Routes, in the calling thread's network namespace.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::address::{family, network};
use crate::error::{Error, Result, failed};
use crate::link;
use crate::rtnetlink::request;

/// `ip route add DESTINATION via GATEWAY`. The destination is a network, or `default`.
pub fn via(destination: &str, gateway: &str) -> Result<()> {
    let address = gateway
        .parse()
        .map_err(|_| Error::Other(format!("`{gateway}` is not the address of a gateway")))?;
    let mut message = route(destination, family(address))?;
    message
        .attributes
        .push(RouteAttribute::Gateway(wire(address)));
    add(message).map_err(failed(format!("add via {gateway} the route"), destination))
}

/// `ip route add DESTINATION dev DEVICE`. The destination is a network, or `default` for IPv4's.
pub fn dev(destination: &str, device: &str) -> Result<()> {
    let mut message = route(destination, AddressFamily::Inet)?;
    message
        .attributes
        .push(RouteAttribute::Oif(link::index(device)?));
    if message.header.address_family == AddressFamily::Inet {
        message.header.scope = RouteScope::Link;
    }
    add(message).map_err(failed(
        format!("add through {device} the route"),
        destination,
    ))
}

fn route(destination: &str, default: AddressFamily) -> Result<RouteMessage> {
    let mut message = RouteMessage::default();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Boot;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.header.address_family = default;
    if destination != "default" {
        let net = network(destination)?;
        message.header.address_family = family(net.addr());
        message.header.destination_prefix_length = net.prefix_len();
        message
            .attributes
            .push(RouteAttribute::Destination(wire(net.network())));
    }
    Ok(message)
}

fn add(message: RouteMessage) -> std::io::Result<()> {
    request(
        RouteNetlinkMessage::NewRoute(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .map(drop)
}

fn wire(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}
