//! Step 4: a pod that reaches itself through the Service.

use super::report::Expect::{AnsweredBy, TimesOut};
use super::world::{Neighbor, World};
use super::{Fallible, Report, VIP};

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        4,
        "Hairpin",
        "dustin sends a request to the Service, and IPVS chooses dustin as the server. The packet must leave
         through the bridge port at which it arrived, and must look as if another host had sent it.",
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
        "Without conntrack=1, IPVS keeps its connections out of connection tracking. The POSTROUTING rules of
         the nat table do not see them, so dustin's own address is not masqueraded as the source.\n",
    );
    report.check(world, Neighbor::Dustin, VIP, AnsweredBy("dustin"));
    report.note(
        "It needs both. Without the promiscuous bridge, the request does not return to its port.\n",
    );
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
