//! The command `-L`: prints services with their servers, timeouts, or sync daemons.

use std::io::Write;
use std::time::Duration;

use ipvset::ipvs::proc::Proc;
use ipvset::ipvs::{ControlInterface, Ipvs, ServerInfo, ServiceInfo, ServiceKey, SyncDaemon};

use super::columns::Columns;
use super::connections;
use super::failure::Failure;
use super::names::Names;

/// What to list, and in which format.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) what: What,
    /// The only service to list.
    pub(crate) service: Option<ServiceKey>,
    pub(crate) numeric: bool,
    pub(crate) exact: bool,
    pub(crate) unsorted: bool,
    pub(crate) stats: bool,
    pub(crate) rate: bool,
    pub(crate) thresholds: bool,
    pub(crate) persistent: bool,
    pub(crate) tunnels: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    #[default]
    Services,
    Connections,
    Timeouts,
    Daemons,
}

pub(crate) fn list(wish: &Wish, out: &mut impl Write) -> Result<(), Failure> {
    match wish.what {
        What::Connections => connections::list(wish, out),
        What::Timeouts => timeouts(out),
        What::Daemons => daemons(out),
        What::Services => services(wish, out),
    }
}

fn services(wish: &Wish, out: &mut impl Write) -> Result<(), Failure> {
    let mut ipvs = Ipvs::connect()?;
    let mut table = match wish.service {
        Some(key) => {
            let service = ipvs.service(key).map_err(not_listed)?;
            vec![(service, ipvs.servers(key).map_err(not_listed)?)]
        }
        None => {
            let info = ipvs.info()?;
            let (version, size) = (info.version, info.connection_table_size);
            writeln!(out, "IP Virtual Server version {version} (size={size})")?;
            table(&mut ipvs)?
        }
    };
    if !wish.unsorted {
        sort(&mut table);
    }
    let mut columns = Columns::new(wish, Names::new(wish.numeric));
    columns.headings(out)?;
    for (service, servers) in &table {
        columns.service(service, out)?;
        for server in servers {
            columns.server(service, server, out)?;
        }
    }
    if wish.service.is_none() {
        if let Some(message) = unlisted(&ipvs, table.len()) {
            super::say(format_args!("{message}"));
        }
    }
    Ok(())
}

fn not_listed(error: ipvset::Error) -> Failure {
    match error.is_not_found() {
        true => Failure::NotListed(error),
        false => error.into(),
    }
}

/// Returns a message about services that exist and cannot be listed, if there are any: socket options
/// have no IPv6.
pub(crate) fn unlisted(ipvs: &Ipvs, listed: usize) -> Option<String> {
    if ipvs.control_interface() != ControlInterface::SocketOptions {
        return None;
    }
    let all = Proc::new().snapshot().ok()?.len();
    let missing = all.checked_sub(listed).filter(|it| *it > 0)?;
    Some(format!(
        "{missing} of {all} services are not shown: IPv6 needs CAP_NET_ADMIN in the initial user \
         namespace"
    ))
}

/// Services with their servers.
pub(crate) type Table = Vec<(ServiceInfo, Vec<ServerInfo>)>;

pub(crate) fn table(ipvs: &mut Ipvs) -> Result<Table, Failure> {
    let entries = ipvs.table()?.into_iter();
    Ok(entries.map(|it| (it.service, it.servers)).collect())
}

/// Sorts a table. Services with addresses come before those with firewall marks, IPv4 before IPv6, and
/// then protocol, address and port decide. Servers are sorted by address and port.
pub(crate) fn sort(table: &mut Table) {
    table.sort_by_key(|(service, _)| order(&service.key()));
    for (_, servers) in table {
        servers.sort_by_key(|server| server.config.address);
    }
}

fn order(key: &ServiceKey) -> impl Ord + use<> {
    let mark = match key {
        ServiceKey::FirewallMark { mark, .. } => mark.get(),
        _ => 0,
    };
    (mark, key.family(), key.protocol(), key.socket_address())
}

fn timeouts(out: &mut impl Write) -> Result<(), Failure> {
    let timeouts = Ipvs::connect()?.timeouts()?;
    let seconds = |it: Option<Duration>| it.map_or(0, |it| it.as_secs());
    let (tcp, fin, udp) = (
        seconds(timeouts.tcp),
        seconds(timeouts.tcp_fin),
        seconds(timeouts.udp),
    );
    writeln!(out, "Timeout (tcp tcpfin udp): {tcp} {fin} {udp}")?;
    Ok(())
}

fn daemons(out: &mut impl Write) -> Result<(), Failure> {
    for daemon in Ipvs::connect()?.daemons()? {
        daemon_line(&daemon, out)?;
    }
    Ok(())
}

fn daemon_line(daemon: &SyncDaemon, out: &mut impl Write) -> Result<(), Failure> {
    let (role, interface, id) = (daemon.role, &daemon.interface, daemon.sync_id);
    write!(out, "{role} sync daemon (mcast={interface}, syncid={id}")?;
    // Kernels before 4.3 do not report the rest.
    if let Some(length) = daemon.max_length {
        write!(out, ", maxlen={length}")?;
    }
    if let Some(group) = daemon.group {
        write!(out, ", group={group}")?;
    }
    if let Some(port) = daemon.port {
        write!(out, ", port={port}")?;
    }
    if let Some(ttl) = daemon.ttl {
        write!(out, ", ttl={ttl}")?;
    }
    writeln!(out, ")")?;
    Ok(())
}
