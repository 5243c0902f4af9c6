//! A model of the kernel's table: what it does with an operation.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use crate::ipvs::proc::{
    Snapshot, SnapshotForwarding, SnapshotKey, SnapshotServer, SnapshotService,
};
use crate::ipvs::{
    ForwardingMethod, Info, Operation, Persistence, RealServer, ServerInfo, ServiceInfo,
    ServiceKey, TableEntry, Version, VirtualService,
};

/// Why the kernel refuses an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ipvs) enum Refusal {
    Exists,
    NotFound,
}

/// The connections of a server: active, inactive, persistence templates.
pub(in crate::ipvs) type Connections = (u32, u32, u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ipvs) struct Server {
    pub(super) config: RealServer,
    pub(in crate::ipvs) connections: Connections,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ipvs) struct Service {
    pub(super) config: VirtualService,
    /// The server that was added last comes first.
    pub(in crate::ipvs) servers: Vec<Server>,
}

/// The table, and the servers in the trash, which keep their connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::ipvs) struct Kernel {
    pub(in crate::ipvs) services: BTreeMap<ServiceKey, Service>,
    trash: HashMap<(ServiceKey, SocketAddr), Connections>,
    /// The number of active connections whose server was removed.
    pub(super) cut: u64,
}

impl Service {
    pub(super) fn server(&self, address: SocketAddr) -> Option<&Server> {
        self.servers.iter().find(|it| it.config.address == address)
    }

    pub(super) fn is_available(&self) -> bool {
        self.servers.iter().any(|it| it.config.weight > 0)
    }

    fn server_mut(&mut self, address: SocketAddr) -> Result<&mut Server, Refusal> {
        let mut all = self.servers.iter_mut();
        let found = all.find(|it| it.config.address == address);
        found.ok_or(Refusal::NotFound)
    }
}

/// Returns the configuration as the kernel stores it, with 100 ticks a second.
pub(super) fn stored(service: &VirtualService) -> VirtualService {
    let seconds = |it: Persistence| it.seconds().wrapping_mul(100) / 100;
    let timeout = |it: Persistence| it.with_timeout(Duration::from_secs(seconds(it).into()));
    VirtualService {
        persistence: service.persistence.map(timeout),
        ..service.clone()
    }
}

impl Kernel {
    pub(in crate::ipvs) fn execute(&mut self, operation: &Operation) -> Result<(), Refusal> {
        match operation {
            Operation::AddService(config) => {
                if self.services.contains_key(&config.key) {
                    return Err(Refusal::Exists);
                }
                let service = Service {
                    config: stored(config),
                    servers: Vec::new(),
                };
                self.services.insert(config.key, service);
            }
            Operation::UpdateService(config) => {
                self.service_mut(&config.key)?.config = stored(config)
            }
            Operation::RemoveService(key) => {
                self.service_mut(key)?;
                for server in self.services.remove(key).unwrap().servers {
                    self.throw_away(*key, server);
                }
            }
            Operation::AddServer(key, config) => {
                let service = self.services.get_mut(key).ok_or(Refusal::NotFound)?;
                if service.server(config.address).is_some() {
                    return Err(Refusal::Exists);
                }
                let revived = self.trash.remove(&(*key, config.address));
                let server = Server {
                    config: config.clone(),
                    connections: revived.unwrap_or_default(),
                };
                service.servers.insert(0, server);
            }
            Operation::UpdateServer(key, config) => {
                self.service_mut(key)?.server_mut(config.address)?.config = config.clone();
            }
            Operation::RemoveServer(key, address) => {
                let service = self.service_mut(key)?;
                let mut all = service.servers.iter();
                let index = all.position(|it| it.config.address == *address);
                let server = service.servers.remove(index.ok_or(Refusal::NotFound)?);
                self.throw_away(*key, server);
            }
            other => panic!("a plan has no such operation: {other}"),
        }
        Ok(())
    }

    fn service_mut(&mut self, key: &ServiceKey) -> Result<&mut Service, Refusal> {
        self.services.get_mut(key).ok_or(Refusal::NotFound)
    }

    fn throw_away(&mut self, key: ServiceKey, server: Server) {
        self.cut += u64::from(server.connections.0);
        let address = server.config.address;
        self.trash.insert((key, address), server.connections);
    }

    /// Lets every connection of a server end.
    pub(super) fn end_connections(&mut self, key: ServiceKey, address: SocketAddr) {
        if let Some(service) = self.services.get_mut(&key) {
            if let Ok(server) = service.server_mut(address) {
                server.connections = (0, 0, 0);
            }
        }
    }

    pub(in crate::ipvs) fn table(&self) -> Vec<TableEntry> {
        let entry = |service: &Service| {
            let servers = service.servers.iter().map(info).collect();
            TableEntry::new(ServiceInfo::new(service.config.clone()), servers)
        };
        self.services.values().map(entry).collect()
    }

    /// Returns the table as `/proc/net/ip_vs` shows it.
    pub(super) fn snapshot(&self) -> Snapshot {
        let parts = self.services.values().map(|service| {
            let servers = service.servers.iter().map(row).collect();
            (shown(&service.config), servers)
        });
        let info = Info {
            version: Version::from_number(0),
            connection_table_size: 4096,
        };
        Snapshot::from_parts(info, parts)
    }
}

fn info(server: &Server) -> ServerInfo {
    let (active, inactive, persistent) = server.connections;
    let mut info = ServerInfo::new(server.config.clone());
    info.active_connections = active;
    info.inactive_connections = inactive;
    info.persistent_connections = persistent;
    info
}

fn shown(service: &VirtualService) -> SnapshotService {
    let key = match service.key {
        ServiceKey::Address { protocol, address } => SnapshotKey::Address { protocol, address },
        ServiceKey::FirewallMark { mark, .. } => SnapshotKey::FirewallMark { mark },
    };
    SnapshotService {
        key,
        scheduler: service.scheduler,
        one_packet: None,
        persistence: None,
    }
}

fn row(server: &Server) -> SnapshotServer {
    let forwarding = match server.config.forwarding {
        ForwardingMethod::Tunnel(_) => SnapshotForwarding::Tunnel,
        _ => SnapshotForwarding::Masquerade,
    };
    SnapshotServer {
        address: server.config.address,
        forwarding,
        weight: server.config.weight,
        active_connections: server.connections.0,
        inactive_connections: server.connections.1,
    }
}
