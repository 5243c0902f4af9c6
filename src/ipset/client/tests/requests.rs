//! Which requests are sent, and what becomes of those that are refused.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use nix::libc;

use super::beside::asks_for;
use super::faults::replies;
use super::{address, client, created, listed, refusal, sent_version, versions, with_set};
use crate::ipset::client::change_all::Change;
use crate::ipset::client::claim::Claim;
use crate::ipset::client::listing::start_of_one;
use crate::ipset::client::{Client, connect_failed};
use crate::ipset::elements::Ipv4Range;
use crate::ipset::message::code::{self, Command};
use crate::ipset::plan::Policy;
use crate::ipset::types::{HashIp, HashNet};
use crate::ipset::{AnySet, Entry, IpSet};
use crate::netlink::message::flag;
use crate::netlink::scripted::{Reply, Request, Scripted};
use crate::netlink::{Transport, ready};
use crate::{Error, ErrorKind, OnFailure, Outcome, Result};

/// The kinds and flags of the messages that were sent.
type Log = Arc<Mutex<Vec<(u16, u16)>>>;

/// Returns how many requests for a command were sent.
fn count(log: &Log, command: Command) -> usize {
    let log = log.lock().unwrap();
    log.iter().filter(|it| it.0 == command.message()).count()
}

/// Connects to a kernel with a set that answers a request as `answer` says, or carries it out.
fn logged(
    there: &str,
    mut answer: impl FnMut(&Request<'_>) -> Option<Reply>,
) -> (Client<impl Transport>, Log) {
    let log = Log::default();
    let sent = log.clone();
    let client = with_set(there.parse().unwrap(), move |request| {
        let header = request.header;
        sent.lock().unwrap().push((header.kind, header.flags));
        answer(request).map(|it| vec![it])
    });
    (client, log)
}

#[test]
fn a_socket_that_cannot_be_opened_has_its_reason() {
    let error = |errno| connect_failed(std::io::Error::from_raw_os_error(errno).into());
    assert_eq!(error(libc::EPROTONOSUPPORT).kind(), ErrorKind::Unavailable);
    assert_eq!(error(libc::EMFILE).errno(), Some(libc::EMFILE));
    assert_eq!(error(libc::EMFILE).kind(), ErrorKind::Io);
}

/// Adds an entry, which the kernel refuses with `code`. Asked for its versions again, the kernel
/// answers with `again`. Returns the error, and whether it was asked.
fn refused(code: i32, again: i32) -> (Error, bool) {
    let asked = Arc::new(Mutex::new(0));
    let log = asked.clone();
    let transport = Scripted::new(move |request: &Request<'_>| {
        if !asks_for(Command::Connect, request) {
            return vec![request.error(code)];
        }
        let mut asked = log.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => vec![versions(request, 7, 6)],
            _ => vec![request.error(again)],
        }
    });
    let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
    let set = IpSet::<HashIp>::new("web").unwrap();
    let error = ready(client.add(&set, address(1))).unwrap_err();
    let asked = *asked.lock().unwrap() > 1;
    (error, asked)
}

#[test]
fn only_einval_raises_the_question_whether_ipset_is_gone() {
    let (error, asked) = refused(libc::EINVAL, libc::EINVAL);
    assert_eq!((error.kind(), asked), (ErrorKind::Unavailable, true));
    let (error, asked) = refused(libc::EINVAL, libc::EPERM);
    assert_eq!((error.kind(), asked), (ErrorKind::InvalidInput, true));
    let (error, asked) = refused(libc::EPERM, libc::EINVAL);
    assert_eq!((error.kind(), asked), (ErrorKind::PermissionDenied, false));
}

#[test]
fn numbers_of_sets_need_version_7() {
    for version in [6, 7] {
        let mut requests = 0;
        let transport = Scripted::new(move |request: &Request<'_>| {
            requests += 1;
            assert!(requests == 1 || sent_version(request) == 7);
            match requests {
                1 => vec![versions(request, version, 6)],
                _ => vec![request.error(libc::ENOENT)],
            }
        });
        let mut client = ready(Client::connect(transport, Claim::open())).unwrap();
        let errors = [
            ready(client.index("web")).unwrap_err(),
            ready(client.by_index(3)).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.is_not_found(), version == 7, "{error}");
            assert_eq!(error.kind() == ErrorKind::Unavailable, version == 6);
        }
    }
}

#[test]
fn a_type_of_which_the_kernel_only_has_later_revisions_is_refused() {
    let set: AnySet = "a hash:ip".parse().unwrap();
    assert_eq!(created((6, 9), &set).unwrap(), 6);
    let error = created((8, 9), &set).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("start at 8"), "{error}");
}

/// The kernel lists `bucketsize` only for a set of the highest revision.
#[test]
fn a_set_with_a_bucketsize_has_the_highest_revision() {
    let set: AnySet = "a hash:ip bucketsize 8".parse().unwrap();
    assert_eq!(created((0, 9), &set).unwrap(), 6);
}

#[test]
fn a_set_that_exists_and_cannot_be_read_is_an_error() {
    let (mut client, log) = logged("web hash:ip", |request| {
        let create = asks_for(Command::Create, request).then(|| request.error(libc::EEXIST));
        create.or_else(|| asks_for(Command::List, request).then(|| request.error(libc::EPERM)))
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let error = ready(client.create_if_absent(&set)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(count(&log, Command::Create), 1);
    // The names of all sets and the set, or the set first, to see its options.
    for (policy, lists) in [(Policy::new(), 2), (Policy::new().keep_options(), 1)] {
        let before = count(&log, Command::List);
        let error = ready(client.apply(&set, [address(1)], &policy)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(count(&log, Command::List) - before, lists);
    }
    assert_eq!(count(&log, Command::Create), 1);
}

#[test]
fn the_options_of_a_set_that_does_not_exist_are_those_that_are_given() {
    let (mut client, log) = logged("web hash:ip", |request| {
        asks_for(Command::List, request).then(|| request.error(libc::ENOENT))
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let policy = Policy::new().keep_options();
    let report = ready(client.apply(&set, [address(1)], &policy)).unwrap();
    assert!(report.is_complete() && report.is_created(), "{report}");
    assert_eq!(count(&log, Command::Create), 1);
}

/// Puts an entry into a set. The kernel refuses it with `code` if it must not be in the set.
/// Returns the outcome, and whether each request said that it must not.
fn put(set: &IpSet<HashIp>, entry: Entry<HashIp>, code: i32) -> (Result<()>, Vec<bool>) {
    let (mut client, log) = logged("web hash:ip", move |request| {
        let exclusive = request.header.flags & flag::EXCL != 0;
        (asks_for(Command::Add, request) && exclusive).then(|| request.error(code))
    });
    let put = ready(client.put(set, entry));
    let log = log.lock().unwrap();
    let flags = log.iter().map(|it| it.1 & flag::EXCL != 0).collect();
    (put, flags)
}

#[test]
fn an_entry_is_put_twice_only_if_it_has_counters_that_are_not_given() {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entry = || Entry::<HashIp>::new(address(1));
    let (put_it, exclusive) = put(&set, entry(), code::EXIST);
    assert!(put_it.is_ok() && exclusive == [false]);
    let counting = set.counters();
    let (put_it, exclusive) = put(&counting, entry().counters(1, 2), code::EXIST);
    assert!(put_it.is_ok() && exclusive == [false]);
    let (put_it, exclusive) = put(&counting, entry(), code::EXIST);
    assert!(put_it.is_ok() && exclusive == [true, false]);
    let (put_it, exclusive) = put(&counting, entry(), libc::ENOENT);
    assert!(put_it.unwrap_err().is_not_found() && exclusive == [true]);
}

/// Adds or removes eight entries. The kernel cannot read the one with the index `malformed`, and
/// does not say which one that is. It refuses the requests from number `missing` on, since the set
/// does not exist any more.
fn searched(malformed: u8, missing: usize) -> (Outcome<Entry<HashIp>>, usize) {
    let requests = Arc::new(Mutex::new(0));
    let log = requests.clone();
    let mut client = client(move |request| {
        let octets = address(malformed).octets();
        let is_in_it = request.bytes.windows(4).any(|it| it == octets);
        let mut requests = log.lock().unwrap();
        *requests += 1;
        vec![request.error(match *requests {
            it if it >= missing => libc::ENOENT,
            _ if is_in_it => code::MALFORMED,
            _ => 0,
        })]
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entries = (0..8).map(address);
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    let requests = *requests.lock().unwrap();
    (outcome, requests)
}

#[test]
fn an_entry_that_the_kernel_cannot_read_is_searched() {
    for malformed in 0..8 {
        let (outcome, requests) = searched(malformed, usize::MAX);
        // All entries, halves of the rest, the description of the set, and those behind it.
        assert!(requests <= 1 + 3 + 1 + 1, "{requests}");
        let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
        assert_eq!(failures, [usize::from(malformed)]);
        let error = &outcome.failures()[0].error;
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!((outcome.applied(), outcome.untried_from()), (7, None));
    }
}

#[test]
fn the_entries_are_in_doubt_if_the_set_vanishes_during_the_search() {
    let (outcome, _) = searched(5, 2);
    assert!(outcome.stopped().unwrap().is_not_found());
    assert_eq!(outcome.in_doubt().count(), 8);
    assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(8)));
}

#[test]
fn an_operation_that_ends_has_its_own_name() {
    for (change, name) in [
        (Change::Add, "add entries to set"),
        (Change::Put, "add entries to set"),
        (Change::Remove, "remove entries from set"),
        (Change::RemoveIfPresent, "remove entries from set"),
    ] {
        let mut client = client(|request| vec![request.error(libc::ENOENT)]);
        let set = IpSet::<HashIp>::new("web").unwrap();
        let entries = (0..3).map(address);
        let outcome = ready(client.change_all(change, &set, entries, OnFailure::Continue));
        let stopped = outcome.stopped().unwrap().to_string();
        assert!(stopped.contains(name), "{stopped}");
    }
}

/// The third entry is refused before anything is sent, and the set is full after the first one.
#[test]
fn what_is_refused_here_is_untried_if_an_earlier_entry_ends_the_operation() {
    let mut client = client(|request| match asks_for(Command::Add, request) {
        true => vec![refusal(request, 2, code::TYPE_SPECIFIC)],
        false => vec![request.error(libc::ENOENT)],
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entries = [0, 1, 2, 3].map(|last| match last {
        2 => Entry::<HashIp>::new(Ipv6Addr::LOCALHOST),
        _ => Entry::new(address(last)),
    });
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((failures, outcome.untried_from()), (vec![1], Some(2)));
    assert_eq!(outcome.failures()[0].error.kind(), ErrorKind::Full);
}

#[test]
fn a_test_asks_what_the_set_is_only_if_an_entry_is_not_in_it() {
    for missing in [None, Some(1)] {
        let asked = Arc::new(Mutex::new(0));
        let log = asked.clone();
        let mut client = client(move |request| {
            if asks_for(Command::Header, request) {
                *log.lock().unwrap() += 1;
                return vec![request.error(libc::ENOENT)];
            }
            replies(request, |it| (Some(it) == missing).then_some(code::EXIST))
        });
        let set = IpSet::<HashIp>::new("web").unwrap();
        let found = ready(client.test_all(&set, [address(1), address(2)]));
        assert_eq!(found.ok(), missing.is_none().then(|| vec![true, true]));
        assert_eq!(*asked.lock().unwrap(), missing.iter().count());
    }
}

#[test]
fn a_set_of_another_type_is_not_replaced() {
    let (mut client, log) = logged("web hash:net", |_| None);
    let set = IpSet::<HashIp>::new("web").unwrap();
    let error = ready(client.replace(&set, [address(1)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert_eq!(count(&log, Command::Create), 0);
}

#[test]
fn an_old_content_that_cannot_be_destroyed_is_told() {
    let (mut client, _) = logged("web hash:ip", |request| {
        asks_for(Command::Destroy, request).then(|| request.error(libc::EPERM))
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let error = ready(client.replace(&set, [address(1)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("is still in the set"), "{error}");
}

/// Puts an entry of several addresses into a set with counters that has the first one, at the index
/// 2. The kernel refuses its second address with `code`. Returns the outcome and the number of
/// messages.
fn put_several(code: i32, on_failure: OnFailure, elements: u32) -> (Outcome<Entry<HashIp>>, usize) {
    let set = IpSet::<HashIp>::new("web").unwrap().counters();
    let messages = Arc::new(Mutex::new(0));
    let log = messages.clone();
    let mut client = client(move |request| {
        let mut messages = log.lock().unwrap();
        *messages += 1;
        match *messages {
            1 => vec![refusal(request, 3, code::EXIST)],
            2 => vec![refusal(request, 2, code)],
            _ => vec![request.error(0)],
        }
    });
    let first = Ipv4Addr::new(10, 9, 0, 0);
    let last = Ipv4Addr::from_bits(first.to_bits() + elements - 1);
    let range = Entry::<HashIp>::new(Ipv4Range::new(first, last));
    let entries = [
        Entry::new(address(0)),
        Entry::new(address(1)),
        range,
        Entry::new(address(3)),
    ];
    let outcome = ready(client.change_all(Change::Put, &set, entries, on_failure));
    let messages = *messages.lock().unwrap();
    (outcome, messages)
}

#[test]
fn an_entry_with_several_addresses_fails_as_one() {
    let (outcome, _) = put_several(libc::ENOSPC, OnFailure::Continue, 3);
    let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((failures, outcome.untried_from()), (vec![2], None));
    assert_eq!(outcome.applied(), 3);
    // The set is full.
    let (outcome, _) = put_several(code::TYPE_SPECIFIC, OnFailure::Continue, 3);
    let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((failures, outcome.untried_from()), (vec![2], Some(3)));
    let (outcome, _) = put_several(libc::ENOSPC, OnFailure::Stop, 3);
    let failures: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!((failures, outcome.untried_from()), (vec![2], Some(3)));
    assert_eq!(outcome.applied(), 2);
}

#[test]
fn addresses_behind_the_refused_one_of_an_entry_are_not_sent() {
    let (_, few) = put_several(libc::ENOSPC, OnFailure::Stop, 3);
    let (outcome, many) = put_several(libc::ENOSPC, OnFailure::Stop, 1 << 16);
    assert_eq!(outcome.failures()[0].index, 2);
    assert_eq!(few, many);
}

/// Such a range of addresses is a single network, so it is updated like a network.
#[test]
fn a_range_that_is_a_single_network_is_updated_at_once() {
    let set = IpSet::<HashNet>::new("web").unwrap().counters();
    let messages = Arc::new(Mutex::new(0));
    let log = messages.clone();
    let mut client = client(move |request| {
        let mut messages = log.lock().unwrap();
        *messages += 1;
        match request.header.flags & flag::EXCL != 0 {
            true => vec![refusal(request, 1, code::EXIST)],
            false => vec![request.error(0)],
        }
    });
    let range: Entry<HashNet> = "10.0.0.0-10.0.0.255".parse().unwrap();
    let outcome = ready(client.change_all(Change::Put, &set, [range], OnFailure::Stop));
    assert_eq!((outcome.is_complete(), outcome.applied()), (true, 1));
    assert_eq!(*messages.lock().unwrap(), 2);
}

#[test]
fn a_listing_that_is_dropped_leaves_the_connection_ready() {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let untyped = set.untype();
    let mut client = client(move |request| match asks_for(Command::List, request) {
        true => vec![
            request.data(0, &listed(&untyped, &[address(3), address(1)])),
            request.done(),
        ],
        false => vec![request.error(0)],
    });
    for _ in 0..2 {
        let (mut reader, _) = ready(start_of_one(&mut client, &set)).unwrap();
        let first = ready(reader.next_entry(&HashIp)).unwrap().unwrap();
        assert_eq!(first.to_string(), "10.0.0.3");
        drop(reader);
        ready(client.with_all(Command::Flush)).unwrap();
    }
}
