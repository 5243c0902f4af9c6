//! Tests the firewall rules of the example service_proxy with both variants of iptables.

#![allow(dead_code, reason = "the program uses the rest")]

#[path = "../examples/service_proxy/kernel/chains.rs"]
mod chains;
#[path = "../examples/service_proxy/cluster.rs"]
mod cluster;
#[path = "../benches/service_proxy/creating.rs"]
mod creating;
#[path = "../examples/service_proxy/input/mod.rs"]
mod input;
#[path = "../examples/service_proxy/kernel/iptables.rs"]
mod iptables;
#[path = "../examples/service_proxy/objects/mod.rs"]
mod objects;
#[path = "../examples/service_proxy/kernel/rules.rs"]
mod rules;
#[path = "../examples/service_proxy/translate/mod.rs"]
#[allow(unused_imports, reason = "the program uses the rest")]
mod translate;

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;

use ipvset::Family;
use ipvset::ipset::IpSets;
use lab::Needs;
use lab::test::{Test, need};

use chains::Chains;
use creating::Creating;
use iptables::Iptables;
use rules::Masquerading;
use translate::sets::Sets;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// What a kernel needs for each variant, in the words of `lab/kernels.txt`.
const LEGACY: &str = "firewall rules";
const NFT: &str = "rules of nf_tables";

fn main() -> ExitCode {
    let test = |name, what, family, program| {
        Test::new(name, move || {
            rules_are_put_and_repaired(what, family, program)
        })
    };
    // Each family on its own, since Linux 5.10 takes half a second for each process of the legacy
    // variant.
    let tests = vec![
        test("legacy::ipv4", LEGACY, Family::Ipv4, "iptables-legacy"),
        test("legacy::ipv6", LEGACY, Family::Ipv6, "ip6tables-legacy"),
        test("nft::ipv4", NFT, Family::Ipv4, "iptables-nft"),
        test("nft::ipv6", NFT, Family::Ipv6, "ip6tables-nft"),
    ];
    lab::test::main(&Needs::sets(Needs::COMMON_SETS), tests)
}

fn rules_are_put_and_repaired(what: &str, family: Family, program: &'static str) -> Result {
    // The rules name the sets.
    Sets::new(family)?.visit(&mut Creating(IpSets::connect()?))?;
    let inside = vec!["10.244.0.0/16".parse()?, "fd00:244::/64".parse()?];
    for (all, cluster_cidrs) in [(false, Vec::new()), (true, Vec::new()), (false, inside)] {
        let iptables = need(what, Iptables::named(program));
        let before = rules(&iptables.save()?);
        let is_last = !cluster_cidrs.is_empty();
        let masquerading = Masquerading { all, cluster_cidrs };
        let chains = Chains::of(iptables.clone(), family, masquerading);
        chains.put()?;
        assert_eq!(chains.missing()?, "", "after putting them");
        let put = rules(&iptables.save()?);
        // Each rule once is enough. Starting so many processes takes time.
        for (table, rule) in put.difference(&before).filter(|_| is_last) {
            let delete = rule.replacen("-A", "-D", 1);
            iptables.restore(&format!("*{table}\n{delete}\nCOMMIT\n"))?;
            assert_ne!(chains.missing()?, "", "without {rule}");
            chains.put()?;
            assert_eq!(rules(&iptables.save()?), put, "after repairing {rule}");
        }
        assert_eq!(chains.missing()?, "", "after repairing all");
        chains.remove()?;
        assert_eq!(rules(&iptables.save()?), before);
    }
    Ok(())
}

/// Returns the rules in what `iptables-save` prints, each with its table.
fn rules(saved: &str) -> BTreeSet<(String, String)> {
    let mut table = "";
    let mut rules = BTreeSet::new();
    for line in saved.lines() {
        match line.strip_prefix('*') {
            Some(name) => table = name,
            None if line.starts_with("-A ") => drop(rules.insert((table.into(), line.into()))),
            None => {}
        }
    }
    rules
}
