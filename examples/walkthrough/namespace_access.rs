//! Step 3: the Service, reached from a pod.

use super::report::Expect::{AnsweredBy, TimesOut};
use super::world::{BRIDGE_NETFILTER, Neighbor, World};
use super::{Fallible, Report, VIP};

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        3,
        "Reach it from a pod",
        "The host forwards the request of a pod instead of sending its own, and nothing answers yet.",
    );
    report.check(world, Neighbor::Leah, VIP, TimesOut);
    report.command(
        "ip link add dev dustin-ipvs0 type dummy",
        "RTM_NEWLINK dustin-ipvs0, kind dummy",
        || Ok(lab::link::dummy("dustin-ipvs0")?),
    )?;
    report.command(
        "ip addr add 10.100.100.100/32 dev dustin-ipvs0",
        "RTM_NEWADDR 10.100.100.100/32 on dustin-ipvs0 (the device stays down)",
        || Ok(lab::address::add("10.100.100.100/32", "dustin-ipvs0")?),
    )?;
    report.note(
        "The virtual IP must be a local address, because IPVS schedules at the LOCAL_IN and LOCAL_OUT hooks,
         and a forwarded packet passes LOCAL_IN only if its destination is an address of the host.\n",
    );
    report.check(world, Neighbor::Leah, VIP, TimesOut);
    report.command("modprobe br_netfilter", "module br_netfilter", || {
        Ok(lab::module::load("br_netfilter")?)
    })?;
    report.command(
        "sysctl --write net.bridge.bridge-nf-call-iptables=1",
        "write 1 to /proc/sys/net/bridge/bridge-nf-call-iptables",
        || Ok(lab::sysctl::write(BRIDGE_NETFILTER, "1")?),
    )?;
    report.note(
        "The reply of dustin to leah does not leave the bridge. With br_netfilter, the netfilter code, and so
         IPVS, sees the reply and restores the virtual IP as its source.\n",
    );
    report.check(world, Neighbor::Leah, VIP, AnsweredBy("dustin"));
    Ok(())
}
