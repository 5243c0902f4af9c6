//! Addresses that no Service has any more. They go when nothing needs them.
//!
//! A virtual service that drains needs its address: without it, the packets of its connections do
//! not come to the node. The entry in the set of addresses goes with it, so that meanwhile nothing
//! else at the address answers.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use ipvset::Family;
use ipvset::ipset::IpSets;
use ipvset::ipset::elements::Addresses;

use super::{Report, device, sets};
use crate::translate::Wanted;

/// What is still there of addresses that no Service has any more.
#[derive(Debug, Default)]
pub struct Leaving {
    /// On the device.
    pub addresses: BTreeSet<IpNet>,
    /// In the set of addresses.
    pub entries: HashSet<(Family, Addresses)>,
}

impl Leaving {
    /// Removes what nothing needs: neither a Service nor a virtual service that drains. What
    /// cannot be removed is tried again the next time.
    pub fn remove(
        &mut self,
        wanted: &mut Wanted,
        draining: &BTreeSet<IpAddr>,
        sets: &mut IpSets,
        report: &mut Report,
    ) {
        // A Service may have asked for it again.
        self.addresses.retain(|it| {
            let address = it.addr();
            *it != IpNet::from(address) || !wanted.addresses.contains(&address)
        });
        self.entries.retain(|(family, entry)| {
            let wanted = &wanted.sets(*family).service_ip;
            !wanted.entries.contains(entry)
        });
        let failures = report.failures.len();
        let addresses = self.addresses.iter().copied();
        let addresses: Vec<_> = addresses
            .filter(|it| !draining.contains(&it.addr()))
            .collect();
        device::remove(&addresses, report);
        let draining_entries: HashSet<_> = draining.iter().map(|it| Addresses::from(*it)).collect();
        for family in [Family::Ipv4, Family::Ipv6] {
            let entries = self.entries.iter().filter(|(of, _)| *of == family);
            let entries = entries.map(|(_, entry)| *entry);
            let entries = entries.filter(|it| !draining_entries.contains(it));
            let set = &wanted.sets(family).service_ip.set;
            sets::remove_entries(set, entries.collect(), sets, report);
        }
        if report.failures.len() == failures {
            self.addresses.retain(|it| draining.contains(&it.addr()));
            self.entries
                .retain(|(_, entry)| draining_entries.contains(entry));
        }
    }
}
