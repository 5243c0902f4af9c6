//! What the file says, for both ways of applying it.

use std::net::{IpAddr, SocketAddr};

use ipvset::ipset::IpSet;
use ipvset::ipset::elements::Port;
use ipvset::ipset::types::HashIpPort;
use ipvset::ipvs::plan::{Planner, Policy, Scope, WantedTable};
use ipvset::ipvs::{RealServer, Scheduler, ServiceKey, VirtualService};
use ipvset::{Family, Protocol};

use crate::Result;

/// Reads a service from each line: its protocol, its address, and the addresses of its servers.
///
/// ```text
/// tcp 10.96.0.1:80 10.1.0.1:8080 10.1.0.2:8080
/// ```
pub fn read(text: &str) -> Result<WantedTable> {
    let mut wanted = WantedTable::new();
    for (line, number) in text.lines().zip(1..) {
        add(&mut wanted, line).map_err(|error| format!("line {number}: {error}"))?;
    }
    Ok(wanted)
}

fn add(wanted: &mut WantedTable, line: &str) -> Result {
    let mut words = line.split_whitespace();
    let Some(protocol) = words.next() else {
        return Ok(());
    };
    let protocol: Protocol = protocol.parse()?;
    let address: SocketAddr = words.next().ok_or("the address is missing")?.parse()?;
    let servers: Vec<SocketAddr> = words.map(str::parse).collect::<Result<_, _>>()?;
    let service = VirtualService::new(ServiceKey::address(protocol, address));
    let service = service.scheduler(Scheduler::RoundRobin);
    wanted.insert(service, servers.into_iter().map(RealServer::new))?;
    Ok(())
}

/// All services are this program's. Servers that are no longer wanted leave at once.
pub fn planner() -> Planner {
    Planner::new()
        .scope(Scope::everything())
        .policy(Policy::without_drain())
}

/// An address with a protocol and a port.
type Address = (IpAddr, Port);

/// Returns the set of the services' addresses of a family, and its entries.
pub fn addresses(
    wanted: &WantedTable,
    family: Family,
) -> ipvset::Result<(IpSet<HashIpPort>, Vec<Address>)> {
    let set = IpSet::new(format!("SERVICES-{family}"))?.with_family(family);
    let mut entries = Vec::new();
    for key in wanted.iter().map(|service| service.key()) {
        if let (Some(protocol), Some(address)) = (key.protocol(), key.socket_address()) {
            if key.family() == family {
                entries.push((address.ip(), Port::new(protocol, address.port())?));
            }
        }
    }
    Ok((set, entries))
}
