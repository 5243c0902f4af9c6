//! Firewall rules, by the iptables program that the kernel can do.
//!
//! There are two: `iptables-legacy` speaks to the kernel's older tables, `iptables` (on Debian) to nf_tables. A kernel may lack either;
//! User Mode Linux' nf_tables cannot do nat.

use crate::error::{Error, Result};
use crate::tool::tool;

/// An iptables program that works on this kernel. Its rules go to the calling thread's network namespace.
#[derive(Clone, Debug)]
pub struct Iptables {
    program: &'static str,
}

impl Iptables {
    /// The one for IPv4. The error says what the programs said, and which package has them.
    pub fn new() -> Result<Iptables> {
        Iptables::first(&["iptables-legacy", "iptables"])
    }

    /// The one for IPv6.
    pub fn v6() -> Result<Iptables> {
        Iptables::first(&["ip6tables-legacy", "ip6tables"])
    }

    fn first(programs: &[&'static str]) -> Result<Iptables> {
        let mut errors = Vec::new();
        for &program in programs {
            match tool(
                program,
                ["--wait", "5", "--table", "nat", "--list", "--numeric"],
            ) {
                Ok(_) => return Ok(Iptables { program }),
                Err(error) => errors.push(error.to_string()),
            }
        }
        let errors = errors.join("; ");
        Err(Error::Other(format!(
            "no iptables (package iptables) can do nat on this kernel: {errors}"
        )))
    }

    /// The program's name.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program
    }

    /// `iptables -t TABLE -A CHAIN RULE`, with the rule as one would type it: words apart by blanks.
    pub fn append(&self, table: &str, chain: &str, rule: &str) -> Result<()> {
        self.change("--append", table, chain, rule)
    }

    /// `iptables -t TABLE -D CHAIN RULE`
    pub fn delete(&self, table: &str, chain: &str, rule: &str) -> Result<()> {
        self.change("--delete", table, chain, rule)
    }

    fn change(&self, how: &str, table: &str, chain: &str, rule: &str) -> Result<()> {
        let words = ["--wait", "5", "--table", table, how, chain];
        tool(
            self.program,
            words.into_iter().chain(rule.split_whitespace()),
        )
        .map(drop)
    }
}
