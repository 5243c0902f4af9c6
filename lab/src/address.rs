//! Addresses of devices, in the calling thread's network namespace.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::{Error, Result, failed};
use crate::link;
use crate::rtnetlink::request;

/// `ip address add ADDRESS dev DEVICE`, e.g. `10.0.0.1/24`. An IPv6 address can be used at once, because the kernel does not search for
/// duplicates (`nodad`).
pub fn add(address: &str, device: &str) -> Result<()> {
    let added = request(
        RouteNetlinkMessage::NewAddress(message(address, device)?),
        NLM_F_CREATE | NLM_F_EXCL,
    );
    added
        .map(drop)
        .map_err(failed(format!("add to {device} the address"), address))
}

/// `ip address delete ADDRESS dev DEVICE`
pub fn delete(address: &str, device: &str) -> Result<()> {
    let deleted = request(
        RouteNetlinkMessage::DelAddress(message(address, device)?),
        0,
    );
    deleted
        .map(drop)
        .map_err(failed(format!("delete from {device} the address"), address))
}

fn message(address: &str, device: &str) -> Result<AddressMessage> {
    let net = network(address)?;
    let mut message = AddressMessage::default();
    message.header.index = link::index(device)?;
    message.header.prefix_len = net.prefix_len();
    message.header.family = family(net.addr());
    // The device's own address. For IPv4 the other end's address is the same, because there is no other end.
    message.attributes.push(AddressAttribute::Local(net.addr()));
    message
        .attributes
        .push(AddressAttribute::Address(net.addr()));
    if let IpNet::V4(net) = net {
        if net.prefix_len() < 31 {
            message
                .attributes
                .push(AddressAttribute::Broadcast(net.broadcast()));
        }
    } else {
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    Ok(message)
}

/// Parses an address with a prefix length, which defaults to the full length.
pub(crate) fn network(text: &str) -> Result<IpNet> {
    let parsed = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map_err(|_| Error::Other(format!("`{text}` is not an address such as 10.0.0.1/24")))
}

pub(crate) fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
