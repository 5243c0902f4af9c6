//! What the firewall rules say. They find everything that depends on Services in the sets.

use ipnet::IpNet;
use ipvset::Family;

use crate::translate::sets::{PREFIX, name};

/// The rules of a family.
#[derive(Debug, Clone)]
pub struct Rules {
    pub family: Family,
    pub masquerading: Masquerading,
}

/// Which packets to cluster addresses get the node as their source, apart from those that the
/// node itself sends.
#[derive(Debug, Clone, Default)]
pub struct Masquerading {
    /// All of them.
    pub all: bool,
    /// Those from outside of these networks, if there are any.
    pub cluster_cidrs: Vec<IpNet>,
}

/// The mark of packets that get the node as their source. It is removed when they leave.
const MARK: &str = "0x4000/0x4000";

/// A chain of the proxy, and a rule in it as `iptables-save` prints it.
pub type Rule = (&'static str, String);

impl Rules {
    /// Returns the rules of a table, `"nat"` or `"filter"`.
    pub fn of(&self, table: &str) -> Vec<Rule> {
        match table {
            "nat" => self.nat(),
            _ => self.filter(),
        }
    }

    /// Where packets come in, those are marked that need the node as their source; where they go
    /// out, they get it.
    fn nat(&self) -> Vec<Rule> {
        let set = |what, sides| self.set(what, sides);
        let mark = format!("-j {}", own("MARK"));
        let mut rules = vec![
            ("MARK", format!("-j MARK --set-xmark {MARK}")),
            // An endpoint on another node answers to this one.
            ("SERVICES", set("EXTERNAL-IP", "dst,dst") + &mark),
            ("SERVICES", set("LOAD-BALANCER", "dst,dst") + &mark),
            (
                "SERVICES",
                node_port("tcp", &set("NODE-PORT-TCP", "dst")) + &mark,
            ),
            (
                "SERVICES",
                node_port("udp", &set("NODE-PORT-UDP", "dst")) + &mark,
            ),
            ("SERVICES", set("NODE-PORT-SCTP", "dst,dst") + &mark),
            // What the node sends to a Service has the Service's address as its source, because
            // the address is one of the node's.
            ("SERVICES", set("CLUSTER-IP", "src,dst") + &mark),
            (
                "SERVICES",
                set("CLUSTER-IP", "dst,dst") + &format!("-j {}", own("CLUSTER-IP")),
            ),
        ];
        let cidrs = self.masquerading.cluster_cidrs.iter();
        let cidrs = cidrs.filter(|it| Family::of(it.addr()) == self.family);
        let inside: Vec<_> = cidrs
            .map(|it| format!("-s {} -j RETURN", it.trunc()))
            .collect();
        match (self.masquerading.all, inside.is_empty()) {
            (true, _) => rules.push(("CLUSTER-IP", mark)),
            (false, true) => {}
            (false, false) => {
                rules.extend(inside.into_iter().map(|rule| ("CLUSTER-IP", rule)));
                rules.push(("CLUSTER-IP", mark));
            }
        }
        rules.extend([
            // A packet that comes back to its sender needs another source.
            (
                "POSTROUTING",
                set("LOOP-BACK", "dst,dst,src") + "-j MASQUERADE",
            ),
            ("POSTROUTING", format!("-m mark ! --mark {MARK} -j RETURN")),
            ("POSTROUTING", "-j MARK --set-xmark 0x0/0x4000".into()),
            ("POSTROUTING", "-j MASQUERADE".into()),
        ]);
        rules
    }

    /// Packets to addresses of Services come to the node itself before IPVS sends them on.
    fn filter(&self) -> Vec<Rule> {
        let set = |what, sides| self.set(what, sides);
        let (icmp, reset, refuse) = match self.family {
            Family::Ipv4 => ("icmp", "tcp-reset", "icmp-port-unreachable"),
            Family::Ipv6 => ("ipv6-icmp", "tcp-reset", "icmp6-port-unreachable"),
        };
        let mut rules = vec![
            (
                "INPUT",
                format!("-p tcp {}-j ACCEPT", set("HEALTH-CHECK", "dst")),
            ),
            (
                "INPUT",
                set("LOAD-BALANCER-FW", "dst,dst") + &format!("-j {}", own("SOURCES")),
            ),
            (
                "SOURCES",
                set("LOAD-BALANCER-SOURCE", "dst,dst,src") + "-j RETURN",
            ),
            ("SOURCES", "-j DROP".into()),
        ];
        for with_endpoints in [
            "CLUSTER-IP",
            "EXTERNAL-IP",
            "EXTERNAL-IP-LOCAL",
            "LOAD-BALANCER",
            "LOAD-BALANCER-LOCAL",
        ] {
            rules.push(("INPUT", set(with_endpoints, "dst,dst") + "-j RETURN"));
        }
        // A Service without endpoints, or a port that is none of a Service's: refused at once, and
        // not taken by a program that listens on all of the node's addresses.
        let rest = format!("-m conntrack --ctstate NEW {}", set("SERVICE-IP", "dst"));
        rules.extend([
            (
                "INPUT",
                format!("-p tcp {rest}-j REJECT --reject-with {reset}"),
            ),
            (
                "INPUT",
                format!("! -p {icmp} {rest}-j REJECT --reject-with {refuse}"),
            ),
            // Replies of endpoints, where forwarding is forbidden otherwise.
            (
                "FORWARD",
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT".into(),
            ),
        ]);
        rules
    }

    fn set(&self, what: &str, sides: &str) -> String {
        format!("-m set --match-set {} {sides} ", name(self.family, what))
    }
}

/// A bitmap of ports knows no addresses: any of the node's has them.
fn node_port(protocol: &str, set: &str) -> String {
    format!("-p {protocol} -m addrtype --dst-type LOCAL {set}")
}

/// Returns the name of one of the proxy's chains.
pub fn own(chain: &str) -> String {
    format!("{PREFIX}-{chain}")
}
