//! Other programs that change the table while it is read and changed.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use nix::errno::Errno;

use super::{client, server, web};
use crate::ipvs::client::Client;
use crate::ipvs::messages::{Query, Report};
use crate::ipvs::plan::tests::model::{Kernel, Refusal};
use crate::ipvs::plan::{
    Keeper, Object, ObjectReport, ObjectState, Planner, Policy, Record, Scope, WantedTable,
};
use crate::ipvs::{Operation, RealServer, ServerInfo, VirtualService};
use crate::netlink::{Transport, ready};

/// A kernel, and how it was asked.
#[derive(Default)]
struct World {
    kernel: Kernel,
    /// The number of times that all services were listed.
    readings: usize,
    /// The number of times that one service was asked for.
    single: usize,
    /// What the next list lacks that would have it.
    skips: Vec<Object>,
}

impl World {
    fn reports(&mut self, query: &Query) -> Vec<Report> {
        let mut table = self.kernel.table().into_iter();
        match query {
            Query::Services => {
                self.readings += 1;
                let services = table.map(|it| it.service);
                let listed = services.filter(|it| !self.is_skipped(Object::service(it.key())));
                listed.map(Report::Service).collect()
            }
            Query::Service(key) => {
                self.single += 1;
                let found = table.find(|it| it.service.key() == *key);
                found
                    .map(|it| Report::Service(it.service))
                    .into_iter()
                    .collect()
            }
            Query::Servers(key) => {
                let found = table.find(|it| it.service.key() == *key);
                let servers = found.map(|it| it.servers).unwrap_or_default();
                let servers = servers.into_iter();
                let address = |it: &ServerInfo| it.config.address;
                let listed =
                    servers.filter(|it| !self.is_skipped(Object::server(*key, address(it))));
                listed.map(Report::Server).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_skipped(&mut self, object: Object) -> bool {
        let place = self.skips.iter().position(|it| *it == object);
        place.map(|it| self.skips.remove(it)).is_some()
    }

    fn execute(&mut self, operation: &Operation) -> Option<Errno> {
        Some(match self.kernel.execute(operation) {
            Ok(()) => return None,
            Err(Refusal::Exists) => Errno::EEXIST,
            Err(Refusal::NotFound) => {
                let service = Object::of(operation).unwrap().service;
                match self.kernel.services.contains_key(&service) {
                    true => Errno::ENOENT,
                    false => Errno::ESRCH,
                }
            }
        })
    }
}

/// Returns a client of a kernel. Another program changes its table before the first operation.
fn client_of<B: FnOnce(&mut Kernel)>(
    world: &Arc<Mutex<World>>,
    beside: B,
) -> Client<impl Transport + use<B>> {
    let (asked, changed) = (world.clone(), world.clone());
    let mut beside = Some(beside);
    let execute = move |operation: &Operation| {
        let mut world = changed.lock().unwrap();
        if let Some(beside) = beside.take() {
            beside(&mut world.kernel);
        }
        world.execute(operation)
    };
    client(move |query| asked.lock().unwrap().reports(query), execute)
}

/// Returns a table of services with one server each, and the weight of the server of the first.
fn wanted(services: u16, weight: u32) -> WantedTable {
    let mut table = WantedTable::new();
    for port in 80..80 + services {
        let service = VirtualService::tcp(([10, 0, 0, 1], port).into());
        let weight = if port == 80 { weight } else { 1 };
        table.insert(service, [server(weight)]).unwrap();
    }
    table
}

/// Changes the weight of a server, while another program does something. Returns how many times
/// the table was read.
fn updated(beside: impl FnOnce(&mut Kernel)) -> usize {
    let world = Arc::<Mutex<World>>::default();
    let (planner, mut record) = (Planner::new(), Record::new());
    let mut before = client_of(&world, |_| ());
    ready(before.apply(&planner, &wanted(1, 1), &mut record)).unwrap();
    world.lock().unwrap().readings = 0;
    let mut client = client_of(&world, beside);
    let report = ready(client.apply(&planner, &wanted(1, 2), &mut record)).unwrap();
    assert!(report.is_success(), "{report}");
    let world = world.lock().unwrap();
    assert_eq!(world.kernel.table()[0].servers[0].config, server(2));
    world.readings
}

#[test]
fn a_plan_is_made_again_if_what_it_updates_is_removed() {
    let other = |operation| move |kernel: &mut Kernel| kernel.execute(&operation).unwrap();
    assert_eq!(updated(|_| ()), 1);
    let remove_server = Operation::RemoveServer(web(), server(1).address);
    assert_eq!(updated(other(remove_server)), 2);
    assert_eq!(updated(other(Operation::RemoveService(web()))), 2);
}

/// The servers are refused because the service is missing, which is no surprise then.
#[test]
fn a_plan_is_not_made_again_if_the_kernel_refuses_its_service() {
    let readings = Cell::new(0);
    let ask = |_: &Query| {
        readings.set(readings.get() + 1);
        Vec::new()
    };
    let refuse = |operation: &Operation| match operation {
        Operation::AddService(_) => Some(Errno::EINVAL),
        _ => Some(Errno::ESRCH),
    };
    let mut client = client(ask, refuse);
    let report = ready(client.apply(&Planner::new(), &wanted(1, 1), &mut Record::new())).unwrap();
    assert_eq!((report.failures().count(), readings.get()), (2, 1));
}

/// Returns a client and a keeper that has brought the table to eight services, without `/proc`.
fn kept(world: &Arc<Mutex<World>>) -> (Client<impl Transport>, Keeper) {
    let mut client = client_of(world, |_| ());
    let mut keeper = Keeper::new(Planner::new()).proc(None);
    ready(client.keep(&mut keeper, Some(&wanted(8, 1)))).unwrap();
    (client, keeper)
}

#[test]
fn a_service_that_is_gone_is_added_where_only_a_few_are_read() {
    let world = Arc::<Mutex<World>>::default();
    let (mut client, mut keeper) = kept(&world);
    let remove = Operation::RemoveService(web());
    world.lock().unwrap().kernel.execute(&remove).unwrap();
    let kept = ready(client.keep(&mut keeper, Some(&wanted(8, 2)))).unwrap();
    assert!(kept.report.is_success() && !kept.read_table, "{kept:?}");
    let world = world.lock().unwrap();
    assert_eq!(world.readings, 1);
    assert_eq!(world.kernel.table()[0].servers[0].config, server(2));
}

/// A dump can skip objects if the table changes meanwhile.
#[test]
fn what_one_reading_misses_is_no_drift() {
    let world = Arc::<Mutex<World>>::default();
    let (mut client, mut keeper) = kept(&world);
    world.lock().unwrap().skips = vec![Object::service(web())];
    let kept = ready(client.keep(&mut keeper, None)).unwrap();
    assert_eq!(kept.report.drift, []);
    // What is really gone is drift.
    let remove = Operation::RemoveService(web());
    world.lock().unwrap().kernel.execute(&remove).unwrap();
    let kept = ready(client.keep(&mut keeper, None)).unwrap();
    let [service, server] = &kept.report.drift[..] else {
        panic!("{:?}", kept.report.drift);
    };
    assert_eq!((service.service, server.service), (web(), web()));
}

/// The running kernel has no IPVS, or at least not this table.
#[test]
fn a_proc_that_cannot_be_read_or_shows_another_table_is_not_believed() {
    let world = Arc::<Mutex<World>>::default();
    let mut client = client_of(&world, |_| ());
    let mut keeper = Keeper::new(Planner::new());
    for _ in 0..3 {
        let kept = ready(client.keep(&mut keeper, Some(&wanted(8, 1)))).unwrap();
        assert!(kept.report.is_success() && kept.read_table, "{kept:?}");
    }
}

/// The last step is carried out in a batch of its own, since the server that it removes may only
/// leave if the other came.
#[test]
fn a_step_of_the_second_batch_that_fails_is_reported() {
    let world = Arc::<Mutex<World>>::default();
    let (asked, changed) = (world.clone(), world.clone());
    let execute = move |operation: &Operation| match operation {
        Operation::RemoveServer(..) => Some(Errno::EPERM),
        other => changed.lock().unwrap().execute(other),
    };
    let mut client = client(move |query| asked.lock().unwrap().reports(query), execute);
    let planner = Planner::new().policy(Policy::without_drain());
    let mut record = Record::new();
    ready(client.apply(&planner, &wanted(3, 1), &mut record)).unwrap();
    let mut other = wanted(2, 2);
    let replaced = VirtualService::tcp(([10, 0, 0, 1], 82).into());
    let comes = RealServer::new("10.1.0.2:80".parse().unwrap());
    other.insert(replaced.clone(), [comes.clone()]).unwrap();
    let report = ready(client.apply(&planner, &other, &mut record)).unwrap();
    let failures: Vec<_> = report.failures().map(|it| it.object).collect();
    let goes = Object::server(replaced.key, server(1).address);
    assert_eq!(failures, [goes]);
    assert!(record.contains(&goes));
    assert!(record.contains(&Object::server(replaced.key, comes.address)));
}

#[test]
fn what_is_adopted_is_saved() {
    let world = Arc::<Mutex<World>>::default();
    let mut other = client_of(&world, |_| ());
    ready(other.apply(&Planner::new(), &wanted(1, 1), &mut Record::new())).unwrap();
    let saved = Arc::new(Mutex::new(Vec::new()));
    let log = saved.clone();
    let mut keeper = Keeper::new(Planner::new())
        .proc(None)
        .save_with(move |record, services| {
            let services = services.iter().copied().collect::<Vec<_>>();
            log.lock().unwrap().push((record.clone(), services));
            Ok(())
        });
    let mut client = client_of(&world, |_| panic!("nothing is to be done"));
    ready(client.keep(&mut keeper, Some(&wanted(1, 1)))).unwrap();
    assert_eq!(
        *saved.lock().unwrap(),
        [(keeper.record().clone(), vec![web()])]
    );
    assert!(keeper.record().contains(&Object::service(web())));
}

#[test]
fn what_drains_is_in_each_report() {
    let world = Arc::<Mutex<World>>::default();
    let (mut client, mut keeper) = kept(&world);
    let mut other = WantedTable::new();
    let comes = RealServer::new("10.1.0.2:80".parse().unwrap());
    other.insert(VirtualService::new(web()), [comes]).unwrap();
    for service in world.lock().unwrap().kernel.services.values_mut() {
        service.servers[0].connections = (1, 0, 0);
    }
    ready(client.keep(&mut keeper, Some(&other))).unwrap();
    let until = keeper.record().drains().iter().next().unwrap().1;
    for _ in 0..2 {
        let kept = ready(client.keep(&mut keeper, None)).unwrap();
        assert!(kept.read_table);
        let object = Object::server(web(), server(1).address);
        let state = ObjectState::DrainingUntil(until);
        assert_eq!(kept.report.objects, [ObjectReport::new(object, state)]);
    }
}

/// A keeper of eight services. The server of the first drains.
struct Draining<T> {
    world: Arc<Mutex<World>>,
    client: Client<T>,
    keeper: Keeper,
    wanted: WantedTable,
}

impl<T: Transport> Draining<T> {
    fn keep(&mut self) {
        let kept = self.client.keep(&mut self.keeper, Some(&self.wanted));
        let kept = ready(kept).unwrap();
        assert!(kept.report.is_success(), "{kept:?}");
    }

    /// Compares the table with what the last call wanted.
    fn compare(&mut self) {
        let kept = ready(self.client.keep(&mut self.keeper, None)).unwrap();
        assert!(kept.read_table);
    }

    /// Wants another weight of the last service, so that only this one and those with draining
    /// servers are read.
    fn change_one(&mut self) {
        let last = VirtualService::tcp(([10, 0, 0, 1], 87).into());
        self.wanted.remove(last.key);
        self.wanted.insert(last, [server(5)]).unwrap();
        self.keeper.look_at = Some(SystemTime::UNIX_EPOCH);
        let kept = self.client.keep(&mut self.keeper, Some(&self.wanted));
        assert!(!ready(kept).unwrap().read_table);
    }

    /// Brings the table to what is wanted without the keeper.
    fn apply(&mut self) {
        let Keeper {
            planner, record, ..
        } = &mut self.keeper;
        let report = self.client.apply(planner, &self.wanted, record);
        assert!(ready(report).unwrap().is_success());
    }

    fn end_connections(&self) {
        for service in self.world.lock().unwrap().kernel.services.values_mut() {
            service
                .servers
                .iter_mut()
                .for_each(|it| it.connections = (0, 0, 0));
        }
    }

    /// Reads a table that lacks an object, which does not end the drain. Then the drain ends.
    fn end_after(&mut self, read: fn(&mut Self), missed: Object) {
        self.world.lock().unwrap().skips = vec![missed];
        read(self);
        assert_eq!(self.world.lock().unwrap().skips, []);
        assert_eq!(self.drains(), [drained()]);
        self.end_connections();
        self.keep();
    }

    fn drains(&self) -> Vec<Object> {
        let drains = self.keeper.record.drains().iter();
        drains.map(|(object, _)| object).collect()
    }
}

/// Returns a keeper with this scope. The first service is wanted with these servers, or not at all.
fn draining(servers: Option<&[RealServer]>, scope: Scope) -> Draining<impl Transport + use<>> {
    let world = Arc::<Mutex<World>>::default();
    let client = client_of(&world, |_| ());
    let keeper = Keeper::new(Planner::new().scope(scope)).proc(None);
    let mut draining = Draining {
        world,
        client,
        keeper,
        wanted: wanted(8, 1),
    };
    draining.keep();
    for service in draining.world.lock().unwrap().kernel.services.values_mut() {
        service.servers[0].connections = (1, 0, 0);
    }
    draining.wanted.remove(web());
    if let Some(servers) = servers {
        let service = VirtualService::new(web());
        draining
            .wanted
            .insert(service, servers.iter().cloned())
            .unwrap();
    }
    draining.keep();
    assert_eq!(draining.drains(), [drained()]);
    draining.world.lock().unwrap().single = 0;
    draining
}

/// The server that drains.
fn drained() -> Object {
    Object::server(web(), server(1).address)
}

fn other_server() -> RealServer {
    RealServer::new("10.1.0.2:80".parse().unwrap())
}

#[test]
fn a_draining_service_that_one_reading_misses_is_removed_later() {
    for read in [Draining::keep, Draining::compare, Draining::apply] {
        let mut draining = draining(None, Scope::recorded());
        draining.end_after(read, Object::service(web()));
        let world = draining.world.lock().unwrap();
        assert!(!world.kernel.services.contains_key(&web()));
    }
}

#[test]
fn a_draining_server_that_one_reading_misses_is_removed_later() {
    let reads = [
        Draining::keep,
        Draining::compare,
        Draining::apply,
        Draining::change_one,
    ];
    let servers = [other_server()];
    for (read, servers) in reads
        .into_iter()
        .flat_map(|it| [(it, None), (it, Some(&servers[..]))])
    {
        let mut draining = draining(servers, Scope::recorded());
        draining.end_after(read, drained());
        let world = draining.world.lock().unwrap();
        let service = world.kernel.services.get(&web());
        let left = service.map(|it| it.servers.len());
        assert_eq!(left, servers.map(<[_]>::len));
    }
}

/// The list of servers by which the service is asked for lacks the server, too.
#[test]
fn what_is_asked_for_can_be_missed_once_more() {
    for read in [Draining::keep, Draining::compare, Draining::apply] {
        let mut draining = draining(None, Scope::recorded());
        let before = draining.keeper.record.clone();
        draining.world.lock().unwrap().skips = vec![Object::service(web()), drained()];
        read(&mut draining);
        let world = draining.world.lock().unwrap();
        assert_eq!(world.skips, []);
        assert_eq!(draining.keeper.record, before);
        let service = &world.kernel.services[&web()];
        assert_eq!(service.servers.len(), 1);
    }
}

/// The plan adds the service, which fails because it is there.
#[test]
fn the_drains_of_a_wanted_service_that_one_reading_misses_go_on() {
    let servers = [other_server()];
    for read in [Draining::keep, Draining::compare, Draining::apply] {
        let mut draining = draining(Some(&servers), Scope::recorded());
        let before = draining.keeper.record.clone();
        draining.world.lock().unwrap().skips = vec![Object::service(web())];
        read(&mut draining);
        assert_eq!(draining.keeper.record, before);
    }
}

/// The deadline is the one that it was, and the weight too.
#[test]
fn a_drain_that_one_reading_misses_does_not_begin_again() {
    let servers = [other_server()];
    for skipped in [Object::service(web()), drained()] {
        for scope in [Scope::everything(), Scope::named()] {
            let mut draining = draining(Some(&servers), scope);
            let before = draining.keeper.record.clone();
            draining.world.lock().unwrap().skips = vec![skipped];
            draining.apply();
            assert_eq!(draining.keeper.record, before);
        }
    }
}

/// A service that is no longer in the scope, whose drains go on nevertheless.
#[test]
fn a_drain_outside_of_the_scope_outlives_a_reading_that_misses_it() {
    let mut draining = draining(Some(&[other_server()]), Scope::named());
    draining.wanted.remove(web());
    draining.keep();
    let before = draining.keeper.record.clone();
    draining.world.lock().unwrap().skips = vec![Object::service(web())];
    draining.keep();
    assert_eq!(draining.keeper.record, before);
}

#[test]
fn a_drain_is_not_asked_for_where_only_others_are_read() {
    let mut draining = draining(None, Scope::recorded());
    draining.change_one();
    // The service that changed, and the one that drains when it is looked at.
    assert_eq!(draining.world.lock().unwrap().single, 2);
}

#[test]
fn only_what_a_reading_lacks_is_asked_for_by_itself() {
    for read in [Draining::keep, Draining::compare, Draining::apply] {
        let mut draining = draining(None, Scope::recorded());
        read(&mut draining);
        assert_eq!(draining.world.lock().unwrap().single, 0);
        let remove = Operation::RemoveService(web());
        let world = draining.world.clone();
        world.lock().unwrap().kernel.execute(&remove).unwrap();
        read(&mut draining);
        assert_eq!(world.lock().unwrap().single, 1);
        assert_eq!(draining.drains(), []);
        draining.keep();
        let single = world.lock().unwrap().single;
        draining.keep();
        assert_eq!(world.lock().unwrap().single, single, "it is forgotten");
        assert!(!draining.keeper.record.contains(&Object::service(web())));
    }
}
