//! The kernel's settings that the proxy needs.

use std::fmt::Write;
use std::path::PathBuf;
use std::{fs, io};

use ipvset::Family;

use super::Report;
use super::record::Before;

/// Returns the settings, with the values that they are to have.
fn wanted(families: &[Family], strict_arp: bool) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        // Replies of endpoints are routed back to the clients.
        ("net.ipv4.ip_forward", "1"),
        // The rules that masquerade see the connections.
        ("net.ipv4.vs.conntrack", "1"),
        // A connection, or a UDP flow, to a server that is gone goes on to another one.
        ("net.ipv4.vs.expire_nodest_conn", "1"),
        // A client with affinity leaves a server that drains.
        ("net.ipv4.vs.expire_quiescent_template", "1"),
    ];
    if families.contains(&Family::Ipv6) {
        all.push(("net.ipv6.conf.all.forwarding", "1"));
    }
    // Where endpoints are behind a bridge, replies between them pass by the rules and IPVS.
    for key in [
        "net.bridge.bridge-nf-call-iptables",
        "net.bridge.bridge-nf-call-ip6tables",
    ] {
        if file(key).exists() {
            all.push((key, "1"));
        }
    }
    if strict_arp {
        // Neighbours do not learn the addresses of the proxy's device.
        all.push(("net.ipv4.conf.all.arp_ignore", "1"));
        all.push(("net.ipv4.conf.all.arp_announce", "2"));
    }
    all
}

/// Sets those that differ, and takes note of the values that they had.
pub fn set(families: &[Family], strict_arp: bool, before: &mut Before, report: &mut Report) {
    for (key, value) in wanted(families, strict_arp) {
        let had = read(key);
        let Some(had) = report.enter(had) else {
            continue;
        };
        if had != value {
            let written = write(key, value);
            if report.enter(written).is_some() {
                before.entry(key.to_owned()).or_insert(had);
            }
        }
    }
}

/// Writes what [`set`] would do.
pub fn describe(families: &[Family], strict_arp: bool, text: &mut String) -> io::Result<()> {
    for (key, value) in wanted(families, strict_arp) {
        let has = read(key)?;
        if has != value {
            let _ = writeln!(text, "- {key} = {has}\n+ {key} = {value}");
        }
    }
    Ok(())
}

/// Gives settings the values back that they had before.
pub fn restore(before: &Before, report: &mut Report) {
    for (key, value) in before {
        let written = write(key, value);
        report.enter(written);
    }
}

fn read(key: &str) -> io::Result<String> {
    let value = fs::read_to_string(file(key));
    value
        .map(|it| it.trim_end().to_owned())
        .map_err(|error| io::Error::new(error.kind(), format!("{key}: {error}")))
}

fn write(key: &str, value: &str) -> io::Result<()> {
    let written = fs::write(file(key), value);
    written.map_err(|error| io::Error::new(error.kind(), format!("{key} = {value}: {error}")))
}

fn file(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key.replace('.', "/"))
}
