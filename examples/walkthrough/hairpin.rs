//! Step 4: a pod that reaches itself through the Service.

use super::report::Expect::{AnsweredBy, TimesOut};
use super::world::{Neighbor, World};
use super::{Fallible, Report, VIP};

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        4,
        "Hairpin",
        "dustin asks the Service and is chosen to answer: the packet has to leave through the bridge's port
         that it came in by, and to look as if somebody else had sent it.",
    );
    report.check(world, Neighbor::Dustin, VIP, TimesOut);
    promiscuous(report, true)?;
    report.check(world, Neighbor::Dustin, VIP, TimesOut);
    report.command(
        "sysctl --write net.ipv4.vs.conntrack=1",
        "write 1 to /proc/sys/net/ipv4/vs/conntrack",
        || Ok(lab::sysctl::write("net.ipv4.vs.conntrack", "1")?),
    )?;
    report.note(
        "Why conntrack: without it IPVS keeps its connections out of connection tracking, so the nat table's
         POSTROUTING rules never see them and nobody masquerades dustin's own address as the source.\n",
    );
    report.check(world, Neighbor::Dustin, VIP, AnsweredBy("dustin"));
    report.note("It needs both: without the promiscuous bridge the request does not come back to its port.\n");
    promiscuous(report, false)?;
    report.check(world, Neighbor::Dustin, VIP, TimesOut);
    promiscuous(report, true)
}

fn promiscuous(report: &Report, on: bool) -> Fallible<()> {
    report.command(
        &format!(
            "ip link set bridge_home promisc {}",
            if on { "on" } else { "off" }
        ),
        "RTM_NEWLINK bridge_home, IFF_PROMISC",
        || Ok(lab::link::promiscuous("bridge_home", on)?),
    )
}
