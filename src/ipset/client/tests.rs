//! The client with a kernel that is made up, for what no kernel does on demand.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use nix::libc;

use super::Client;
use super::claim::Claim;
use super::listing::{sort, start_of_one};
use crate::ipset::message::attr::top;
use crate::ipset::message::body;
use crate::ipset::message::code::Command;
use crate::ipset::message::encode::Purpose;
use crate::ipset::types::{HashIp, ListSet};
use crate::ipset::{AnySet, Entry, IpSet};
use crate::netlink::message::kind;
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request, Scripted};
use crate::wire::Writer;
use crate::{Error, ErrorKind};

/// Returns a reply with the highest and the lowest version of the protocol.
fn versions(request: &Request<'_>, most: u8, least: u8) -> Reply {
    let lowest = [5, 0, 10, 0, least, 0, 0, 0];
    request.data(
        0,
        &[&[2, 0, 0, 0, 5, 0, 1, 0, most, 0, 0, 0], &lowest[..]].concat(),
    )
}

/// Connects to a kernel that speaks version 7, and answers other requests like this.
fn client(
    mut answer: impl FnMut(&Request<'_>) -> Vec<Reply>,
) -> Client<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
    let transport = Scripted::new(move |request: &Request<'_>| {
        if request.header.kind == Command::Connect.message() {
            return vec![versions(request, 7, 6)];
        }
        answer(request)
    });
    ready(Client::connect(transport, Claim::open())).unwrap()
}

/// Returns a message of a listing of a set.
fn listed(set: &AnySet, addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut listed = Writer::default();
    body::create(&mut listed, body::PROTOCOL, set, 0);
    let set = set.typed::<HashIp>();
    listed.nest(top::ADT, |writer| {
        for address in addresses {
            writer.nest(top::DATA, |writer| {
                let entry = Entry::<HashIp>::new(*address);
                let set = set.as_ref().unwrap();
                entry.write(set, Purpose::Add, writer).unwrap();
            });
        }
    });
    listed.bytes().to_vec()
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// The version that is sent in a request, behind the header of nfnetlink.
fn sent_version(request: &Request<'_>) -> u8 {
    request.bytes[16 + 4 + 4]
}

#[test]
fn the_highest_version_that_both_speak_is_used() {
    for (most, least, used) in [
        (7, 6, Some(7)),
        (6, 6, Some(6)),
        (9, 7, Some(7)),
        (6, 5, Some(6)),
    ] {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let log = sent.clone();
        let transport = Scripted::new(move |request: &Request<'_>| {
            log.lock().unwrap().push(sent_version(request));
            match request.header.kind == Command::Connect.message() {
                true => vec![versions(request, most, least)],
                false => vec![request.error(0)],
            }
        });
        let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
        assert_eq!(Some(client.protocol()), used);
        ready(client.with_all(Command::Flush)).unwrap();
        assert_eq!(sent.lock().unwrap().last().copied(), used);
    }
}

#[test]
fn versions_that_have_nothing_in_common_are_refused() {
    for (most, least) in [(5, 1), (9, 8)] {
        let transport =
            Scripted::new(move |request: &Request<'_>| vec![versions(request, most, least)]);
        let connected = ready(Client::connect(transport, Claim::open()));
        let error = connected.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().contains(&format!("{least} to {most}")),
            "{error}"
        );
    }
}

/// What a listing yields until its end, or up to its first error.
fn list(end: fn(&Request<'_>) -> Vec<Reply>) -> (Vec<Ipv4Addr>, Option<Error>) {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let untyped = set.untype();
    let mut client = client(move |request| {
        let first = listed(&untyped, &[address(3), address(1)]);
        let mut replies = vec![request.data(0, &first)];
        replies.extend(end(request));
        replies
    });
    let (mut reader, info) = ready(start_of_one(&mut client, &set)).unwrap();
    assert_eq!(info.type_name, "hash:ip");
    let mut found = Vec::new();
    loop {
        match ready(reader.next_entry(&HashIp)) {
            Some(Ok(entry)) => found.push(entry),
            Some(Err(error)) => {
                assert!(ready(reader.next_entry(&HashIp)).is_none(), "it is over");
                return (found.iter().map(of).collect(), Some(error));
            }
            None => {
                sort(&mut found);
                return (found.iter().map(of).collect(), None);
            }
        }
    }
}

fn of(entry: &Entry<HashIp>) -> Ipv4Addr {
    entry.to_string().parse().unwrap()
}

#[test]
fn a_listing_ends_or_fails_midway() {
    let (found, error) = list(|request| vec![request.done()]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(found, [address(1), address(3)], "sorted");
    let (found, error) = list(|request| vec![request.error(libc::ENOMEM)]);
    assert_eq!(found, [address(3), address(1)]);
    assert_eq!(error.unwrap().errno(), Some(libc::ENOMEM));
    let (found, error) = list(|request| vec![Reply::Lost, request.done()]);
    assert_eq!(found.len(), 2);
    assert_eq!(error.unwrap().kind(), ErrorKind::RepliesLost);
    let (found, error) = list(|request| vec![request.of_kind(kind::OVERRUN), request.done()]);
    assert_eq!(found.len(), 2);
    assert_eq!(error.unwrap().kind(), ErrorKind::RepliesLost);
    let (_, error) = list(|_| Vec::new());
    assert_eq!(error.unwrap().kind(), ErrorKind::RepliesLost);
}

/// Returns the error of creating a set "if absent" beside one that exists.
fn beside(there: &str, wanted: &AnySet) -> crate::Result<bool> {
    let there: AnySet = there.parse().unwrap();
    let mut client = client(move |request| {
        let header = request.header.kind;
        if header == Command::Create.message() {
            return vec![request.error(libc::EEXIST)];
        }
        if header == Command::List.message() {
            let mut message = Writer::default();
            body::create(&mut message, body::PROTOCOL, &there, 0);
            return vec![request.data(0, message.bytes()), request.done()];
        }
        if header == Command::Type.message() {
            // The header of nfnetlink, the version, and the revisions 3 to 0.
            let revisions = [
                [2, 0, 0, 0],
                [5, 0, 1, 0],
                [7, 0, 0, 0],
                [5, 0, 4, 0],
                [3, 0, 0, 0],
                [5, 0, 10, 0],
                [0, 0, 0, 0],
            ]
            .concat();
            return vec![request.data(0, &revisions)];
        }
        vec![request.error(libc::EINVAL)]
    });
    ready(client.create_if_absent(wanted))
}

#[test]
fn a_set_that_exists_with_other_options_is_not_taken_for_the_same() {
    let wanted = IpSet::<ListSet>::new("all").unwrap().size(9).untype();
    assert!(!beside("all list:set size 9", &wanted).unwrap());
    let error = beside("all list:set size 8", &wanted).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("size 8 instead of 9"), "{error}");
    let error = beside("all hash:ip", &wanted).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("type hash:ip instead of list:set"),
        "{error}"
    );
    let wanted: AnySet = "all hash:ip,mark markmask 0xff".parse().unwrap();
    let error = beside("all hash:ip,mark", &wanted).unwrap_err();
    assert!(error.to_string().contains("markmask"), "{error}");
}
