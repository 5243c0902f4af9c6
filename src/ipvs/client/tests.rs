//! The client with a kernel that is made up, for what no kernel does on demand.

mod beside;
mod faults;
mod keep;
mod operations;

use std::collections::VecDeque;

use nix::errno::Errno;

use super::Client;
use super::control::Control;
use super::netlink::Netlink;
use crate::ipvs::message::uapi::FAMILY;
use crate::ipvs::messages::{IpvsMessage, Query, Report};
use crate::ipvs::plan::{Object, ObjectState, Planner, Record, WantedTable};
use crate::ipvs::proc::growth::Growth;
use crate::ipvs::{Operation, RealServer, ServerInfo, ServiceInfo, ServiceKey, VirtualService};
use crate::netlink::message::{Frame, kind};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request, Scripted};
use crate::wire::Writer;
use crate::{ErrorKind, OnFailure};

/// The message type that the kernel gave the family.
const NUMBER: u16 = 30;
/// The length of the headers of netlink and generic netlink.
const HEADERS: usize = 20;

/// Returns a client of a kernel that answers each datagram with these replies.
fn connected(
    mut answer: impl FnMut(&Request<'_>) -> Vec<Reply>,
) -> Client<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
    let transport = Scripted::new(move |request: &Request<'_>| match request.header.kind {
        NUMBER | kind::NOOP => answer(request),
        _ => vec![family(request)],
    });
    Client {
        control: Control::Netlink(ready(Netlink::connect(transport)).unwrap().unwrap()),
        growth: Growth::Never,
    }
}

/// Returns a client of a kernel that returns these reports for a query, and this error for an
/// operation.
fn client(
    mut ask: impl FnMut(&Query) -> Vec<Report>,
    mut execute: impl FnMut(&Operation) -> Option<Errno>,
) -> Client<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
    connected(move |request| answers(request, &mut ask, &mut execute))
}

/// Returns the replies to a datagram of a kernel that returns these reports for a query, and this
/// error for an operation.
fn answers(
    request: &Request<'_>,
    ask: &mut impl FnMut(&Query) -> Vec<Report>,
    execute: &mut impl FnMut(&Operation) -> Option<Errno>,
) -> Vec<Reply> {
    let (mut replies, mut at) = (Vec::new(), 0);
    while at < request.bytes.len() {
        let (frame, next) = Frame::read(request.bytes, at, false).unwrap();
        let one = request.numbered(frame.header.sequence);
        let message = (frame.header.kind != kind::NOOP).then(|| {
            let content = &request.bytes[at + HEADERS..frame.payload.end];
            IpvsMessage::decode(request.bytes[at + 16], content).unwrap()
        });
        match message {
            None => replies.push(one.error(0)),
            Some(IpvsMessage::Operation(operation)) => {
                replies.extend(execute(&operation).map(|errno| one.error(errno as i32)));
            }
            Some(IpvsMessage::Query(query)) => {
                let reports = ask(&query);
                let is_missing = reports.is_empty() && matches!(query, Query::Service(_));
                replies.extend(reports.into_iter().map(|it| reply(&one, it)));
                replies.push(match is_missing {
                    true => one.error(Errno::ESRCH as i32),
                    false => one.done(),
                });
            }
            Some(other) => panic!("{other:?}"),
        }
        at = next;
    }
    replies
}

/// Tells the number of the family.
pub(super) fn family(request: &Request<'_>) -> Reply {
    let mut writer = Writer::default();
    writer.raw(&[1, 2, 0, 0]);
    writer.u16(1, NUMBER);
    writer.string(2, FAMILY);
    request.data(0, writer.bytes())
}

fn reply(request: &Request<'_>, report: Report) -> Reply {
    let message = IpvsMessage::from(report);
    let header = [message.command(), IpvsMessage::VERSION, 0, 0];
    request.data(0, &[&header[..], &message.encode().unwrap()].concat())
}

fn web() -> ServiceKey {
    "-t 10.0.0.1:80".parse().unwrap()
}

/// Returns so many services, with the ports from 1 on.
fn services(count: u16) -> impl Iterator<Item = VirtualService> {
    (1..=count).map(|port| VirtualService::tcp(([10, 0, 0, 1], port).into()))
}

fn server(weight: u32) -> RealServer {
    RealServer::new("10.1.0.1:80".parse().unwrap()).weight(weight)
}

/// Answers queries for a table whose only server has these weights, one for each reading.
fn table_with(weights: impl IntoIterator<Item = u32>) -> impl FnMut(&Query) -> Vec<Report> {
    let mut weights = weights.into_iter();
    move |query| {
        vec![match query {
            Query::Services => Report::Service(ServiceInfo::new(VirtualService::new(web()))),
            Query::Servers(_) => Report::Server(ServerInfo::new(server(weights.next().unwrap()))),
            other => panic!("{other:?}"),
        }]
    }
}

#[test]
fn a_verified_table_is_one_that_was_read_twice() {
    let mut client = client(table_with([1, 2, 2, 3]), |_| None);
    let table = ready(client.verified_table()).unwrap();
    assert_eq!(table[0].servers[0].config, server(2));
}

#[test]
fn a_table_that_never_stays_the_same_is_inconsistent() {
    let mut client = client(table_with(0..), |_| None);
    let error = ready(client.verified_table()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inconsistent);
}

/// The servers exist, and one of them is removed by another program before it is updated.
#[test]
fn a_put_that_fails_as_an_update_is_a_failure() {
    let gone = "10.1.0.2:80".parse().unwrap();
    let mut sent = VecDeque::new();
    let operations: Vec<_> = ["10.1.0.1:80", "10.1.0.2:80", "10.1.0.3:80"]
        .map(|it| Operation::PutServer(web(), RealServer::new(it.parse().unwrap())))
        .into();
    let execute = move |operation: &Operation| {
        sent.push_back(operation.clone());
        match operation {
            Operation::AddServer(..) => Some(Errno::EEXIST),
            Operation::UpdateServer(_, it) if it.address == gone => Some(Errno::ENOENT),
            _ => None,
        }
    };
    for on_failure in [OnFailure::Continue, OnFailure::Stop] {
        let mut client = client(|_| Vec::new(), execute.clone());
        let outcome = ready(client.execute_all(operations.clone(), on_failure));
        let failures = outcome.failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!((failures[0].index, &failures[0].input), (1, &operations[1]));
        assert_eq!(failures[0].error.kind(), ErrorKind::NotFound);
        assert!(!failures[0].in_doubt);
        assert_eq!(outcome.applied(), 2);
    }
}

#[test]
fn a_failure_in_the_first_datagram_is_one_too() {
    let refused = |operation: &Operation| match operation {
        Operation::RemoveService(_) => Some(Errno::ESRCH),
        _ => None,
    };
    let mut client = client(|_| Vec::new(), refused);
    let operations = [
        Operation::Zero,
        Operation::RemoveService(web()),
        Operation::RemoveServiceIfPresent(web()),
        Operation::Flush,
    ];
    let outcome = ready(client.execute_all(operations, OnFailure::Continue));
    let indices: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((indices, outcome.applied()), (vec![1], 3));
}

/// Answers queries for services with lists in several datagrams: of the service with the port 80,
/// and of one whose port is next.
fn lists(second: impl IntoIterator<Item = u16>) -> impl FnMut(&Query) -> Vec<Report> {
    let mut second = second.into_iter();
    let service = |port: u16| {
        let service = VirtualService::tcp(([10, 0, 0, 1], port).into());
        Report::Service(ServiceInfo::new(service))
    };
    move |query| match query {
        Query::Services => vec![service(80), service(second.next().unwrap())],
        Query::Servers(_) => Vec::new(),
        other => panic!("{other:?}"),
    }
}

/// Returns a client of a kernel whose tables grow, and that does not tell how many services there
/// are.
fn growing(second: impl IntoIterator<Item = u16>) -> Client<impl crate::netlink::Transport> {
    let mut client = client(lists(second), |_| None);
    client.growth = Growth::Uncounted;
    client
}

#[test]
fn a_list_in_pieces_counts_if_it_is_read_twice() {
    let services = ready(growing([1, 2, 3, 3, 4]).services()).unwrap();
    let ports = services
        .iter()
        .map(|it| it.key().socket_address().unwrap().port());
    assert_eq!(ports.collect::<Vec<_>>(), [80, 3]);
    let error = ready(growing(1..).services()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inconsistent);
    // Tables of this size never grow.
    assert_eq!(
        ready(client(lists([1]), |_| None).services())
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_table_that_is_read_in_vain_is_read_again_before_it_is_changed() {
    let planner = Planner::new();
    let wanted: WantedTable = "-A -t 10.0.0.1:80 -s lc".parse().unwrap();
    let mut record = Record::new();
    let mut client = growing((1..10).chain([10; 10]));
    let report = ready(client.apply(&planner, &wanted, &mut record)).unwrap();
    let web = Object::service(web());
    let states: Vec<_> = report
        .objects
        .iter()
        .map(|it| (it.object, &it.state))
        .collect();
    assert_eq!(states, [(web, &ObjectState::Updated)]);
    // In the end, it is given up before anything is changed.
    let mut client = growing(1..);
    let error = ready(client.apply(&planner, &wanted, &mut Record::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inconsistent);
}
