//! The metrics of IPVS: services, servers and totals.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};

use ipvset::ipvs::proc::{Proc, SnapshotKey};
use ipvset::ipvs::{ControlInterface, Ipvs, ServiceKey, Statistics};
use ipvset::{Family, Protocol};

use super::Metrics;

pub fn totals() -> ipvset::Result<Statistics> {
    Proc::new().totals()
}

/// A counter or a gauge of statistics.
type Figure = (&'static str, &'static str, fn(&Statistics) -> u64);

/// Writes the totals under the names of node_exporter.
pub fn write_totals(metrics: &mut Metrics<'_>, totals: &Statistics) -> io::Result<()> {
    const TOTALS: [Figure; 5] = [
        (
            "node_ipvs_connections_total",
            "The number of connections made.",
            |it| it.connections,
        ),
        (
            "node_ipvs_incoming_packets_total",
            "The number of packets from clients.",
            |it| it.incoming_packets,
        ),
        (
            "node_ipvs_outgoing_packets_total",
            "The number of packets to clients.",
            |it| it.outgoing_packets,
        ),
        (
            "node_ipvs_incoming_bytes_total",
            "The number of bytes from clients.",
            |it| it.incoming_bytes,
        ),
        (
            "node_ipvs_outgoing_bytes_total",
            "The number of bytes to clients.",
            |it| it.outgoing_bytes,
        ),
    ];
    for (name, help, value) in TOTALS {
        metrics.begin(name, "counter", help)?;
        metrics.sample(&[], &value(totals))?;
    }
    Ok(())
}

/// The table of services, from netlink or from /proc.
pub struct Table {
    services: Vec<Service>,
    /// Whether it contains statistics, which /proc does not show.
    pub has_statistics: bool,
    /// Whether it contains IPv6 services, which socket options do not list.
    pub has_ipv6: bool,
}

struct Service {
    labels: ServiceLabels,
    statistics: Statistics,
    servers: Vec<Server>,
}

struct Server {
    address: SocketAddr,
    weight: u32,
    active: u32,
    inactive: u32,
    persistent: u32,
    statistics: Statistics,
}

fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Ipv4,
        IpAddr::V6(_) => Family::Ipv6,
    }
}

/// The labels by which node_exporter tells services apart, and the family.
struct ServiceLabels {
    family: Option<Family>,
    address: Option<IpAddr>,
    port: u16,
    protocol: &'static str,
    mark: String,
}

impl Table {
    /// Reads the table over netlink or socket options. Without the right to do so, reads /proc.
    pub fn read() -> ipvset::Result<Self> {
        match Ipvs::connect() {
            Ok(mut ipvs) => Self::from_table(&mut ipvs),
            Err(error) if error.is_permission_denied() => Self::from_proc(),
            Err(error) => Err(error),
        }
    }

    fn from_table(ipvs: &mut Ipvs) -> ipvset::Result<Self> {
        let mut services = Vec::new();
        for entry in ipvs.entries()? {
            let entry = entry?;
            let servers = entry.servers.into_iter().map(|server| Server {
                address: server.config.address,
                weight: server.config.weight,
                active: server.active_connections,
                inactive: server.inactive_connections,
                persistent: server.persistent_connections,
                statistics: server.statistics,
            });
            services.push(Service {
                labels: ServiceLabels::of(entry.service.key()),
                statistics: entry.service.statistics,
                servers: servers.collect(),
            });
        }
        Ok(Self {
            services,
            has_statistics: true,
            has_ipv6: ipvs.control_interface() != ControlInterface::SocketOptions,
        })
    }

    fn from_proc() -> ipvset::Result<Self> {
        let snapshot = Proc::new().snapshot()?;
        let mut services = Vec::new();
        for (service, servers) in snapshot.iter() {
            let family = servers.first().map(|server| family(server.address.ip()));
            let labels = match service.key {
                SnapshotKey::Address {
                    protocol, address, ..
                } => ServiceLabels::of_address(protocol, address),
                // /proc does not show the family of a mark, but that of its servers.
                SnapshotKey::FirewallMark { mark, .. } if family.is_some() => {
                    ServiceLabels::of_mark(mark.get(), family)
                }
                _ => continue,
            };
            let servers = servers.iter().map(|server| Server {
                address: server.address,
                weight: server.weight,
                active: server.active_connections,
                inactive: server.inactive_connections,
                persistent: 0,
                statistics: Statistics::default(),
            });
            services.push(Service {
                labels,
                statistics: Statistics::default(),
                servers: servers.collect(),
            });
        }
        Ok(Self {
            services,
            has_statistics: false,
            has_ipv6: true,
        })
    }

    pub fn write(&self, metrics: &mut Metrics<'_>) -> io::Result<()> {
        type Gauge = (&'static str, &'static str, fn(&Server) -> u32);
        const GAUGES: [Gauge; 3] = [
            (
                "node_ipvs_backend_connections_active",
                "The number of established connections of the server.",
                |it| it.active,
            ),
            (
                "node_ipvs_backend_connections_inactive",
                "The number of connections of the server that are opening, closing or idle.",
                |it| it.inactive,
            ),
            (
                "node_ipvs_backend_weight",
                "The server's share of new connections. A draining server has 0.",
                |it| it.weight,
            ),
        ];
        for (name, help, value) in GAUGES {
            self.of_servers(metrics, (name, "gauge", help), &|server| {
                value(server).into()
            })?;
        }
        metrics.begin(
            "ipvset_servers_without_weight",
            "gauge",
            "How many servers of the service have weight 0, draining ones among them.",
        )?;
        for service in &self.services {
            let count = service.servers.iter().filter(|it| it.weight == 0).count();
            metrics.sample(&service.labels.list(), &count)?;
        }
        if !self.has_statistics {
            return Ok(());
        }
        self.of_servers(
            metrics,
            (
                "ipvset_server_persistent_connections",
                "gauge",
                "The number of clients that are bound to the server.",
            ),
            &|server| server.persistent.into(),
        )?;
        for (service_name, server_name, kind, help, value) in STATISTICS {
            metrics.begin(service_name, kind, help)?;
            for service in &self.services {
                metrics.sample(&service.labels.list(), &value(&service.statistics))?;
            }
            self.of_servers(metrics, (server_name, kind, help), &|server| {
                value(&server.statistics)
            })?;
        }
        Ok(())
    }

    /// Writes a metric of servers: its name, its kind and its description.
    fn of_servers(
        &self,
        metrics: &mut Metrics<'_>,
        (name, kind, help): (&'static str, &str, &str),
        value: &dyn Fn(&Server) -> u64,
    ) -> io::Result<()> {
        metrics.begin(name, kind, help)?;
        for service in &self.services {
            let [family, address, port, protocol, mark] = service.labels.list();
            for server in &service.servers {
                let labels: [(&str, &dyn Display); 7] = [
                    family,
                    address,
                    port,
                    protocol,
                    mark,
                    ("remote_address", &server.address.ip()),
                    ("remote_port", &server.address.port()),
                ];
                metrics.sample(&labels, &value(server))?;
            }
        }
        Ok(())
    }
}

/// The statistics of services and servers: the name of each metric, its kind and its description.
type Both = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(&Statistics) -> u64,
);

const STATISTICS: [Both; 10] = [
    (
        "ipvset_service_connections_total",
        "ipvset_server_connections_total",
        "counter",
        "The number of connections scheduled.",
        |it| it.connections,
    ),
    (
        "ipvset_service_incoming_packets_total",
        "ipvset_server_incoming_packets_total",
        "counter",
        "The number of packets from clients.",
        |it| it.incoming_packets,
    ),
    (
        "ipvset_service_outgoing_packets_total",
        "ipvset_server_outgoing_packets_total",
        "counter",
        "The number of packets to clients.",
        |it| it.outgoing_packets,
    ),
    (
        "ipvset_service_incoming_bytes_total",
        "ipvset_server_incoming_bytes_total",
        "counter",
        "The number of bytes from clients.",
        |it| it.incoming_bytes,
    ),
    (
        "ipvset_service_outgoing_bytes_total",
        "ipvset_server_outgoing_bytes_total",
        "counter",
        "The number of bytes to clients.",
        |it| it.outgoing_bytes,
    ),
    (
        "ipvset_service_connections_per_second",
        "ipvset_server_connections_per_second",
        "gauge",
        "Connections a second, an average of the kernel.",
        |it| it.rates.connections,
    ),
    (
        "ipvset_service_incoming_packets_per_second",
        "ipvset_server_incoming_packets_per_second",
        "gauge",
        "Packets from clients a second, an average of the kernel.",
        |it| it.rates.incoming_packets,
    ),
    (
        "ipvset_service_outgoing_packets_per_second",
        "ipvset_server_outgoing_packets_per_second",
        "gauge",
        "Packets to clients a second, an average of the kernel.",
        |it| it.rates.outgoing_packets,
    ),
    (
        "ipvset_service_incoming_bytes_per_second",
        "ipvset_server_incoming_bytes_per_second",
        "gauge",
        "Bytes from clients a second, an average of the kernel.",
        |it| it.rates.incoming_bytes,
    ),
    (
        "ipvset_service_outgoing_bytes_per_second",
        "ipvset_server_outgoing_bytes_per_second",
        "gauge",
        "Bytes to clients a second, an average of the kernel.",
        |it| it.rates.outgoing_bytes,
    ),
];

impl ServiceLabels {
    fn of(key: ServiceKey) -> Self {
        match key {
            ServiceKey::Address {
                protocol, address, ..
            } => Self::of_address(protocol, address),
            ServiceKey::FirewallMark { mark, family, .. } => {
                Self::of_mark(mark.get(), Some(family))
            }
            _ => Self::of_mark(0, None),
        }
    }

    fn of_address(protocol: Protocol, address: SocketAddr) -> Self {
        Self {
            family: Some(family(address.ip())),
            address: Some(address.ip()),
            port: address.port(),
            protocol: match protocol {
                Protocol::TCP => "TCP",
                Protocol::UDP => "UDP",
                Protocol::SCTP => "SCTP",
                _ => "other",
            },
            mark: String::new(),
        }
    }

    fn of_mark(mark: u32, family: Option<Family>) -> Self {
        Self {
            family,
            address: None,
            port: 0,
            protocol: "FWM",
            // As /proc prints it.
            mark: format!("{mark:08X}"),
        }
    }

    fn list(&self) -> [(&'static str, &dyn Display); 5] {
        let family = match self.family {
            Some(Family::Ipv4) => &"ipv4",
            Some(Family::Ipv6) => &"ipv6",
            _ => &"",
        };
        let address: &dyn Display = match &self.address {
            Some(address) => address,
            None => &"",
        };
        [
            ("family", family),
            ("local_address", address),
            ("local_port", &self.port),
            ("proto", &self.protocol),
            ("local_mark", &self.mark),
        ]
    }
}
