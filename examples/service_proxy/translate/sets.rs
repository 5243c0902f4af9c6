//! The sets that the firewall rules match on. The rules are static; the entries change.

use std::net::{IpAddr, SocketAddr};

use ipvset::ipset::IpSet;
use ipvset::ipset::elements::{Addresses, FromParts, Port, PortRange, sctp, tcp, udp};
use ipvset::ipset::types::{
    BitmapPort, FamilyType, HashIp, HashIpPort, HashIpPortIp, HashIpPortNet, HashType, SetType,
};
use ipvset::{Family, Protocol};

use super::{Counted, Frontend, Role};
use crate::objects::TrafficPolicy;

/// A set, and the entries that it is to have.
#[derive(Debug, Clone)]
pub struct WantedSet<T: SetType> {
    pub set: IpSet<T>,
    pub entries: Counted<T::Value>,
}

/// The sets of a family.
///
/// Only addresses and ports that have an endpoint are in them, except for [`Sets::service_ip`].
#[derive(Debug, Clone)]
pub struct Sets {
    /// Endpoints of this node, with their own address as the source: a packet that comes back to
    /// its sender needs another source.
    pub loop_back: WantedSet<HashIpPortIp>,
    pub cluster_ip: WantedSet<HashIpPort>,
    /// Addresses whose clients may be sent to other nodes: they need the node as the source.
    pub external_ip: WantedSet<HashIpPort>,
    /// Addresses whose clients keep their source.
    pub external_ip_local: WantedSet<HashIpPort>,
    pub load_balancer: WantedSet<HashIpPort>,
    pub load_balancer_local: WantedSet<HashIpPort>,
    /// Addresses of load balancers that not all may use.
    pub load_balancer_fw: WantedSet<HashIpPort>,
    /// Who may use them.
    pub load_balancer_source: WantedSet<HashIpPortNet>,
    /// Node ports whose clients need the node as the source. A bitmap knows TCP and UDP only.
    pub node_port_tcp: WantedSet<BitmapPort>,
    pub node_port_udp: WantedSet<BitmapPort>,
    pub node_port_sctp: WantedSet<HashIpPort>,
    pub health_check: WantedSet<BitmapPort>,
    /// The addresses of all Services. What is none of their ports there is refused.
    pub service_ip: WantedSet<HashIp>,
}

/// Whether entries come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Add,
    Remove,
}

/// Does something with each set, whatever its type is.
pub trait Visitor {
    type Error;

    fn visit<T>(&mut self, set: &mut WantedSet<T>) -> Result<(), Self::Error>
    where
        T: SetType<Value: FromParts<T::Value>>;
}

/// The names of all sets begin with it.
pub const PREFIX: &str = "SVCPROXY";

/// How many entries a set may have.
const MOST: u32 = 1 << 22;

/// Returns a set's name: `SVCPROXY-CLUSTER-IP`, or `SVCPROXY6-CLUSTER-IP` for IPv6.
pub fn name(family: Family, what: &str) -> String {
    match family {
        Family::Ipv4 => format!("{PREFIX}-{what}"),
        Family::Ipv6 => format!("{PREFIX}6-{what}"),
    }
}

impl Sets {
    /// Returns the sets of a family, without entries.
    pub fn new(family: Family) -> ipvset::Result<Self> {
        let ports = |what| -> ipvset::Result<_> {
            let set = IpSet::<BitmapPort>::new(name(family, what))?;
            Ok(WantedSet::new(set.range(PortRange::new(0, u16::MAX))))
        };
        Ok(Self {
            loop_back: hash(family, "LOOP-BACK")?,
            cluster_ip: hash(family, "CLUSTER-IP")?,
            external_ip: hash(family, "EXTERNAL-IP")?,
            external_ip_local: hash(family, "EXTERNAL-IP-LOCAL")?,
            load_balancer: hash(family, "LOAD-BALANCER")?,
            load_balancer_local: hash(family, "LOAD-BALANCER-LOCAL")?,
            load_balancer_fw: hash(family, "LOAD-BALANCER-FW")?,
            load_balancer_source: hash(family, "LOAD-BALANCER-SOURCE")?,
            node_port_tcp: ports("NODE-PORT-TCP")?,
            node_port_udp: ports("NODE-PORT-UDP")?,
            node_port_sctp: hash(family, "NODE-PORT-SCTP")?,
            health_check: ports("HEALTH-CHECK")?,
            service_ip: hash(family, "SERVICE-IP")?,
        })
    }

    /// Visits each set, in an order in which none is used before it is filled.
    pub fn visit<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.visit(&mut self.load_balancer_source)?;
        visitor.visit(&mut self.load_balancer_fw)?;
        self.visit_open(visitor)?;
        visitor.visit(&mut self.service_ip)
    }

    /// Visits the sets by which nobody is kept out.
    pub fn visit_open<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.visit(&mut self.loop_back)?;
        visitor.visit(&mut self.cluster_ip)?;
        visitor.visit(&mut self.external_ip)?;
        visitor.visit(&mut self.external_ip_local)?;
        visitor.visit(&mut self.load_balancer)?;
        visitor.visit(&mut self.load_balancer_local)?;
        visitor.visit(&mut self.node_port_tcp)?;
        visitor.visit(&mut self.node_port_udp)?;
        visitor.visit(&mut self.node_port_sctp)?;
        visitor.visit(&mut self.health_check)
    }

    /// Enters an address and port of a Service.
    pub fn frontend(&mut self, change: Change, frontend: &Frontend) {
        if frontend.endpoints.is_empty() {
            return;
        }
        let (address, port) = (frontend.address.ip(), frontend.address.port());
        let both = (address, of(frontend.protocol, port));
        match (frontend.role, frontend.policy) {
            (Role::ClusterIp, _) => self.cluster_ip.change(change, both),
            (Role::ExternalIp, TrafficPolicy::Cluster) => self.external_ip.change(change, both),
            (Role::ExternalIp, TrafficPolicy::Local) => {
                self.external_ip_local.change(change, both);
            }
            (Role::LoadBalancer, TrafficPolicy::Cluster) => {
                self.load_balancer.change(change, both);
            }
            (Role::LoadBalancer, TrafficPolicy::Local) => {
                self.load_balancer_local.change(change, both);
            }
            // The source stays, and no rule needs to know of it.
            (Role::NodePort, TrafficPolicy::Local) => {}
            (Role::NodePort, TrafficPolicy::Cluster) => match frontend.protocol {
                Protocol::TCP => self.node_port_tcp.change(change, PortRange::from(port)),
                Protocol::UDP => self.node_port_udp.change(change, PortRange::from(port)),
                _ => self.node_port_sctp.change(change, both),
            },
        }
        if let Some(ranges) = &frontend.source_ranges {
            self.load_balancer_fw.change(change, both);
            for range in ranges {
                let (address, port) = both;
                let entry = (address, port, Addresses::from(*range));
                self.load_balancer_source.change(change, entry);
            }
        }
    }

    /// Enters an endpoint of this node.
    pub fn local_endpoint(&mut self, change: Change, protocol: Protocol, endpoint: SocketAddr) {
        let (address, port) = (endpoint.ip(), of(protocol, endpoint.port()));
        self.loop_back.change(change, (address, port, address));
    }

    pub fn service_address(&mut self, change: Change, address: IpAddr) {
        self.service_ip.change(change, address);
    }

    pub fn health_check_port(&mut self, change: Change, port: u16) {
        self.health_check.change(change, PortRange::from(port));
    }
}

impl<T: SetType> WantedSet<T> {
    fn new(set: IpSet<T>) -> Self {
        Self {
            set,
            entries: Counted::default(),
        }
    }

    fn change<P>(&mut self, change: Change, parts: P)
    where
        T::Value: FromParts<P>,
    {
        let value = T::Value::from_parts(parts);
        match change {
            Change::Add => self.entries.add(value),
            Change::Remove => self.entries.remove(&value),
        }
    }
}

fn hash<T>(family: Family, what: &str) -> ipvset::Result<WantedSet<T>>
where
    T: HashType + FamilyType + Default,
{
    let set = IpSet::new(name(family, what))?;
    Ok(WantedSet::new(set.with_family(family).maxelem(MOST)))
}

/// Returns the port of a Service's protocol: there are no others.
fn of(protocol: Protocol, port: u16) -> Port {
    match protocol {
        Protocol::UDP => udp(port),
        Protocol::SCTP => sctp(port),
        _ => tcp(port),
    }
}
