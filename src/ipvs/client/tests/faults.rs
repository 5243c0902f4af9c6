//! Lost replies, missing replies, and sockets that break.

use std::cell::Cell;

use nix::errno::Errno;

use super::{answers, client, connected, services, web};
use crate::ipvs::messages::{Query, Report};
use crate::ipvs::plan::{Object, Planner, Record, WantedTable};
use crate::ipvs::{Operation, Scheduler, ServiceInfo, SyncRole, VirtualService};
use crate::netlink::ready;
use crate::netlink::scripted::Reply;
use crate::{ErrorKind, Missing, OnFailure, Outcome};

const STOP: Operation = Operation::StopDaemon(SyncRole::Master);

/// The kernel does not answer if the daemon's thread has not run yet.
#[test]
fn a_daemon_whose_stop_is_not_answered_is_stopped() {
    let mut client = client(|_| Vec::new(), |_| None);
    ready(client.execute(&STOP)).unwrap();
}

#[test]
fn a_daemon_is_not_stopped_if_that_was_refused_or_the_reply_is_lost() {
    let mut refuses = client(|_| Vec::new(), |_| Some(Errno::ESRCH));
    let error = ready(refuses.execute(&STOP)).unwrap_err();
    assert_eq!(error.missing(), Some(Missing::Daemon));
    let mut loses = connected(|_| vec![Reply::Lost]);
    let error = ready(loses.execute(&STOP)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RepliesLost);
}

/// Carries out operations over a socket that breaks after it sent some datagrams. `refuse` says
/// what the kernel refuses.
fn until_broken(
    datagrams: usize,
    operations: impl IntoIterator<Item = Operation>,
    mut refuse: impl FnMut(&Operation) -> Option<Errno>,
) -> Outcome<Operation> {
    let mut left = datagrams;
    let mut client = connected(move |request| match left.checked_sub(1) {
        None => vec![Reply::Failed(Errno::EBADF)],
        Some(less) => {
            left = less;
            answers(request, &mut |_| Vec::new(), &mut refuse)
        }
    });
    let outcome = ready(client.execute_all(operations, OnFailure::Continue));
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::Io);
    outcome
}

/// Returns the indices of the operations in doubt.
fn in_doubt(outcome: &Outcome<Operation>) -> Vec<usize> {
    outcome.in_doubt().map(|it| it.index).collect()
}

#[test]
fn nothing_is_tried_if_the_first_datagram_cannot_be_sent() {
    let outcome = until_broken(0, services(1500).map(Operation::AddService), |_| None);
    assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(0)));
    assert!(outcome.failures().is_empty());
}

#[test]
fn the_operations_of_a_datagram_that_cannot_be_sent_are_in_doubt() {
    let outcome = until_broken(1, services(2500).map(Operation::AddService), |_| None);
    let (applied, untried) = (outcome.applied(), outcome.untried_from().unwrap());
    assert!(0 < applied && applied < untried && untried < 2500);
    assert_eq!(in_doubt(&outcome), (applied..untried).collect::<Vec<_>>());
}

/// What exists is changed by a second datagram.
#[test]
fn the_updates_of_a_datagram_that_cannot_be_sent_are_in_doubt() {
    let exists = |operation: &Operation| match operation {
        Operation::AddService(service) => {
            let port = service.key.socket_address().unwrap().port();
            (port % 2 == 0).then_some(Errno::EEXIST)
        }
        _ => None,
    };
    let outcome = until_broken(1, services(6).map(Operation::PutService), exists);
    assert_eq!(in_doubt(&outcome), [1, 3, 5]);
    assert_eq!((outcome.applied(), outcome.untried_from()), (3, None));
}

#[test]
fn a_plan_whose_reply_is_lost_is_made_again() {
    let wanted: WantedTable = "-A -t 10.0.0.1:80 -s lc".parse().unwrap();
    let added = Cell::new(false);
    let mut client = connected(move |request| {
        let service = || VirtualService::new(web()).scheduler(Scheduler::LeastConnection);
        let there = added.get();
        let mut ask = |query: &Query| match query {
            Query::Services if there => vec![Report::Service(ServiceInfo::new(service()))],
            _ => Vec::new(),
        };
        let mut add = |_: &Operation| {
            added.set(true);
            None
        };
        let replies = answers(request, &mut ask, &mut add);
        match added.get() == there {
            true => replies,
            false => vec![Reply::Lost],
        }
    });
    let report = ready(client.apply(&Planner::new(), &wanted, &mut Record::new())).unwrap();
    assert!(report.is_success(), "{report}");
}

/// Another program adds the service after the table was read. Then the socket breaks.
#[test]
fn a_table_that_cannot_be_read_again_leaves_the_report_of_what_was_done() {
    let wanted: WantedTable = "-A -t 10.0.0.1:80 -s lc".parse().unwrap();
    let mut is_broken = false;
    let mut client = connected(move |request| {
        if is_broken {
            return vec![Reply::Failed(Errno::EBADF)];
        }
        let mut exists = |_: &Operation| {
            is_broken = true;
            Some(Errno::EEXIST)
        };
        answers(request, &mut |_| Vec::new(), &mut exists)
    });
    let planner = Planner::new();
    let report = ready(client.apply(&planner, &wanted, &mut Record::new())).unwrap();
    let failures: Vec<_> = report.failures().map(|it| it.object).collect();
    assert_eq!(failures, [Object::service(web())]);
    // Without anything done, it is an error.
    let error = ready(client.apply(&planner, &wanted, &mut Record::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
