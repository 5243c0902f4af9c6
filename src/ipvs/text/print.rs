//! Writes values as `ipvsadm`'s options, in the order in which `ipvsadm -S` prints them. Values
//! that `ipvsadm` cannot express have options of this crate, which it refuses. `ipvsadm` itself
//! prints some of them as something else, such as a local node.

use std::fmt::{self, Display, Formatter};

use crate::ipvs::model::daemon::SyncDaemon;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::report::{ServerInfo, ServiceInfo, TableEntry};
use crate::ipvs::model::scheduler::{Scheduler, SchedulerFlags};
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::ipvs::model::tunnel::{Tunnel, TunnelFlags};
use crate::{Family, Protocol};

impl Display for ServiceKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { protocol, address } => match *protocol {
                Protocol::TCP => write!(f, "-t {address}"),
                Protocol::UDP => write!(f, "-u {address}"),
                Protocol::SCTP => write!(f, "--sctp-service {address}"),
                other => write!(f, "--protocol {} {address}", other.number()),
            },
            Self::FirewallMark { mark, family } => {
                write!(f, "-f {mark}")?;
                match family {
                    Family::Ipv4 => Ok(()),
                    Family::Ipv6 => f.write_str(" -6"),
                }
            }
        }
    }
}

impl Display for VirtualService {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} -s {}", self.key, self.scheduler)?;
        if let Some(persistence) = &self.persistence {
            write!(f, " -p {}", persistence.timeout().as_secs())?;
            if !persistence.is_per_client() {
                match (persistence.mask(), persistence.prefix_length()) {
                    (Some(mask), _) => write!(f, " -M {mask}")?,
                    (None, Some(prefix)) => write!(f, " -M {prefix}")?,
                    (None, None) => {}
                }
            }
        }
        if let Some(engine) = &self.persistence_engine {
            write!(f, " --pe {engine}")?;
        }
        if self.one_packet {
            f.write_str(" -o")?;
        }
        if !self.scheduler_flags.is_empty() {
            f.write_str(" -b ")?;
            flags(f, self.scheduler, self.scheduler_flags)?;
        }
        Ok(())
    }
}

/// Returns the names of flags, beginning with those of the scheduler's own.
pub(super) fn flag_names(scheduler: Scheduler) -> Vec<(&'static str, SchedulerFlags)> {
    let own: &[_] = match scheduler {
        Scheduler::SourceHashing => &[
            ("sh-fallback", SchedulerFlags::SH_FALLBACK),
            ("sh-port", SchedulerFlags::SH_PORT),
        ],
        Scheduler::MaglevHashing => &[
            ("mh-fallback", SchedulerFlags::MH_FALLBACK),
            ("mh-port", SchedulerFlags::MH_PORT),
        ],
        _ => &[],
    };
    let any = [
        ("flag-1", SchedulerFlags::FLAG_1),
        ("flag-2", SchedulerFlags::FLAG_2),
        ("flag-3", SchedulerFlags::FLAG_3),
    ];
    own.iter().copied().chain(any).collect()
}

fn flags(f: &mut Formatter<'_>, scheduler: Scheduler, flags: SchedulerFlags) -> fmt::Result {
    let mut left = flags;
    let mut comma = "";
    for (name, flag) in flag_names(scheduler) {
        if left.contains(flag) {
            write!(f, "{comma}{name}")?;
            left.remove(flag);
            comma = ",";
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        write!(f, "{comma}{:#x}", left.bits())
    }
}

impl Display for RealServer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "-r {} ", self.address)?;
        match self.forwarding {
            ForwardingMethod::Masquerade => f.write_str("-m")?,
            ForwardingMethod::DirectRouting => f.write_str("-g")?,
            ForwardingMethod::Tunnel(_) => f.write_str("-i")?,
            ForwardingMethod::LocalNode => f.write_str("--forward local")?,
            ForwardingMethod::Bypass => f.write_str("--forward bypass")?,
            ForwardingMethod::Other(number) => write!(f, "--forward {number}")?,
        }
        write!(f, " -w {}", self.weight)?;
        if let ForwardingMethod::Tunnel(it) = self.forwarding {
            tunnel(f, it)?;
        }
        if self.upper_threshold != 0 {
            write!(f, " -x {}", self.upper_threshold)?;
        }
        if self.lower_threshold != 0 {
            write!(f, " -y {}", self.lower_threshold)?;
        }
        Ok(())
    }
}

fn tunnel(f: &mut Formatter<'_>, tunnel: Tunnel) -> fmt::Result {
    match tunnel {
        Tunnel::Ipip => f.write_str(" --tun-type ipip"),
        Tunnel::Gue { port, flags } => {
            write!(f, " --tun-type gue --tun-port {port}")?;
            tunnel_flags(f, flags)
        }
        Tunnel::Gre { flags } => {
            f.write_str(" --tun-type gre")?;
            tunnel_flags(f, flags)
        }
        Tunnel::Other { kind, port, flags } => write!(
            f,
            " --tun-type {kind} --tun-port {port} --tun-flags {:#x}",
            flags.bits()
        ),
        Tunnel::Unreported => f.write_str(" --tun-type unreported"),
    }
}

fn tunnel_flags(f: &mut Formatter<'_>, flags: TunnelFlags) -> fmt::Result {
    match flags {
        TunnelFlags::CHECKSUM => f.write_str(" --tun-csum"),
        TunnelFlags::REMOTE_CHECKSUM => f.write_str(" --tun-remcsum"),
        none if none.is_empty() => f.write_str(" --tun-nocsum"),
        other => write!(f, " --tun-flags {:#x}", other.bits()),
    }
}

impl Display for SyncDaemon {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} --mcast-interface {}", self.role, self.interface)?;
        write!(f, " --syncid {}", self.sync_id)?;
        if let Some(length) = self.max_length {
            write!(f, " --sync-maxlen {length}")?;
        }
        if let Some(group) = self.group {
            write!(f, " --mcast-group {group}")?;
        }
        if let Some(port) = self.port {
            write!(f, " --mcast-port {port}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, " --mcast-ttl {ttl}")?;
        }
        Ok(())
    }
}

impl Display for Timeouts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The tool writes 0 to leave a timeout unchanged.
        let seconds = |it: Option<std::time::Duration>| it.map_or(0, |it| it.as_secs());
        let (tcp, fin, udp) = (seconds(self.tcp), seconds(self.tcp_fin), seconds(self.udp));
        write!(f, "{tcp} {fin} {udp}")
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService(service) => write!(f, "-A {service}"),
            Self::UpdateService(service) => write!(f, "-E {service}"),
            Self::PutService(service) => write!(f, "--put-service {service}"),
            Self::RemoveService(key) => write!(f, "-D {key}"),
            Self::RemoveServiceIfPresent(key) => write!(f, "-D {key} --if-present"),
            Self::AddServer(key, server) => write!(f, "-a {key} {server}"),
            Self::UpdateServer(key, server) => write!(f, "-e {key} {server}"),
            Self::PutServer(key, server) => write!(f, "--put-server {key} {server}"),
            Self::RemoveServer(key, address) => write!(f, "-d {key} -r {address}"),
            Self::RemoveServerIfPresent(key, address) => {
                write!(f, "-d {key} -r {address} --if-present")
            }
            Self::Flush => f.write_str("-C"),
            Self::Zero => f.write_str("-Z"),
            Self::ZeroService(key) => write!(f, "-Z {key}"),
            Self::SetTimeouts(timeouts) => write!(f, "--set {timeouts}"),
            Self::StartDaemon(daemon) => write!(f, "--start-daemon {daemon}"),
            Self::StopDaemon(role) => write!(f, "--stop-daemon {role}"),
        }
    }
}

/// Writes the configuration.
impl Display for ServiceInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

/// Writes the configuration.
impl Display for ServerInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

/// Writes the lines of the saved text: one that adds the service, then one for each server.
impl Display for TableEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "-A {}", self.service)?;
        let key = self.service.key();
        for server in &self.servers {
            writeln!(f, "-a {key} {server}")?;
        }
        Ok(())
    }
}
