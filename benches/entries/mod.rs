//! Entries of sets of five types.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use ipvset::ipset::Entry;
use ipvset::ipset::elements::{Interface, tcp};
use ipvset::ipset::types::{HashIp, HashIpPort, HashIpPortIp, HashNet, HashNetIface, SetType};

use crate::attributes::{NET, Tree, address, leaf};

pub trait Shape: SetType + Default {
    /// Returns a function that makes an entry from its number.
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy;

    /// Returns the attributes of the same entry.
    fn tree(number: u32) -> Vec<Tree>;
}

const IP: u16 = 1;
const CIDR: u16 = 3;
const PORT: u16 = 4;
const PROTO: u16 = 7;
const IP2: u16 = 20;
const IFACE: u16 = 23;

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001_u32.wrapping_add(number))
}

fn network(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1000_0000_u32.wrapping_add(number << 8))
}

fn port() -> [Tree; 2] {
    let port = leaf(PORT | NET, 8080u16.to_be_bytes());
    [port, leaf(PROTO, [6])]
}

impl Shape for HashIp {
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy {
        |number| Entry::new(host(number))
    }

    fn tree(number: u32) -> Vec<Tree> {
        vec![address(IP, host(number))]
    }
}

impl Shape for HashIpPort {
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy {
        |number| Entry::new((host(number), tcp(8080)))
    }

    fn tree(number: u32) -> Vec<Tree> {
        let [port, protocol] = port();
        vec![address(IP, host(number)), port, protocol]
    }
}

impl Shape for HashIpPortIp {
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy {
        |number| Entry::new((host(number), tcp(8080), OTHER))
    }

    fn tree(number: u32) -> Vec<Tree> {
        let [port, protocol] = port();
        let (first, second) = (address(IP, host(number)), address(IP2, OTHER));
        vec![first, port, protocol, second]
    }
}

impl Shape for HashNet {
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy {
        |number| Entry::new(Ipv4Net::new_assert(network(number), 24))
    }

    fn tree(number: u32) -> Vec<Tree> {
        vec![address(IP, network(number)), leaf(CIDR, [24])]
    }
}

impl Shape for HashNetIface {
    fn entries() -> impl Fn(u32) -> Entry<Self> + Copy {
        let interface = Interface::new("eth0").unwrap();
        move |number| Entry::new((Ipv4Net::new_assert(network(number), 24), interface))
    }

    fn tree(number: u32) -> Vec<Tree> {
        let (network, prefix) = (address(IP, network(number)), leaf(CIDR, [24]));
        vec![network, prefix, leaf(IFACE, b"eth0\0")]
    }
}
