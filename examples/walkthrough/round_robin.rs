//! Step 6: a second server.

use std::net::Ipv4Addr;

use ipvset::ipset::IpSets;
use ipvset::ipset::elements::tcp;
use ipvset::ipvs::{Ipvs, RealServer};

use super::report::Expect::{Answered, AnsweredBy, TimesOut};
use super::world::{Neighbor, World};
use super::{Fallible, Report, VIP, loopback_set, virtual_service};

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        6,
        "Second server",
        "leah joins the Service. The scheduler rr uses the servers in turn.",
    );
    let mut ipvs = Ipvs::connect()?;
    let leah = RealServer::new("10.0.0.21:8080".parse()?).masquerade();
    report.command(
        "ipvsadm --add-server --tcp-service 10.100.100.100:8080 --real-server 10.0.0.21:8080 --masquerading",
        format!(
            "{} {leah}",
            virtual_service::request(&ipvs, "IPVS_CMD_NEW_DEST", "IP_VS_SO_SET_ADDDEST")
        ),
        || Ok(ipvs.add_server(&virtual_service::service()?, &leah)?),
    )?;
    report.note("Every second request of leah goes to leah itself, and the set has no entry for this hairpin yet.\n");
    for expect in [
        TimesOut,
        AnsweredBy("dustin"),
        TimesOut,
        AnsweredBy("dustin"),
    ] {
        report.check(world, Neighbor::Leah, VIP, expect);
    }

    let mut sets = IpSets::connect()?;
    let leah: Ipv4Addr = "10.0.0.21".parse()?;
    report.command(
        "ipset add DUSTIN-LOOP-BACK 10.0.0.21,tcp:8080,10.0.0.21",
        "IPSET_CMD_ADD DUSTIN-LOOP-BACK 10.0.0.21,tcp:8080,10.0.0.21",
        || Ok(sets.add(&loopback_set::loopback()?, (leah, tcp(8080), leah))?),
    )?;
    for expect in ["leah", "dustin", "leah", "dustin"] {
        report.check(world, Neighbor::Host, VIP, AnsweredBy(expect));
    }
    // Each pod asks twice, so that both servers answer both pods.
    for place in [
        Neighbor::Dustin,
        Neighbor::Dustin,
        Neighbor::Leah,
        Neighbor::Leah,
    ] {
        report.check(world, place, VIP, Answered);
    }
    Ok(())
}
