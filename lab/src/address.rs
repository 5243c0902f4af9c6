//! Addresses of devices, in the calling thread's network namespace.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::{Error, Result, failed};
use crate::link;
use crate::rtnetlink::{connect, exchange, request};

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

/// `ip address show dev DEVICE`, with the prefix length of each address.
pub fn all(device: &str) -> Result<Vec<IpNet>> {
    let index = link::index(device)?;
    let listed = connect().and_then(|socket| {
        let everything = AddressMessage::default();
        exchange(
            &socket,
            RouteNetlinkMessage::GetAddress(everything),
            NLM_F_DUMP,
        )
    });
    let listed = listed.map_err(failed("list the addresses of", device))?;
    let addresses = listed.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewAddress(address) if address.header.index == index => {
            let of = |it: &AddressAttribute| match it {
                AddressAttribute::Local(it) | AddressAttribute::Address(it) => Some(*it),
                _ => None,
            };
            let ip = address.attributes.iter().find_map(of)?;
            IpNet::new(ip, address.header.prefix_len).ok()
        }
        _ => None,
    });
    Ok(addresses.collect())
}

/// Like [`add`] for many addresses, over one socket. Returns those that could not be added.
pub fn add_all(addresses: &[IpNet], device: &str) -> Result<Vec<(IpNet, Error)>> {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    change_all(addresses, device, "add to", |message| {
        (RouteNetlinkMessage::NewAddress(message), flags)
    })
}

/// Like [`delete`] for many addresses, over one socket. Returns those that could not be deleted.
pub fn delete_all(addresses: &[IpNet], device: &str) -> Result<Vec<(IpNet, Error)>> {
    change_all(addresses, device, "delete from", |message| {
        (RouteNetlinkMessage::DelAddress(message), 0)
    })
}

fn change_all(
    addresses: &[IpNet],
    device: &str,
    how: &str,
    change: impl Fn(AddressMessage) -> (RouteNetlinkMessage, u16),
) -> Result<Vec<(IpNet, Error)>> {
    let index = link::index(device)?;
    let socket = connect().map_err(failed("open a socket for addresses of", device))?;
    let mut failures = Vec::new();
    for address in addresses {
        let (message, flags) = change(of(*address, index));
        if let Err(error) = exchange(&socket, message, flags) {
            let operation = format!("{how} {device} the address");
            failures.push((*address, failed(operation, address.to_string())(error)));
        }
    }
    Ok(failures)
}

fn message(address: &str, device: &str) -> Result<AddressMessage> {
    Ok(of(network(address)?, link::index(device)?))
}

fn of(net: IpNet, index: u32) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
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
    message
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
