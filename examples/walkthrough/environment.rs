//! Step 0: two pods, as network namespaces on a bridge.

use super::report::Expect::AnsweredBy;
use super::world::Change::Append;
use super::world::{ADDRESS_OF_BRIDGE, Neighbor, Rule, World};
use super::{Fallible, Report};

pub fn run(world: &mut World, report: &mut Report) -> Fallible<()> {
    report.step(
        0,
        "Environment",
        "Two pods, dustin and leah, are set up as a container runtime would do it: each is a network
         namespace with a veth pair into it, and a bridge on the host connects them.",
    );
    report.command(
        "sysctl --write net.ipv4.ip_forward=1",
        "write 1 to /proc/sys/net/ipv4/ip_forward",
        || Ok(lab::sysctl::write("net.ipv4.ip_forward", "1")?),
    )?;
    report.command(
        "ip link add dev bridge_home type bridge",
        "RTM_NEWLINK bridge_home, kind bridge",
        || Ok(lab::link::bridge("bridge_home")?),
    )?;
    report.command(
        &format!("ip address add {ADDRESS_OF_BRIDGE} dev bridge_home"),
        format!("RTM_NEWADDR {ADDRESS_OF_BRIDGE} on bridge_home"),
        || Ok(lab::address::add(ADDRESS_OF_BRIDGE, "bridge_home")?),
    )?;
    for pod in [Neighbor::Dustin, Neighbor::Leah] {
        world.add_pod(pod, report)?;
    }
    report.command(
        "ip link set bridge_home up",
        "RTM_NEWLINK bridge_home, IFF_UP",
        || Ok(lab::link::up("bridge_home")?),
    )?;
    for pod in [Neighbor::Dustin, Neighbor::Leah] {
        report.command(
            &format!("{}ip route add default via 10.0.0.1", pod.prefix()),
            format!("RTM_NEWROUTE default via 10.0.0.1 in {pod}"),
            || {
                let namespace = world.namespace(pod);
                Ok(namespace.run(|| lab::route::via("default", "10.0.0.1"))?)
            },
        )?;
    }
    for direction in ["--in-interface", "--out-interface"] {
        let what = format!("{direction} bridge_home -j ACCEPT");
        let (table, chain) = ("filter", "FORWARD");
        world.firewall(
            report,
            Rule {
                table,
                change: Append,
                chain,
                what: &what,
            },
        )?;
    }
    world.firewall(
        report,
        Rule::postrouting(Append, "--source 10.0.0.0/24 -j MASQUERADE"),
    )?;
    for pod in [Neighbor::Dustin, Neighbor::Leah] {
        world.serve(pod, report)?;
    }
    report.check(
        world,
        Neighbor::Host,
        "10.0.0.11:8080",
        AnsweredBy("dustin"),
    );
    report.check(world, Neighbor::Host, "10.0.0.21:8080", AnsweredBy("leah"));
    report.check(
        world,
        Neighbor::Dustin,
        "10.0.0.21:8080",
        AnsweredBy("leah"),
    );
    report.check(
        world,
        Neighbor::Leah,
        "10.0.0.11:8080",
        AnsweredBy("dustin"),
    );
    Ok(())
}
