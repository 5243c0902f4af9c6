//! The client with a kernel that is made up, for what no kernel does on demand.

mod anew;
mod beside;
mod faults;
mod requests;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use nix::libc;

use super::Client;
use super::change_all::Change;
use super::claim::Claim;
use super::listing::{sort, start_of_one};
use crate::ipset::message::attr::{create, top};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::types::{HashIp, ListSet};
use crate::ipset::{AnySet, Entry, IpSet, Revision};
use crate::netlink::message::{self, kind};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request, Scripted};
use crate::wire::Writer;
use crate::{Error, ErrorKind, OnFailure};

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

/// Returns the refusal of the entry with this line number, with the request as ipset echoes it.
fn refusal(request: &Request<'_>, line: u32, code: i32) -> Reply {
    let mut echo = request.bytes.to_vec();
    // The line number of the whole message: an attribute of 8 bytes whose value is zero.
    let empty = [8, 0, top::LINENO as u8, 0x40, 0, 0, 0, 0];
    let place = echo.windows(8).position(|it| it == empty).unwrap();
    echo[place + 4..place + 8].copy_from_slice(&line.to_be_bytes());
    let mut error = Writer::default();
    let sequence = request.header.sequence;
    message::write(&mut error, kind::ERROR, 0, sequence, |writer| {
        writer.raw(&(-code).to_ne_bytes());
        writer.raw(&echo);
    });
    Reply::Datagram(error.bytes().to_vec())
}

#[test]
fn a_bulk_goes_on_behind_each_refused_entry_with_its_index() {
    // Entries 1, 2 and 5 of 7 are refused, counted from 0. Line numbers begin with 1.
    let mut refused = vec![2, 3, 6].into_iter();
    let mut client = client(move |request| match refused.next() {
        Some(line) => vec![refusal(request, line, code::EXIST)],
        None => vec![request.error(0)],
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entries = (0..7).map(address);
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    let failures = outcome.failures().iter();
    let failures: Vec<_> = failures.map(|it| (it.index, of(&it.input))).collect();
    assert_eq!(
        failures,
        [1, 2, 5].map(|index| (usize::from(index), address(index)))
    );
    assert_eq!((outcome.applied(), outcome.untried_from()), (4, None));
    let error = outcome.failures()[2].error.to_string();
    assert!(error.contains("10.0.0.5 in web (index 5)"), "{error}");
}

#[test]
fn an_entry_that_is_refused_here_does_not_move_the_others() {
    let mut lines = vec![3].into_iter();
    let mut client = client(move |request| match lines.next() {
        Some(line) => vec![refusal(request, line, code::EXIST)],
        None => vec![request.error(0)],
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    // The set has the other family.
    let entries = [1, 2, 3, 4].map(|last| match last {
        2 => Entry::<HashIp>::new(Ipv6Addr::LOCALHOST),
        _ => Entry::new(address(last)),
    });
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((failures, outcome.applied()), (vec![1, 2], 2));
}

/// Creates a set on a kernel with these revisions of its type, and returns the revision that is
/// asked for.
fn created(revisions: (u8, u8), set: &AnySet) -> crate::Result<u8> {
    let sent = Arc::new(Mutex::new(0));
    let log = sent.clone();
    let mut client = client(move |request| {
        if request.header.kind == Command::Type.message() {
            let highest = [5, 0, 4, 0, revisions.1, 0, 0, 0];
            let lowest = [5, 0, 10, 0, revisions.0, 0, 0, 0];
            let head = [2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0];
            return vec![request.data(0, &[&head[..], &highest, &lowest].concat())];
        }
        let revision = [5, 0, top::REVISION as u8, 0];
        let bytes = request.bytes;
        let place = bytes.windows(4).position(|it| it == revision).unwrap();
        *log.lock().unwrap() = bytes[place + 4];
        vec![request.error(0)]
    });
    ready(client.create(set, Revision::Lowest))?;
    let revision = *sent.lock().unwrap();
    Ok(revision)
}

#[test]
fn options_that_an_older_kernel_lacks_are_refused_with_the_kernel_they_need() {
    let set = |text: &str| text.parse::<AnySet>().unwrap();
    for (text, since, needs) in [
        ("a hash:ip bucketsize 8", 5, "Linux 5.11"),
        ("a hash:ip initval 0x5", 5, "Linux 5.11"),
        ("a hash:net,iface bucketsize 8", 8, "Linux 5.11"),
        ("a hash:ip bitmask 255.255.0.0", 6, "Linux 6.2"),
    ] {
        let set = set(text);
        let error = created((0, since - 1), &set).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains(needs), "{error}");
        assert_eq!(created((0, since), &set).unwrap(), since, "{text}");
    }
    // Without them, the set is created as old as it can be.
    assert!(created((0, 4), &set("a hash:ip")).unwrap() < 4);
}

/// Connects to a kernel that has one set. It answers a request as `answer` says, and otherwise
/// carries it out.
fn with_set(
    there: AnySet,
    mut answer: impl FnMut(&Request<'_>) -> Option<Vec<Reply>>,
) -> Client<Scripted<impl FnMut(&Request<'_>) -> Vec<Reply>>> {
    client(move |request| {
        if let Some(replies) = answer(request) {
            return replies;
        }
        let asks_for = |command: Command| request.header.kind == command.message();
        if asks_for(Command::List) {
            let mut message = Writer::default();
            body::create(&mut message, body::PROTOCOL, &there, 5);
            return vec![request.data(0, message.bytes()), request.done()];
        }
        if asks_for(Command::Type) {
            let head = [2, 0, 0, 0, 5, 0, 1, 0, 7, 0, 0, 0];
            let revisions = [5, 0, 4, 0, 5, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0];
            return vec![request.data(0, &[&head[..], &revisions].concat())];
        }
        vec![request.error(0)]
    })
}

/// Replaces the content of a set that exists with `count` entries, and returns how many buckets
/// the second set is created with.
fn buckets(there: &str, count: u8) -> u32 {
    let there: AnySet = there.parse().unwrap();
    let set = there.typed::<HashIp>().unwrap();
    let sent = Arc::new(Mutex::new(None));
    let log = sent.clone();
    let mut client = with_set(there, move |request| {
        if request.header.kind == Command::Create.message() {
            let hashsize = [8, 0, create::HASHSIZE as u8, 0x40];
            let bytes = request.bytes;
            let place = bytes.windows(4).position(|it| it == hashsize);
            let value = place.map(|at| bytes[at + 4..at + 8].try_into().unwrap());
            *log.lock().unwrap() = value.map(u32::from_be_bytes);
        }
        None
    });
    let entries = (0..count).map(address);
    assert_eq!(
        ready(client.replace(&set, entries)).unwrap(),
        usize::from(count)
    );
    sent.lock().unwrap().expect("a size")
}

#[test]
fn a_set_is_replaced_by_one_with_room_for_the_new_entries() {
    assert_eq!(buckets("web hash:ip hashsize 4096", 3), 64);
    assert_eq!(buckets("web hash:ip", 200), 256);
    assert_eq!(buckets("web hash:ip maxelem 70", 70), 128);
}
