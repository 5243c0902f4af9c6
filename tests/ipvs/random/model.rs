//! What the kernel does with an operation.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{ErrorKind, Missing};
use ipvset::ipvs::{Operation, RealServer, ServiceKey, VirtualService};

/// Why an operation is refused.
type Refusal = (ErrorKind, Option<Missing>);

/// What became of an operation.
pub(super) type Verdict = Result<(), Refusal>;

const EXISTS: Verdict = Err((ErrorKind::AlreadyExists, None));
const NO_SERVICE: Refusal = (ErrorKind::NotFound, Some(Missing::Service));
const NO_SERVER: Refusal = (ErrorKind::NotFound, Some(Missing::Server));

/// The table: each service with its servers. The one that was added last comes first.
#[derive(Default)]
pub(super) struct Model {
    pub(super) services: BTreeMap<ServiceKey, (VirtualService, Vec<RealServer>)>,
}

impl Model {
    pub(super) fn execute(&mut self, operation: &Operation) -> Verdict {
        match operation {
            Operation::AddService(service) if self.services.contains_key(&service.key) => {
                return EXISTS;
            }
            Operation::UpdateService(service) => self.service(&service.key)?.0 = service.clone(),
            Operation::AddService(service) | Operation::PutService(service) => {
                let there = self.services.entry(service.key);
                there.or_insert((service.clone(), Vec::new())).0 = service.clone();
            }
            Operation::RemoveService(key) => {
                self.service(key)?;
                self.services.remove(key);
            }
            Operation::RemoveServiceIfPresent(key) => drop(self.services.remove(key)),
            Operation::AddServer(key, server) => {
                let (_, servers) = self.service(key)?;
                if find(servers, server.address).is_ok() {
                    return EXISTS;
                }
                servers.insert(0, server.clone());
            }
            Operation::UpdateServer(key, server) => {
                let (_, servers) = self.service(key)?;
                let place = find(servers, server.address)?;
                servers[place] = server.clone();
            }
            Operation::PutServer(key, server) => {
                let (_, servers) = self.service(key)?;
                match find(servers, server.address) {
                    Ok(place) => servers[place] = server.clone(),
                    Err(_) => servers.insert(0, server.clone()),
                }
            }
            Operation::RemoveServer(key, address) => {
                let (_, servers) = self.service(key)?;
                let place = find(servers, *address)?;
                servers.remove(place);
            }
            Operation::RemoveServerIfPresent(key, address) => {
                if let Some((_, servers)) = self.services.get_mut(key) {
                    servers.retain(|it| it.address != *address);
                }
            }
            Operation::Flush => self.services.clear(),
            Operation::ZeroService(key) => drop(self.service(key)?),
            Operation::Zero => {}
            other => panic!("the model has no such operation: {other}"),
        }
        Ok(())
    }

    fn service(
        &mut self,
        key: &ServiceKey,
    ) -> Result<&mut (VirtualService, Vec<RealServer>), Refusal> {
        self.services.get_mut(key).ok_or(NO_SERVICE)
    }
}

fn find(servers: &[RealServer], address: SocketAddr) -> Result<usize, Refusal> {
    let place = servers.iter().position(|it| it.address == address);
    place.ok_or(NO_SERVER)
}
