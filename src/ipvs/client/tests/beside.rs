//! Other programs that change the table while it is read and changed.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::{client, server, web};
use crate::ipvs::client::Client;
use crate::ipvs::messages::{Query, Report};
use crate::ipvs::plan::tests::model::{Kernel, Refusal};
use crate::ipvs::plan::{
    Keeper, Object, ObjectReport, ObjectState, Planner, Policy, Record, WantedTable,
};
use crate::ipvs::{Operation, RealServer, VirtualService};
use crate::netlink::{Transport, ready};

/// A kernel, and how it was asked.
#[derive(Default)]
struct World {
    kernel: Kernel,
    /// The number of times that all services were listed.
    readings: usize,
    /// True if the next list lacks its first service.
    skips: bool,
}

impl World {
    fn reports(&mut self, query: &Query) -> Vec<Report> {
        let mut table = self.kernel.table().into_iter();
        match query {
            Query::Services => {
                self.readings += 1;
                let skipped = usize::from(std::mem::take(&mut self.skips));
                let listed = table.skip(skipped);
                listed.map(|it| Report::Service(it.service)).collect()
            }
            Query::Service(key) => {
                let found = table.find(|it| it.service.key() == *key);
                found
                    .map(|it| Report::Service(it.service))
                    .into_iter()
                    .collect()
            }
            Query::Servers(key) => {
                let found = table.find(|it| it.service.key() == *key);
                let servers = found.map(|it| it.servers).unwrap_or_default();
                servers.into_iter().map(Report::Server).collect()
            }
            other => panic!("{other:?}"),
        }
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
fn client_of(
    world: &Arc<Mutex<World>>,
    beside: impl FnOnce(&mut Kernel),
) -> Client<impl Transport> {
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
    world.lock().unwrap().skips = true;
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
