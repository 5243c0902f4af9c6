//! Requests of IPVS, as messages of the crate and as trees of attributes.

use std::net::{Ipv4Addr, SocketAddr};

use ipvset::ipvs::messages::IpvsMessage;
use ipvset::ipvs::{Operation, RealServer, Scheduler, VirtualService};

use crate::attributes::{Tree, leaf, nest};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 100, 100, 100);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);

fn service() -> VirtualService {
    let address = SocketAddr::from((ADDRESS, 8080));
    VirtualService::tcp(address).scheduler(Scheduler::RoundRobin)
}

pub fn add_service() -> IpvsMessage {
    Operation::AddService(service()).into()
}

pub fn add_server() -> IpvsMessage {
    let address = SocketAddr::from((SERVER, 8080));
    let server = RealServer::new(address).masquerade();
    Operation::AddServer(service().key, server).into()
}

/// Returns the attributes of [`add_service`].
pub fn service_trees() -> [Tree; 1] {
    let mut attributes = key();
    attributes.extend([
        leaf(6, b"rr\0"),
        leaf(7, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        leaf(8, 0u32.to_ne_bytes()),
        leaf(9, [0xff; 4]),
    ]);
    [nest(1, attributes)]
}

/// Returns the attributes of [`add_server`].
pub fn server_trees() -> [Tree; 2] {
    let server = vec![
        leaf(11, 2u16.to_ne_bytes()),
        leaf(1, SERVER.octets()),
        leaf(2, 8080u16.to_be_bytes()),
        leaf(3, 0u32.to_ne_bytes()),
        leaf(4, 1u32.to_ne_bytes()),
        leaf(5, 0u32.to_ne_bytes()),
        leaf(6, 0u32.to_ne_bytes()),
    ];
    [nest(1, key()), nest(2, server)]
}

fn key() -> Vec<Tree> {
    vec![
        leaf(1, 2u16.to_ne_bytes()),
        leaf(2, 6u16.to_ne_bytes()),
        leaf(3, ADDRESS.octets()),
        leaf(4, 8080u16.to_be_bytes()),
    ]
}
