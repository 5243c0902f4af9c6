use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::fmt;
use std::sync::Arc;

use super::index::AddressIndex;
use super::object::Object;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::report::TableEntry;
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;
use crate::{Error, Result};

const OPERATION: &str = "build wanted table";

/// The services that a program wants, with their servers.
///
/// It is built from code, from a table that was read, or from text: the save format of
/// `ipvsadm -S -n`, which `Display` writes and `FromStr` reads. The text has an option of its own,
/// `--keep-weight`, for [`WantedServer::keep_weight`].
///
/// The services are in the order of their keys. The servers of a service are in the order in
/// which they were given, which is the order in which they are added.
///
/// A clone shares the services with the original, so it takes little time and memory. To find
/// what has changed since an earlier table, only services that are not shared are compared.
///
/// ```
/// use ipvset::ipvs::plan::{WantedServer, WantedTable};
/// use ipvset::ipvs::{RealServer, Scheduler, VirtualService};
///
/// let mut wanted = WantedTable::new();
/// let web = VirtualService::tcp("10.0.0.1:80".parse()?).scheduler(Scheduler::RoundRobin);
/// let first = RealServer::new("10.1.0.1:80".parse()?);
/// let second = RealServer::new("10.1.0.2:80".parse()?);
/// wanted.insert(web, [WantedServer::from(first), WantedServer::from(second).keep_weight()])?;
///
/// let text = "\
/// -A -t 10.0.0.1:80 -s rr
/// -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
/// -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1 --keep-weight
/// ";
/// assert_eq!(wanted.to_string(), text);
/// assert_eq!(text.parse::<WantedTable>()?, wanted);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedTable {
    services: BTreeMap<ServiceKey, Arc<WantedService>>,
}

/// A service of a [`WantedTable`] with its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedService {
    config: VirtualService,
    servers: Vec<WantedServer>,
}

/// A server of a [`WantedTable`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WantedServer {
    /// The configuration.
    pub config: RealServer,
    /// Whether the weight of a server that exists stays as it is, because another program, such
    /// as a health checker, sets it. Then `config.weight` is the weight with which the server is
    /// added. The default is `false`.
    pub keep_weight: bool,
}

impl WantedServer {
    /// Returns a server with this configuration and a fixed weight.
    pub fn new(config: RealServer) -> Self {
        Self {
            config,
            keep_weight: false,
        }
    }

    /// Leaves the weight of the server as it is if the server exists.
    ///
    /// A server that this crate drained gets back the weight that it had before, as far as the
    /// [`Record`](super::Record) has it.
    #[must_use]
    pub fn keep_weight(mut self) -> Self {
        self.keep_weight = true;
        self
    }
}

impl From<RealServer> for WantedServer {
    fn from(config: RealServer) -> Self {
        Self::new(config)
    }
}

impl From<&RealServer> for WantedServer {
    fn from(config: &RealServer) -> Self {
        Self::new(config.clone())
    }
}

impl WantedService {
    /// Returns a service with its servers.
    ///
    /// # Errors
    /// As for [`WantedTable::insert`], apart from the service's key.
    pub fn new<S: Into<WantedServer>>(
        config: VirtualService,
        servers: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let mut service = Self::empty(config)?;
        service.servers = servers.into_iter().map(Into::into).collect();
        let key = service.config.key;
        let servers = &service.servers;
        let mut index = AddressIndex::with_capacity(servers.len());
        for server in servers {
            check_server(&key, server)?;
            let address = server.config.address;
            let is_at = |position: usize| servers[position].config.address == address;
            if let Some(other) = index.find(address, is_at) {
                let one = &servers[other];
                let why = format!("two servers have this address: `{one}` and `{server}`");
                return Err(Error::refused(OPERATION, why).object(Object::server(key, address)));
            }
            index.push(address);
        }
        Ok(service)
    }

    /// Returns a service without servers.
    pub(super) fn empty(config: VirtualService) -> Result<Self> {
        config
            .check()
            .map_err(|why| Error::refused(OPERATION, why).object(config.key))?;
        Ok(Self {
            config,
            servers: Vec::new(),
        })
    }

    /// Returns the service's key.
    pub fn key(&self) -> ServiceKey {
        self.config.key
    }

    /// Returns the service's configuration.
    pub fn config(&self) -> &VirtualService {
        &self.config
    }

    /// Returns the servers, in the order in which they were given.
    pub fn servers(&self) -> &[WantedServer] {
        &self.servers
    }

    /// Appends a server that [`check_server`] accepts and whose address is a new one.
    pub(super) fn push(&mut self, server: WantedServer) {
        self.servers.push(server);
    }
}

/// Refuses a server that is invalid for the service.
pub(super) fn check_server(key: &ServiceKey, server: &WantedServer) -> Result<()> {
    server.config.check(key).map_err(|why| {
        Error::refused(OPERATION, why).object(Object::server(key, server.config.address))
    })
}

impl WantedTable {
    /// Returns a table without services.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the table that is there, as [`Ipvs::table`](crate::ipvs::Ipvs::table) read it.
    ///
    /// # Errors
    /// As for [`WantedTable::insert`]. A table that was read from the kernel has no errors, unless
    /// it was read over socket options and has a server behind a tunnel
    /// ([`Tunnel::Unreported`](crate::ipvs::Tunnel::Unreported)).
    pub fn from_entries(table: &[TableEntry]) -> Result<Self> {
        let mut wanted = Self::new();
        for entry in table {
            let servers = entry.servers.iter().map(|it| &it.config);
            wanted.insert(entry.service.config.clone(), servers)?;
        }
        Ok(wanted)
    }

    /// Adds a service with its servers.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names both objects where there are
    /// two:
    /// - the table has a service with this key already,
    /// - two servers have the same address and port,
    /// - the service or a server is invalid: see [`VirtualService::validate`] and
    ///   [`RealServer::validate`].
    pub fn insert<S: Into<WantedServer>>(
        &mut self,
        service: VirtualService,
        servers: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        self.insert_service(WantedService::new(service, servers)?)
    }

    /// Adds a service with its servers.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): the table has a service with this key
    /// already. The error names both.
    pub fn insert_service(&mut self, service: WantedService) -> Result<()> {
        match self.services.entry(service.key()) {
            btree_map::Entry::Vacant(entry) => {
                entry.insert(Arc::new(service));
                Ok(())
            }
            btree_map::Entry::Occupied(entry) => {
                let (one, other) = (&entry.get().config, &service.config);
                let why = format!("two services have this key: `{one}` and `{other}`");
                Err(Error::refused(OPERATION, why).object(other.key))
            }
        }
    }

    /// Adds a service, or replaces the one with its key. Returns the service that was replaced.
    pub fn replace(&mut self, service: WantedService) -> Option<WantedService> {
        let before = self.services.insert(service.key(), Arc::new(service));
        before.map(Arc::unwrap_or_clone)
    }

    /// Removes a service and its servers from the table, and returns them.
    pub fn remove(&mut self, service: impl Into<ServiceKey>) -> Option<WantedService> {
        let removed = self.services.remove(&service.into());
        removed.map(Arc::unwrap_or_clone)
    }

    /// Returns the service with this key.
    pub fn get(&self, service: impl Into<ServiceKey>) -> Option<&WantedService> {
        self.services.get(&service.into()).map(Arc::as_ref)
    }

    pub(super) fn services(&self) -> &BTreeMap<ServiceKey, Arc<WantedService>> {
        &self.services
    }

    pub(super) fn get_mut(&mut self, key: &ServiceKey) -> Option<&mut WantedService> {
        self.services.get_mut(key).map(Arc::make_mut)
    }

    /// Returns the keys of the services that the other table lacks or has otherwise, and of those
    /// that only it has.
    pub(super) fn changes_since(&self, before: &Self) -> BTreeSet<ServiceKey> {
        let mut changes = BTreeSet::new();
        let mut old = before.services.iter().peekable();
        for (key, service) in &self.services {
            while let Some((gone, _)) = old.next_if(|it| it.0 < key) {
                changes.insert(*gone);
            }
            match old.next_if(|it| it.0 == key) {
                Some((_, same)) if Arc::ptr_eq(same, service) || same == service => {}
                _ => drop(changes.insert(*key)),
            }
        }
        changes.extend(old.map(|(key, _)| *key));
        changes
    }

    /// Takes some services over from another table, or removes those that it lacks.
    pub(super) fn follow(&mut self, other: &Self, services: &BTreeSet<ServiceKey>) {
        for key in services {
            match other.services.get(key) {
                Some(service) => drop(self.services.insert(*key, Arc::clone(service))),
                None => drop(self.services.remove(key)),
            }
        }
    }

    /// Returns an iterator over the services, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &WantedService> {
        self.services.values().map(Arc::as_ref)
    }

    /// Returns the number of services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Returns true if the table has no service.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }
}

impl TryFrom<&[TableEntry]> for WantedTable {
    type Error = Error;

    fn try_from(table: &[TableEntry]) -> Result<Self> {
        Self::from_entries(table)
    }
}

/// Writes the server as in the save format.
impl fmt::Display for WantedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)?;
        f.write_str(if self.keep_weight {
            " --keep-weight"
        } else {
            ""
        })
    }
}

/// Writes the service and its servers as in the save format, each in a line.
impl fmt::Display for WantedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "-A {}", self.config)?;
        for server in &self.servers {
            writeln!(f, "-a {} {server}", self.config.key)?;
        }
        Ok(())
    }
}

/// Writes the table as in the save format.
impl fmt::Display for WantedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|service| service.fmt(f))
    }
}
