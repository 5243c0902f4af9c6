//! Brings a set to what a list of addresses says: adds what is new and removes what is gone. What
//! stays keeps its counters.

use std::net::Ipv4Addr;

use ipvset::ipset::plan::Policy;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sets = IpSets::connect()?;
    // The rule of the firewall: iptables -I INPUT -m set --match-set blocked src -j DROP
    let blocked = IpSet::<HashIp>::new("blocked")?.counters();

    let monday: [Ipv4Addr; 2] = ["192.0.2.1".parse()?, "192.0.2.2".parse()?];
    let report = sets.apply(&blocked, monday, &Policy::new())?;
    println!("{report}");

    let tuesday: [Ipv4Addr; 2] = ["192.0.2.2".parse()?, "192.0.2.3".parse()?];
    let report = sets.apply(&blocked, tuesday, &Policy::new())?;
    println!("{report}");
    for failed in report.failures() {
        eprintln!("{}: {}", failed.index, failed.error);
    }
    if let Some(error) = report.stopped() {
        eprintln!("the rest was not tried: {error}");
    }
    Ok(())
}
