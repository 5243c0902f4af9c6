//! Firewall rules, with the iptables program that works on the kernel.
//!
//! There are two: `iptables-legacy` speaks to the kernel's older tables, `iptables` (on Debian) to nf_tables. A kernel may lack either: the
//! nf_tables of Debian's User Mode Linux does neither nat nor filtering, and its Linux 7.2 has no older tables.

use crate::error::{Error, Result};
use crate::tool::tool;

/// An iptables program that works on this kernel. Its rules go to the calling thread's network namespace.
#[derive(Clone, Debug)]
pub struct Iptables {
    program: &'static str,
}

impl Iptables {
    /// Finds the program for IPv4. The error says what the kernel or the machine lacks.
    pub fn new() -> Result<Iptables> {
        Iptables::first(&["iptables-legacy", "iptables"])
    }

    /// Finds the program for IPv6.
    pub fn v6() -> Result<Iptables> {
        Iptables::first(&["ip6tables-legacy", "ip6tables"])
    }

    fn first(programs: &[&'static str]) -> Result<Iptables> {
        let mut installed = false;
        for &program in programs {
            match probe(program) {
                Ok(()) => return Ok(Iptables { program }),
                Err(Error::NotInstalled { .. }) => {}
                Err(_) => installed = true,
            }
        }
        let programs = programs.join(" nor ");
        Err(Error::Other(if installed {
            format!(
                "neither {programs} can filter and do nat on this kernel, which needs the modules iptable_filter and iptable_nat, or nf_tables \
                 with nft_compat and nft_chain_nat"
            )
        } else {
            format!("neither {programs} (package iptables) is installed")
        }))
    }

    /// The program's name.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program
    }

    /// `iptables -t TABLE -A CHAIN RULE`, with the words of the rule separated by blanks.
    pub fn append(&self, table: &str, chain: &str, rule: &str) -> Result<()> {
        self.change("--append", table, chain, rule)
    }

    /// `iptables -t TABLE -D CHAIN RULE`
    pub fn delete(&self, table: &str, chain: &str, rule: &str) -> Result<()> {
        self.change("--delete", table, chain, rule)
    }

    /// `iptables-save -t TABLE`
    pub fn save(&self, table: &str) -> Result<String> {
        tool(&format!("{}-save", self.program), ["--table", table])
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

/// Adds a rule without effect to each table that is needed, and deletes it. Listing the tables proves nothing, because nf_tables also lists
/// tables that it cannot create.
fn probe(program: &'static str) -> Result<()> {
    let iptables = Iptables { program };
    for table in ["filter", "nat"] {
        iptables.append(table, "OUTPUT", "-j RETURN")?;
        iptables.delete(table, "OUTPUT", "-j RETURN")?;
    }
    Ok(())
}
