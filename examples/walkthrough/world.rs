//! The environment that the steps build: the host's network and the pods with their servers.

use std::fmt::Display;

use lab::Namespace;
use lab::http::{self, Server};
use lab::iptables::Iptables;

use super::{Fallible, Report};

/// The bridge's address on the host.
pub const ADDRESS_OF_BRIDGE: &str = "10.0.0.1/24";

/// The setting that makes netfilter see what a bridge forwards. It exists while br_netfilter is loaded.
pub const BRIDGE_NETFILTER: &str = "net.bridge.bridge-nf-call-iptables";

/// The origin of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbor {
    Host,
    Dustin,
    Leah,
}

impl Neighbor {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Dustin => "dustin",
            Self::Leah => "leah",
        }
    }

    /// The address, with the prefix length of its network.
    fn address(self) -> &'static str {
        match self {
            Self::Host => ADDRESS_OF_BRIDGE,
            Self::Dustin => "10.0.0.11/24",
            Self::Leah => "10.0.0.21/24",
        }
    }

    /// The text that the walkthrough puts before a command that runs there.
    pub fn prefix(self) -> String {
        match self {
            Self::Host => String::new(),
            pod => format!("ip netns exec netns_{pod} "),
        }
    }
}

impl Display for Neighbor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything that the steps create. Dropping it removes all of it.
pub struct World {
    pub host: Namespace,
    dustin: Namespace,
    leah: Namespace,
    firewall: Iptables,
    servers: Vec<Server>,
}

impl World {
    /// Sets up the host as the walkthrough expects it: with an uplink and a default route.
    pub fn new() -> Fallible<Self> {
        lab::link::dummy("uplink0")?;
        lab::address::add("192.0.2.2/24", "uplink0")?;
        lab::link::up("uplink0")?;
        lab::route::via("default", "192.0.2.1")?;
        if lab::sysctl::read(BRIDGE_NETFILTER).is_ok() {
            // Where br_netfilter is loaded already, a new network namespace begins with 1.
            lab::sysctl::write(BRIDGE_NETFILTER, "0")?;
        }
        Ok(Self {
            host: Namespace::current()?,
            dustin: Namespace::named("netns_dustin")?,
            leah: Namespace::named("netns_leah")?,
            firewall: Iptables::new()?,
            servers: Vec::new(),
        })
    }

    pub fn namespace(&self, place: Neighbor) -> &Namespace {
        match place {
            Neighbor::Host => &self.host,
            Neighbor::Dustin => &self.dustin,
            Neighbor::Leah => &self.leah,
        }
    }

    /// Connects a pod to the bridge. `new` has created its namespace.
    pub fn add_pod(&mut self, pod: Neighbor, report: &Report) -> Fallible<()> {
        let (veth, peer) = (format!("veth_{pod}"), format!("veth_ns_{pod}"));
        let namespace = self.namespace(pod);
        let inside = pod.prefix();
        report.note(&format!(
            "The namespace netns_{pod} exists, and its device lo is up."
        ));
        report.command(
            &format!("ip link add dev {veth} type veth peer name {peer} netns netns_{pod}"),
            format!("RTM_NEWLINK {veth}, kind veth, its peer {peer} in netns_{pod}"),
            || Ok(lab::link::veth_into(&veth, &peer, namespace)?),
        )?;
        report.command(
            &format!("ip link set dev {veth} master bridge_home up"),
            format!("RTM_NEWLINK {veth}, IFLA_MASTER bridge_home, IFF_UP"),
            || {
                lab::link::master(&veth, "bridge_home")?;
                Ok(lab::link::up(&veth)?)
            },
        )?;
        report.command(
            &format!("{inside}ip link set dev {peer} up"),
            format!("RTM_NEWLINK {peer}, IFF_UP"),
            || Ok(namespace.run(|| lab::link::up(&peer))?),
        )?;
        let address = pod.address();
        report.command(
            &format!("{inside}ip address add {address} dev {peer}"),
            format!("RTM_NEWADDR {address} on {peer}"),
            || Ok(namespace.run(|| lab::address::add(address, &peer))?),
        )
    }

    /// Starts a pod's server, which answers every request with the pod's name.
    pub fn serve(&mut self, pod: Neighbor, report: &Report) -> Fallible<()> {
        let server = report.command(
            &format!("{}python3 -m http.server 8080", pod.prefix()),
            format!("an HTTP server in {pod} on port 8080 that answers with its name"),
            || {
                Ok(Some(http::serve(
                    self.namespace(pod),
                    "0.0.0.0:8080",
                    pod.name(),
                )?))
            },
        )?;
        self.servers.extend(server);
        Ok(())
    }

    /// Changes one iptables rule.
    pub fn firewall(&self, report: &Report, rule: Rule) -> Fallible<()> {
        let Rule {
            table,
            change,
            chain,
            what,
        } = rule;
        let letter = match change {
            Change::Append => "-A",
            Change::Delete => "-D",
        };
        report.command(
            &format!("iptables -t {table} {letter} {chain} {what}"),
            format!(
                "the tool {} itself, because the crate does not change rules",
                self.firewall.program()
            ),
            || {
                match change {
                    Change::Append => self.firewall.append(table, chain, what)?,
                    Change::Delete => self.firewall.delete(table, chain, what)?,
                }
                Ok(())
            },
        )
    }
}

/// Whether a firewall command adds or removes its rule.
pub enum Change {
    Append,
    Delete,
}

/// A firewall command.
pub struct Rule<'a> {
    pub table: &'a str,
    pub change: Change,
    pub chain: &'a str,
    pub what: &'a str,
}

impl<'a> Rule<'a> {
    /// A command on the nat table's POSTROUTING chain.
    pub fn postrouting(change: Change, what: &'a str) -> Self {
        Self {
            table: "nat",
            change,
            chain: "POSTROUTING",
            what,
        }
    }
}
