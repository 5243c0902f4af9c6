//! Operations on few services and servers, so that most of them meet what is there.

use std::net::SocketAddr;

use ipvset::ipvs::{Operation, RealServer, Scheduler, ServiceKey, VirtualService};

use crate::generated::{Dice, Words, generate_server, generate_service};

const SERVICES: u32 = 12;
const SERVERS: u32 = 4;

/// The services that a run works on.
pub(super) struct Universe {
    /// The keys, each with the number that generates services of the same protocol.
    keys: Vec<(u32, ServiceKey)>,
    schedulers: Vec<Scheduler>,
    /// Whether the whole table may be emptied, because nothing else is in it.
    alone: bool,
}

impl Universe {
    /// Returns the services from this number on.
    pub(super) fn new(first: u32, alone: bool, schedulers: Vec<Scheduler>) -> Self {
        let mut dice = Dice(first.into());
        let key = |number| {
            let service = generate_service(&mut dice, number, &schedulers);
            (number, service.key)
        };
        let keys = (first..first + SERVICES).map(key).collect();
        Self {
            keys,
            schedulers,
            alone,
        }
    }

    pub(super) fn key(&self, dice: &mut Dice) -> ServiceKey {
        dice.one_of(&self.keys).1
    }

    pub(super) fn operation(&self, dice: &mut Dice) -> Operation {
        let (number, key) = dice.one_of(&self.keys);
        match dice.throw(if self.alone { 400 } else { 398 }) {
            0..60 => Operation::AddService(self.service(dice, number, key)),
            60..100 => Operation::UpdateService(self.service(dice, number, key)),
            100..130 => Operation::PutService(self.service(dice, number, key)),
            130..140 => Operation::RemoveService(key),
            140..150 => Operation::RemoveServiceIfPresent(key),
            150..230 => Operation::AddServer(key, server(dice, &key)),
            230..280 => Operation::UpdateServer(key, server(dice, &key)),
            280..320 => Operation::PutServer(key, server(dice, &key)),
            320..355 => Operation::RemoveServer(key, server(dice, &key).address),
            355..390 => Operation::RemoveServerIfPresent(key, server(dice, &key).address),
            390..396 => Operation::ZeroService(key),
            396..398 => Operation::Zero,
            _ => Operation::Flush,
        }
    }

    /// Returns a configuration that a service with this key can have.
    fn service(&self, dice: &mut Dice, number: u32, key: ServiceKey) -> VirtualService {
        let port = |key: ServiceKey| key.socket_address().map(|it| it.port() == 0);
        loop {
            // A number of the same protocol, with another scheduler.
            let number = number + 4 * dice.throw(self.schedulers.len() as u32);
            let mut service = generate_service(dice, number, &self.schedulers);
            let same = service.key.family() == key.family() && port(service.key) == port(key);
            service.key = key;
            if same {
                return service;
            }
        }
    }
}

fn server(dice: &mut Dice, key: &ServiceKey) -> RealServer {
    let number = dice.throw(SERVERS);
    let mut server = generate_server(dice, key, number, Words::Kernels);
    let port = key.socket_address().map_or(8080, |it| it.port());
    server.address = SocketAddr::new(server.address.ip(), port);
    server
}
