//! Which operations are sent, and what becomes of those that fail.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::{HEADERS, NUMBER, answers, client, connected, family, server, services, web};
use crate::ipvs::client::Client;
use crate::ipvs::client::control::Control;
use crate::ipvs::client::netlink::Netlink;
use crate::ipvs::messages::IpvsMessage;
use crate::ipvs::plan::{Object, Planner, Record, WantedTable};
use crate::ipvs::proc::growth::Growth;
use crate::ipvs::{Operation, RealServer, VirtualService};
use crate::netlink::message::{Frame, kind};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request, Scripted};
use crate::{ErrorKind, Missing, OnFailure, Outcome};

fn indices(outcome: &Outcome<Operation>) -> Vec<usize> {
    outcome.failures().iter().map(|it| it.index).collect()
}

/// Only what exists is updated.
#[test]
fn a_put_that_is_refused_is_not_sent_as_an_update() {
    let sent = Cell::new(0);
    let refuse = |_: &Operation| {
        sent.set(sent.get() + 1);
        Some(Errno::EPERM)
    };
    let put = Operation::PutService(VirtualService::new(web()));
    let mut client = client(|_| Vec::new(), refuse);
    let error = ready(client.execute(&put)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EPERM as i32));
    assert_eq!(sent.get(), 1);
    let outcome = ready(client.execute_all([put], OnFailure::Continue));
    assert_eq!((indices(&outcome), sent.get()), (vec![0], 2));
}

#[test]
fn an_invalid_operation_is_a_failure_in_its_place() {
    let mut client = client(|_| Vec::new(), |_| None);
    let invalid = RealServer::new("10.1.0.9:80".parse().unwrap()).weight(u32::MAX);
    let operations = [
        Operation::AddService(VirtualService::new(web())),
        Operation::AddServer(web(), invalid),
        Operation::AddServer(web(), server(1)),
    ];
    let outcome = ready(client.execute_all(operations.clone(), OnFailure::Continue));
    assert_eq!((indices(&outcome), outcome.applied()), (vec![1], 2));
    assert_eq!(outcome.failures()[0].error.kind(), ErrorKind::InvalidInput);
    assert_eq!(outcome.untried_from(), None);
    let outcome = ready(client.execute_all(operations, OnFailure::Stop));
    assert_eq!((indices(&outcome), outcome.applied()), (vec![1], 1));
    assert_eq!(outcome.untried_from(), Some(2));
}

#[test]
fn nothing_is_sent_after_the_datagram_with_the_first_failure() {
    let sent = Cell::new(0);
    let refuse_first = |_: &Operation| {
        sent.set(sent.get() + 1);
        (sent.get() == 1).then_some(Errno::EINVAL)
    };
    let mut client = client(|_| Vec::new(), refuse_first);
    let operations = services(2500).map(Operation::AddService);
    let outcome = ready(client.execute_all(operations, OnFailure::Stop));
    let untried = outcome.untried_from().unwrap();
    assert!(untried < 2500);
    assert_eq!((indices(&outcome), sent.get()), (vec![0], untried));
}

#[test]
fn an_operation_that_was_refused_is_not_in_doubt() {
    let mut client = connected(|request| {
        let mut refuse = |operation: &Operation| match operation {
            Operation::AddServer(..) => Some(Errno::EINVAL),
            _ => None,
        };
        let mut replies = answers(request, &mut |_| Vec::new(), &mut refuse);
        replies.push(Reply::Lost);
        replies.swap_remove(1);
        replies
    });
    let operations = [
        Operation::AddServer(web(), server(1)),
        Operation::AddService(VirtualService::new(web())),
        Operation::Zero,
    ];
    let outcome = ready(client.execute_all(operations, OnFailure::Continue));
    let in_doubt: Vec<_> = outcome.in_doubt().map(|it| it.index).collect();
    assert_eq!((indices(&outcome), in_doubt), (vec![0, 1, 2], vec![1, 2]));
}

/// Removes two servers, which the kernel refuses as missing if `missing` says so. Returns how often
/// the kernel was asked for the family.
fn asked(missing: [bool; 2]) -> usize {
    let asked = Arc::new(Mutex::new(0));
    let log = asked.clone();
    let transport = Scripted::new(move |request: &Request<'_>| match request.header.kind {
        NUMBER | kind::NOOP => {
            let mut missing = missing.into_iter();
            let mut refuse = |_: &Operation| missing.next().unwrap().then_some(Errno::ENOENT);
            answers(request, &mut |_| Vec::new(), &mut refuse)
        }
        _ => {
            *log.lock().unwrap() += 1;
            vec![family(request)]
        }
    });
    let mut client = Client {
        control: Control::Netlink(ready(Netlink::connect(transport)).unwrap().unwrap()),
        growth: Growth::Never,
    };
    let removed = ["10.1.0.1:80", "10.1.0.2:80"]
        .map(|it| Operation::RemoveServer(web(), it.parse().unwrap()));
    let outcome = ready(client.execute_all(removed, OnFailure::Continue));
    for failed in outcome.failures() {
        assert_eq!(failed.error.missing(), Some(Missing::Server));
    }
    *asked.lock().unwrap()
}

/// If IPVS is unloaded, the last operation fails as well.
#[test]
fn the_kernel_is_asked_whether_ipvs_is_gone_only_if_the_last_operation_says_so() {
    assert_eq!(asked([false, false]), 1);
    assert_eq!(asked([true, false]), 1);
    assert_eq!(asked([false, true]), 2);
    assert_eq!(asked([true, true]), 2);
}

#[test]
fn a_table_that_cannot_be_read_is_read_once() {
    let requests = Arc::new(Mutex::new(0));
    let log = requests.clone();
    let mut client = connected(move |request| {
        *log.lock().unwrap() += 1;
        vec![request.error(Errno::EPERM as i32)]
    });
    let (planner, wanted, mut record) = (Planner::new(), WantedTable::new(), Record::new());
    assert!(ready(client.apply(&planner, &wanted, &mut record)).is_err());
    assert_eq!(*requests.lock().unwrap(), 1);
    assert!(ready(client.table_of(&[web()])).is_err());
}

/// Returns true if the first message of a datagram is a query.
fn is_query(request: &Request<'_>) -> bool {
    let (first, _) = Frame::read(request.bytes, 0, false).unwrap();
    let content = &request.bytes[HEADERS..first.payload.end];
    let message = IpvsMessage::decode(request.bytes[16], content);
    matches!(message, Ok(IpvsMessage::Query(_)))
}

/// Applies a table of services to an empty kernel. After some datagrams with operations, `then`
/// answers everything. Returns the record, and how many requests `then` has answered.
fn broken_after(datagrams: usize, count: u16, then: fn(bool) -> Reply) -> (Record, usize) {
    let answered = Arc::new(Mutex::new(0));
    let (log, mut left) = (answered.clone(), datagrams);
    let mut client = connected(move |request| {
        let is_query = is_query(request);
        if !is_query {
            left = left.saturating_sub(1);
        }
        let mut answered = log.lock().unwrap();
        if *answered > 0 || left == 0 && !is_query {
            *answered += 1;
            return vec![then(is_query)];
        }
        answers(request, &mut |_| Vec::new(), &mut |_| None)
    });
    let mut table = WantedTable::new();
    for service in services(count) {
        table.insert(service, None::<RealServer>).unwrap();
    }
    let mut record = Record::new();
    let report = ready(client.apply(&Planner::new(), &table, &mut record)).unwrap();
    assert!(!report.is_success());
    let answered = *answered.lock().unwrap();
    (record, answered)
}

#[test]
fn what_was_not_tried_is_not_recorded() {
    let (record, _) = broken_after(1, 1, |_| Reply::Failed(Errno::EBADF));
    assert_eq!(record, Record::new());
}

#[test]
fn what_is_in_doubt_is_recorded_as_begun() {
    let (record, _) = broken_after(1, 1, |is_query| match is_query {
        true => Reply::Failed(Errno::EBADF),
        false => Reply::Lost,
    });
    assert_ne!(record, Record::new());
    let key = services(1).next().unwrap().key;
    assert!(!record.contains(&Object::service(key)));
}

#[test]
fn the_table_is_not_read_again_over_a_socket_that_is_broken() {
    let (_, requests) = broken_after(2, 2500, |_| Reply::Failed(Errno::EBADF));
    assert_eq!(requests, 1);
}
