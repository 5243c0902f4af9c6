//! Network devices, in the calling thread's network namespace.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoIpTunnel, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use crate::Namespace;
use crate::error::{Result, failed};
use crate::rtnetlink::request;

/// `ip link add NAME type bridge`
pub fn bridge(name: &str) -> Result<()> {
    add(name, "bridge", None)
}

/// `ip link add NAME type dummy`: a device that drops all packets and can hold an address.
pub fn dummy(name: &str) -> Result<()> {
    add(name, "dummy", None)
}

/// `ip link add NAME type veth peer name PEER`: a cable with two ends.
pub fn veth(name: &str, peer: &str) -> Result<()> {
    add(
        name,
        "veth",
        Some(InfoData::Veth(InfoVeth::Peer(named(peer)))),
    )
}

/// Like [`veth`], but creates the peer in another namespace.
pub fn veth_into(name: &str, peer: &str, namespace: &Namespace) -> Result<()> {
    let mut other = named(peer);
    other
        .attributes
        .push(LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()));
    add(name, "veth", Some(InfoData::Veth(InfoVeth::Peer(other))))
}

/// `ip link add NAME type KIND local LOCAL remote REMOTE`: a tunnel; `ipip` and `sit` between IPv4 addresses, `ip6tnl` between IPv6 addresses.
///
/// A real server that only decapsulates does not need such a device: the kernel's own `tunl0`, `sit0`, `ip6tnl0` are in every namespace once
/// [`crate::module::load`] has loaded `ipip`, `sit` or `ip6_tunnel`, and only have to be set [`up`].
pub fn tunnel(name: &str, kind: &str, local: IpAddr, remote: IpAddr) -> Result<()> {
    let ends = vec![InfoIpTunnel::Local(local), InfoIpTunnel::Remote(remote)];
    add(name, kind, Some(InfoData::IpTunnel(ends)))
}

/// `ip link set NAME up`
pub fn up(name: &str) -> Result<()> {
    set_flag(name, LinkFlags::Up, true).map_err(failed("set up the device", name))
}

/// `ip link set NAME promisc on|off`: a promiscuous bridge passes every frame up to its own stack as well.
pub fn promiscuous(name: &str, on: bool) -> Result<()> {
    set_flag(name, LinkFlags::Promisc, on).map_err(failed("change the promiscuous mode of", name))
}

/// `ip link set NAME master MASTER`
pub fn master(name: &str, master: &str) -> Result<()> {
    let attribute = find(master).map(LinkAttribute::Controller);
    let attribute = attribute.map_err(failed("find the device", master))?;
    change(name, vec![attribute]).map_err(failed(format!("give to {master} the device"), name))
}

/// `ip link set NAME netns ...`
pub fn move_into(name: &str, namespace: &Namespace) -> Result<()> {
    let attribute = LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd());
    change(name, vec![attribute]).map_err(failed("move to a namespace the device", name))
}

/// `ip link set NAME address MAC`
pub fn mac(name: &str, address: [u8; 6]) -> Result<()> {
    change(name, vec![LinkAttribute::Address(address.to_vec())])
        .map_err(failed("change the MAC address of", name))
}

/// `ip link delete NAME`
pub fn delete(name: &str) -> Result<()> {
    request(RouteNetlinkMessage::DelLink(named(name)), 0)
        .map(drop)
        .map_err(failed("delete the device", name))
}

/// Returns the device's index.
pub fn index(name: &str) -> Result<u32> {
    find(name).map_err(failed("find the device", name))
}

/// Returns true if the device exists.
pub fn exists(name: &str) -> Result<bool> {
    match find(name) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(false),
        Err(error) => Err(failed("find the device", name)(error)),
    }
}

/// Checks that the kernel can create devices of this kind. It creates one in the calling thread's namespace.
pub(crate) fn probe(kind: &str) -> Result<()> {
    add("lab-probe", kind, None)?;
    delete("lab-probe")
}

fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
}

fn add(name: &str, kind: &str, data: Option<InfoData>) -> Result<()> {
    let mut message = named(name);
    let mut info = vec![LinkInfo::Kind(InfoKind::Other(kind.to_owned()))];
    info.extend(data.map(LinkInfo::Data));
    message.attributes.push(LinkAttribute::LinkInfo(info));
    let made = request(
        RouteNetlinkMessage::NewLink(message),
        NLM_F_CREATE | NLM_F_EXCL,
    );
    made.map(drop)
        .map_err(failed(format!("create the {kind} device"), name))
}

fn find(name: &str) -> io::Result<u32> {
    let found = request(RouteNetlinkMessage::GetLink(named(name)), 0)?;
    let index = found.iter().find_map(|answer| match answer {
        RouteNetlinkMessage::NewLink(link) => Some(link.header.index),
        _ => None,
    });
    index.ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENODEV))
}

fn change(name: &str, attributes: Vec<LinkAttribute>) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = find(name)?;
    message.attributes = attributes;
    request(RouteNetlinkMessage::SetLink(message), 0).map(drop)
}

fn set_flag(name: &str, flag: LinkFlags, on: bool) -> io::Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = find(name)?;
    message.header.change_mask = flag;
    if on {
        message.header.flags = flag;
    }
    request(RouteNetlinkMessage::SetLink(message), 0).map(drop)
}
