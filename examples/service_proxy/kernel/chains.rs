//! Puts the firewall rules in place: a fixed number, in chains of their own, however many Services
//! there are.

use std::io;

use ipvset::Family;

use super::iptables::Iptables;
use super::rules::{Masquerading, Rules, own};

/// The proxy's chains of a family.
#[derive(Debug, Clone)]
pub struct Chains {
    iptables: Iptables,
    rules: Rules,
}

/// A table, the proxy's chains in it, and where the kernel's chains lead to these.
struct Table {
    name: &'static str,
    chains: &'static [&'static str],
    jumps: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 2] = [
    Table {
        name: "nat",
        chains: &["SERVICES", "CLUSTER-IP", "MARK", "POSTROUTING"],
        jumps: &[
            ("PREROUTING", "SERVICES"),
            ("OUTPUT", "SERVICES"),
            ("POSTROUTING", "POSTROUTING"),
        ],
    },
    Table {
        name: "filter",
        chains: &["INPUT", "SOURCES", "FORWARD"],
        jumps: &[("INPUT", "INPUT"), ("FORWARD", "FORWARD")],
    },
];

impl Chains {
    /// Finds the program that can do rules of the family on this kernel.
    pub fn new(family: Family, masquerading: Masquerading) -> io::Result<Self> {
        let iptables = Iptables::find(family)?;
        Ok(Self::of(iptables, family, masquerading))
    }

    /// Returns the chains that these programs of the family make.
    pub fn of(iptables: Iptables, family: Family, masquerading: Masquerading) -> Self {
        let rules = Rules {
            family,
            masquerading,
        };
        Self { iptables, rules }
    }

    pub fn family(&self) -> Family {
        self.rules.family
    }

    /// Returns the name of the program.
    pub fn program(&self) -> &str {
        self.iptables.program()
    }

    /// Puts the rules in place, each table at once, if they are not. The sets have to be there.
    pub fn put(&self) -> io::Result<()> {
        self.restore(&self.missing()?)
    }

    /// Takes the rules away, and nothing else.
    pub fn remove(&self) -> io::Result<()> {
        let saved = self.iptables.save()?;
        let tables = TABLES.iter();
        let tables = tables.map(|table| table.without_chains(&lines(&saved, table.name)));
        self.restore(&tables.collect::<String>())
    }

    /// Returns what `iptables-restore --noflush` has to do, an empty text if the rules are in place.
    ///
    /// The rules are compared as text. If a version of the program prints one in another way, it is
    /// put in place again, which changes nothing.
    pub fn missing(&self) -> io::Result<String> {
        let saved = self.iptables.save()?;
        let tables = TABLES.iter();
        let tables = tables.map(|table| table.missing(&self.rules, &lines(&saved, table.name)));
        Ok(tables.collect())
    }

    fn restore(&self, text: &str) -> io::Result<()> {
        match text {
            "" => Ok(()),
            text => self.iptables.restore(text),
        }
    }
}

impl Table {
    fn missing(&self, rules: &Rules, saved: &[&str]) -> String {
        let all = rules.of(self.name);
        let (mut chains, mut changes) = (Vec::new(), Vec::new());
        for chain in self.chains {
            let append = format!("-A {} ", own(chain));
            let rules = all.iter().filter(|it| it.0 == *chain);
            let rules: Vec<_> = rules.map(|(_, rule)| append.clone() + rule).collect();
            let present = saved.iter().filter(|line| line.starts_with(&append));
            if !has_chain(saved, chain) || !present.eq(&rules) {
                chains.push(declaration(chain));
                changes.extend(rules);
            }
        }
        for (from, to) in self.jumps {
            let places = places(saved, from, to);
            // A rule before it could decide first.
            if places != [0] {
                changes.extend(places.iter().map(|_| delete_jump(from, to)));
                changes.push(format!("-I {from} -j {}", own(to)));
            }
        }
        chains.append(&mut changes);
        self.text(&chains)
    }

    fn without_chains(&self, saved: &[&str]) -> String {
        let mut changes = Vec::new();
        for (from, to) in self.jumps {
            let places = places(saved, from, to);
            changes.extend(places.iter().map(|_| delete_jump(from, to)));
        }
        let chains = self.chains.iter();
        let chains: Vec<_> = chains.filter(|it| has_chain(saved, it)).collect();
        // Declaring a chain empties it. Then no other one refers to it.
        changes.extend(chains.iter().map(|it| declaration(it)));
        changes.extend(chains.iter().map(|it| format!("-X {}", own(it))));
        self.text(&changes)
    }

    fn text(&self, changes: &[String]) -> String {
        match changes {
            [] => String::new(),
            changes => format!("*{}\n{}\nCOMMIT\n", self.name, changes.join("\n")),
        }
    }
}

/// Returns the lines of a table in what `iptables-save` prints.
fn lines<'a>(saved: &'a str, table: &str) -> Vec<&'a str> {
    let lines = saved
        .lines()
        .skip_while(|it| it.strip_prefix('*') != Some(table));
    lines.take_while(|it| *it != "COMMIT").collect()
}

fn declaration(chain: &str) -> String {
    format!(":{} - [0:0]", own(chain))
}

fn has_chain(saved: &[&str], chain: &str) -> bool {
    let begin = format!(":{} ", own(chain));
    saved.iter().any(|line| line.starts_with(&begin))
}

/// Returns which rules of a chain are the jump to one of the proxy's, from 0.
fn places(saved: &[&str], from: &str, to: &str) -> Vec<usize> {
    let (any, jump) = (format!("-A {from} "), format!("-A {from} -j {}", own(to)));
    let rules = saved.iter().filter(|line| line.starts_with(&any));
    let jumps = rules.enumerate().filter(|(_, line)| **line == jump);
    jumps.map(|(place, _)| place).collect()
}

fn delete_jump(from: &str, to: &str) -> String {
    format!("-D {from} -j {}", own(to))
}
