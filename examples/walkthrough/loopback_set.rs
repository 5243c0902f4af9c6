//! Step 5: the masquerade restricted to the entries of a set.

use std::net::Ipv4Addr;

use ipvset::ipset::elements::tcp;
use ipvset::ipset::types::HashIpPortIp;
use ipvset::ipset::{IpSet, IpSets};

use super::report::Expect::{AnsweredBy, TimesOut};
use super::world::Change::{Append, Delete};
use super::world::{Neighbor, Rule, World};
use super::{Fallible, Report, VIP};

/// The set of the walkthrough: destination address, destination port, source address.
pub fn loopback() -> Fallible<IpSet<HashIpPortIp>> {
    Ok(IpSet::new("DUSTIN-LOOP-BACK")?)
}

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        5,
        "Narrow the masquerade",
        "So far, every packet from a pod is masqueraded, so servers do not see the client. Only the hairpin
         needs this: packets whose source and destination are the same pod.",
    );
    let broad = "--source 10.0.0.0/24 -j MASQUERADE";
    world.firewall(report, Rule::postrouting(Delete, broad))?;
    report.check(world, Neighbor::Dustin, VIP, TimesOut);
    report.check(world, Neighbor::Leah, VIP, AnsweredBy("dustin"));

    let precise = "--source 10.0.0.11/32 -j MASQUERADE";
    world.firewall(report, Rule::postrouting(Append, precise))?;
    report.check(world, Neighbor::Dustin, VIP, AnsweredBy("dustin"));
    report.note(
        "This works, but one rule per pod does not scale. A set with one entry per pod does.\n",
    );
    world.firewall(report, Rule::postrouting(Delete, precise))?;

    let mut sets = IpSets::connect()?;
    let loopback = loopback()?;
    let dustin: Ipv4Addr = "10.0.0.11".parse()?;
    report.command(
        "ipset create DUSTIN-LOOP-BACK hash:ip,port,ip",
        "IPSET_CMD_CREATE DUSTIN-LOOP-BACK hash:ip,port,ip",
        || Ok(sets.create(&loopback)?),
    )?;
    report.command("ipset list", "IPSET_CMD_LIST, a dump", || {
        for set in sets.list_all()? {
            println!("                {set:?}");
        }
        Ok(())
    })?;
    report.command(
        "ipset add DUSTIN-LOOP-BACK 10.0.0.11,tcp:8080,10.0.0.11",
        "IPSET_CMD_ADD DUSTIN-LOOP-BACK 10.0.0.11,tcp:8080,10.0.0.11",
        || Ok(sets.add(&loopback, (dustin, tcp(8080), dustin))?),
    )?;
    let listed = "-m set --match-set DUSTIN-LOOP-BACK dst,dst,src -j MASQUERADE";
    world.firewall(report, Rule::postrouting(Append, listed))?;
    for place in [Neighbor::Host, Neighbor::Leah, Neighbor::Dustin] {
        report.check(world, place, VIP, AnsweredBy("dustin"));
    }
    Ok(())
}
