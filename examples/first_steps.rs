//! The first example of the README: a service that is kept as it is wanted, and a large set.

use std::net::Ipv4Addr;

use ipvset::OnFailure;
use ipvset::ipset::elements::tcp;
use ipvset::ipset::types::HashIpPortIp;
use ipvset::ipset::{IpSet, IpSets};
use ipvset::ipvs::plan::{Keeper, Planner, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, Scheduler, VirtualService};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A load-balanced service with two servers, whatever is there now. Other servers of the service drain.
    let web = VirtualService::tcp("10.100.100.100:8080".parse()?).scheduler(Scheduler::RoundRobin);
    let servers = ["10.0.0.11:8080".parse()?, "10.0.0.21:8080".parse()?];
    let mut wanted = WantedTable::new();
    wanted.insert(web, servers.map(RealServer::new))?;
    let mut ipvs = Ipvs::connect()?;
    let mut keeper = Keeper::new(Planner::new());
    let kept = ipvs.keep(&mut keeper, &wanted)?; // to be called again after `kept.next`
    print!("{}", kept.report); // -t 10.100.100.100:8080: added, ...

    // A set that a firewall rule can match on, filled with a million entries in a few hundred system calls.
    let mut sets = IpSets::connect()?;
    let loopback = IpSet::<HashIpPortIp>::new("LOOP-BACK")?
        .maxelem(2_000_000)
        .hashsize(1 << 20);
    sets.create(&loopback)?;
    let pods = (0..1_000_000).map(|n| Ipv4Addr::from_bits(0x0a00_0001 + n));
    let entries = pods.map(|pod| (pod, tcp(8080), pod)); // a MAC address here does not compile
    sets.add_all(&loopback, entries, OnFailure::Stop)
        .into_result()?;
    Ok(())
}
