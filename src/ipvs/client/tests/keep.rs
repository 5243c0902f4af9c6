//! What the keeper reads where looking at `/proc` takes longer than reading the table.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;

use super::{client, web};
use crate::ipvs::messages::{Query, Report};
use crate::ipvs::plan::{Keeper, Planner, WantedTable};
use crate::ipvs::{Operation, RealServer, ServerInfo, ServiceInfo, VirtualService};
use crate::netlink::ready;

#[test]
fn only_services_with_drains_are_read_where_proc_is_avoided() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::new(Mutex::new(Vec::new()));
    let (queries, operations) = (asked.clone(), done.clone());
    let [stays, goes] = ["10.1.0.1:80", "10.1.0.2:80"].map(|it| it.parse().unwrap());
    let drains = Arc::new(Mutex::new(false));
    let is_drained = drains.clone();
    let ask = move |query: &Query| {
        queries.lock().unwrap().push(*query);
        let server = |address, weight| {
            Report::Server(ServerInfo::new(RealServer::new(address).weight(weight)))
        };
        match query {
            Query::Servers(_) => {
                let weight = u32::from(!*is_drained.lock().unwrap());
                vec![server(stays, 1), server(goes, weight)]
            }
            _ => vec![Report::Service(ServiceInfo::new(
                VirtualService::new(web()),
            ))],
        }
    };
    let execute = move |operation: &Operation| {
        operations.lock().unwrap().push(operation.clone());
        // Another program is faster.
        matches!(operation, Operation::RemoveServer(..)).then_some(Errno::ENOENT)
    };
    let mut client = client(ask, execute);
    let mut wanted = WantedTable::new();
    wanted
        .insert(VirtualService::new(web()), [RealServer::new(stays)])
        .unwrap();
    let mut keeper = Keeper::new(Planner::new()).proc(None);
    let kept = ready(client.keep(&mut keeper, Some(&wanted))).unwrap();
    assert!(kept.read_table && kept.report.is_success());
    assert!(!keeper.record().drains().is_empty());

    *drains.lock().unwrap() = true;
    keeper.times.look = Duration::from_secs(3600);
    keeper.times.enter_reading(10_000, Duration::ZERO);
    asked.lock().unwrap().clear();
    done.lock().unwrap().clear();
    let kept = ready(client.keep(&mut keeper, Some(&wanted))).unwrap();
    assert!(!kept.read_table && kept.report.is_success());
    assert_eq!(
        *asked.lock().unwrap(),
        [Query::Service(web()), Query::Servers(web())]
    );
    assert_eq!(
        *done.lock().unwrap(),
        [Operation::RemoveServer(web(), goes)]
    );
    assert!(keeper.record().drains().is_empty());
    // Nothing drains any more, so the table is read.
    assert!(
        ready(client.keep(&mut keeper, Some(&wanted)))
            .unwrap()
            .read_table
    );
}
