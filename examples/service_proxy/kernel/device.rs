//! The device that has the addresses of Services, so that the node takes their packets.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use ipvset::Family;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::libc;

use super::Report;
use super::routing::Routing;
use crate::translate::Counted;

/// The device's name. It is a dummy device and stays down: its addresses are local all the same.
pub const NAME: &str = "svcproxy0";

/// Creates the device if it is missing, and adds the addresses that are. Returns those to remove
/// once no virtual service needs them.
pub fn add(wanted: &mut Counted<IpAddr>, by_listing: bool, report: &mut Report) -> Vec<IpNet> {
    let (added, removed) = wanted.take_changes();
    let (added, removed) = match by_listing {
        true => {
            let difference = Device::open_or_create().and_then(|mut it| it.difference(wanted));
            report.enter(explain(difference)).unwrap_or_default()
        }
        false => (nets(added), nets(removed)),
    };
    change(&added, report, Device::add);
    removed
}

pub fn remove(addresses: &[IpNet], report: &mut Report) {
    change(addresses, report, Device::remove);
}

/// Writes what [`add`] and [`remove`] would do.
pub fn describe(wanted: &Counted<IpAddr>, text: &mut String) -> io::Result<()> {
    let (added, removed) = match explain(Device::open())? {
        Some(mut device) => explain(device.difference(wanted))?,
        None => {
            text.push_str(&format!("+ link add {NAME} type dummy\n"));
            (nets(wanted.iter().copied()), Vec::new())
        }
    };
    for (sign, addresses) in [('+', added), ('-', removed)] {
        let lines = addresses.iter();
        text.extend(lines.map(|it| format!("{sign} address add {it} dev {NAME}\n")));
    }
    Ok(())
}

/// Deletes the device with its addresses.
pub fn delete() -> io::Result<()> {
    let deleted = Device::open().and_then(|device| match device {
        Some(mut device) => {
            let message = RouteNetlinkMessage::DelLink(named());
            device.routing.request(message, 0, drop)
        }
        None => Ok(()),
    });
    explain(deleted)
}

/// What became of many addresses: those that failed, with the reason.
type Failures = Vec<(IpNet, io::Error)>;

fn change(
    addresses: &[IpNet],
    report: &mut Report,
    change: impl Fn(&mut Device, &[IpNet]) -> io::Result<Failures>,
) {
    if addresses.is_empty() {
        return;
    }
    let outcome = Device::open_or_create().and_then(|mut it| change(&mut it, addresses));
    if let Some(failures) = report.enter(explain(outcome)) {
        report.addresses += addresses.len() - failures.len();
        let failures = failures.iter();
        let failures = failures.map(|(address, error)| format!("{NAME}: {address}: {error}"));
        report.failures.extend(failures);
    }
}

struct Device {
    routing: Routing,
    index: u32,
}

impl Device {
    /// Finds the device.
    fn open() -> io::Result<Option<Self>> {
        let mut routing = Routing::connect()?;
        let mut index = None;
        let message = RouteNetlinkMessage::GetLink(named());
        let found = routing.request(message, 0, |object| {
            if let RouteNetlinkMessage::NewLink(link) = object {
                index = Some(link.header.index);
            }
        });
        match found {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            found => found?,
        }
        Ok(index.map(|index| Self { routing, index }))
    }

    fn open_or_create() -> io::Result<Self> {
        if let Some(device) = Self::open()? {
            return Ok(device);
        }
        let mut message = named();
        let info = vec![LinkInfo::Kind(InfoKind::Dummy)];
        message.attributes.push(LinkAttribute::LinkInfo(info));
        let message = RouteNetlinkMessage::NewLink(message);
        Routing::connect()?.request(message, NLM_F_CREATE | NLM_F_EXCL, drop)?;
        Self::open()?.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
    }

    fn add(&mut self, addresses: &[IpNet]) -> io::Result<Failures> {
        let index = self.index;
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let message = |it| RouteNetlinkMessage::NewAddress(address(it, index));
        let failures = self.routing.request_all(addresses, flags, message)?;
        Ok(without(libc::EEXIST, failures))
    }

    fn remove(&mut self, addresses: &[IpNet]) -> io::Result<Failures> {
        let index = self.index;
        let message = |it| RouteNetlinkMessage::DelAddress(address(it, index));
        let failures = self.routing.request_all(addresses, 0, message)?;
        Ok(without(libc::EADDRNOTAVAIL, failures))
    }

    /// Returns the addresses that the device lacks, and those that it should not have.
    fn difference(&mut self, wanted: &Counted<IpAddr>) -> io::Result<(Vec<IpNet>, Vec<IpNet>)> {
        let mut missing: BTreeSet<_> = nets(wanted.iter().copied()).into_iter().collect();
        let mut extra = Vec::new();
        let index = self.index;
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.routing.request(message, NLM_F_DUMP, |object| {
            let address = match object {
                RouteNetlinkMessage::NewAddress(it) if it.header.index == index => own(&it),
                _ => None,
            };
            if let Some(address) = address.filter(|it| !missing.remove(it)) {
                extra.push(address);
            }
        })?;
        Ok((missing.into_iter().collect(), extra))
    }
}

fn named() -> LinkMessage {
    let mut message = LinkMessage::default();
    let name = LinkAttribute::IfName(NAME.to_owned());
    message.attributes.push(name);
    message
}

fn nets(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpNet> {
    addresses.into_iter().map(IpNet::from).collect()
}

fn address(net: IpNet, index: u32) -> AddressMessage {
    let address = net.addr();
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = net.prefix_len();
    message.header.family = match Family::of(address) {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    if address.is_ipv6() {
        // The address can be used at once: nobody else has it.
        let flags = AddressAttribute::Flags(AddressFlags::Nodad);
        message.attributes.push(flags);
    }
    message
}

/// Returns the device's own address, with the length of its prefix.
fn own(message: &AddressMessage) -> Option<IpNet> {
    let address = message.attributes.iter().find_map(|it| match it {
        AddressAttribute::Local(it) | AddressAttribute::Address(it) => Some(*it),
        _ => None,
    });
    IpNet::new(address?, message.header.prefix_len).ok()
}

/// An address that is there already, or is gone already, is as it should be.
fn without(code: i32, mut failures: Failures) -> Failures {
    failures.retain(|(_, error)| error.raw_os_error() != Some(code));
    failures
}

fn explain<T>(outcome: io::Result<T>) -> io::Result<T> {
    outcome.map_err(|error| io::Error::new(error.kind(), format!("device {NAME}: {error}")))
}
