//! The firewall rules: a fixed number, in chains of their own, however many Services there are.

use std::fmt::Write;
use std::io;

use ipnet::IpNet;
use ipvset::Family;

use super::iptables::Iptables;
use crate::translate::sets::{PREFIX, name};

/// The rules of a family.
#[derive(Debug, Clone)]
pub struct Chains {
    family: Family,
    iptables: Iptables,
    masquerading: Masquerading,
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

/// Where the kernel's chains lead to the proxy's. The last three are the rest of the names.
const JUMPS: [(&str, &str, &str); 5] = [
    ("nat", "PREROUTING", "SERVICES"),
    ("nat", "OUTPUT", "SERVICES"),
    ("nat", "POSTROUTING", "POSTROUTING"),
    ("filter", "INPUT", "INPUT"),
    ("filter", "FORWARD", "FORWARD"),
];

/// The proxy's chains.
const CHAINS: [(&str, &str); 7] = [
    ("nat", "SERVICES"),
    ("nat", "CLUSTER-IP"),
    ("nat", "MARK"),
    ("nat", "POSTROUTING"),
    ("filter", "INPUT"),
    ("filter", "SOURCES"),
    ("filter", "FORWARD"),
];

impl Chains {
    /// Finds the program that can do rules of the family on this kernel.
    pub fn new(family: Family, masquerading: Masquerading) -> io::Result<Self> {
        Ok(Self {
            family,
            iptables: Iptables::find(family)?,
            masquerading,
        })
    }

    /// Returns the name of the program.
    pub fn program(&self) -> &str {
        self.iptables.program()
    }

    /// Puts the rules in place, each table at once. The sets have to be there.
    pub fn put(&self) -> io::Result<()> {
        self.iptables.restore(&self.text()?)
    }

    /// Returns the rules for `iptables-restore --noflush`. A jump that is there already is not in
    /// it.
    pub fn text(&self) -> io::Result<String> {
        let present = self.iptables.save()?;
        let mut text = String::new();
        for table in ["nat", "filter"] {
            let _ = writeln!(text, "*{table}");
            for (_, chain) in CHAINS.iter().filter(|it| it.0 == table) {
                let _ = writeln!(text, ":{} - [0:0]", own(chain));
            }
            let rules = match table {
                "nat" => self.nat(),
                _ => self.filter(),
            };
            for (chain, rule) in rules {
                let _ = writeln!(text, "-A {} {rule}", own(chain));
            }
            for (_, from, to) in JUMPS.iter().filter(|it| it.0 == table) {
                if !has_jump(&present, from, to) {
                    let _ = writeln!(text, "-I {from} -j {}", own(to));
                }
            }
            text.push_str("COMMIT\n");
        }
        Ok(text)
    }

    /// Takes the rules away, and nothing else.
    pub fn remove(&self) -> io::Result<()> {
        let present = self.iptables.save()?;
        let mut text = String::new();
        for table in ["nat", "filter"] {
            let _ = writeln!(text, "*{table}");
            for (_, from, to) in JUMPS.iter().filter(|it| it.0 == table) {
                if has_jump(&present, from, to) {
                    let _ = writeln!(text, "-D {from} -j {}", own(to));
                }
            }
            let chains = CHAINS.iter().filter(|it| it.0 == table);
            let chains = chains.map(|it| own(it.1));
            let chains = chains.filter(|it| present.contains(&format!("\n:{it} ")));
            let chains: Vec<_> = chains.collect();
            // Declaring a chain empties it. Then no other one refers to it.
            for chain in &chains {
                let _ = writeln!(text, ":{chain} - [0:0]");
            }
            for chain in &chains {
                let _ = writeln!(text, "-X {chain}");
            }
            text.push_str("COMMIT\n");
        }
        self.iptables.restore(&text)
    }

    /// Where packets come in, those are marked that need the node as their source; where they go
    /// out, they get it.
    fn nat(&self) -> Vec<(&'static str, String)> {
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
        let inside: Vec<_> = cidrs.map(|it| format!("-s {it} -j RETURN")).collect();
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
    fn filter(&self) -> Vec<(&'static str, String)> {
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
fn own(chain: &str) -> String {
    format!("{PREFIX}-{chain}")
}

fn has_jump(saved: &str, from: &str, to: &str) -> bool {
    let jump = format!("-A {from} -j {}", own(to));
    saved.lines().any(|line| line == jump)
}
