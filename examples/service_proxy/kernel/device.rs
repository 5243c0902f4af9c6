//! The device that has the addresses of Services, so that the node takes their packets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Report;
use crate::translate::Counted;

/// The device's name. It is a dummy device and stays down: its addresses are local all the same.
pub const NAME: &str = "svcproxy0";

/// Creates the device if it is missing, and adds the addresses that are. Returns those to remove
/// once no virtual service needs them.
pub fn add(wanted: &mut Counted<IpAddr>, by_listing: bool, report: &mut Report) -> Vec<IpNet> {
    let changes = wanted.take_changes();
    let changes = match by_listing {
        true => {
            let made = create_if_absent();
            let found = made.and_then(|()| difference(wanted));
            report.enter(found).unwrap_or_default()
        }
        false => (nets(changes.0), nets(changes.1)),
    };
    if !changes.0.is_empty() {
        let outcome = lab::address::add_all(&changes.0, NAME);
        enter(outcome, changes.0.len(), report);
    }
    changes.1
}

pub fn remove(addresses: &[IpNet], report: &mut Report) {
    if !addresses.is_empty() {
        let outcome = lab::address::delete_all(addresses, NAME);
        enter(outcome, addresses.len(), report);
    }
}

/// Writes what [`add`] and [`remove`] would do.
pub fn describe(wanted: &Counted<IpAddr>, text: &mut String) -> lab::Result<()> {
    let (added, removed) = match lab::link::exists(NAME)? {
        true => difference(wanted)?,
        false => {
            text.push_str(&format!("+ link add {NAME} type dummy\n"));
            (nets(wanted.iter().copied()), Vec::new())
        }
    };
    let added = added
        .iter()
        .map(|it| format!("+ address add {it} dev {NAME}\n"));
    let removed = removed
        .iter()
        .map(|it| format!("- address add {it} dev {NAME}\n"));
    text.extend(added.chain(removed));
    Ok(())
}

/// Deletes the device with its addresses.
pub fn delete() -> lab::Result<()> {
    match lab::link::exists(NAME)? {
        true => lab::link::delete(NAME),
        false => Ok(()),
    }
}

fn create_if_absent() -> lab::Result<()> {
    match lab::link::exists(NAME)? {
        true => Ok(()),
        false => lab::link::dummy(NAME),
    }
}

/// Returns the addresses that the device lacks, and those that it should not have.
fn difference(wanted: &Counted<IpAddr>) -> lab::Result<(Vec<IpNet>, Vec<IpNet>)> {
    let mut missing: BTreeSet<_> = nets(wanted.iter().copied()).into_iter().collect();
    let mut present = lab::address::all(NAME)?;
    present.retain(|it| !missing.remove(it));
    Ok((missing.into_iter().collect(), present))
}

fn nets(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpNet> {
    addresses.into_iter().map(IpNet::from).collect()
}

fn enter(outcome: lab::Result<Vec<(IpNet, lab::Error)>>, count: usize, report: &mut Report) {
    if let Some(failures) = report.enter(outcome) {
        report.addresses += count - failures.len();
        let failures = failures.iter().map(|(_, error)| error.to_string());
        report.failures.extend(failures);
    }
}
