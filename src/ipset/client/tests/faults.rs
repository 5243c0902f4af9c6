//! Lost replies, and sockets that break.

use std::net::Ipv4Addr;

use nix::errno::Errno;
use nix::libc;

use super::{address, client, refusal};
use crate::ipset::client::change_all::Change;
use crate::ipset::message::code::{self, Command};
use crate::ipset::types::{HashIp, HashNet};
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::message::{Frame, kind};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request};
use crate::{ErrorKind, OnFailure, Outcome};

/// Returns the indices of the entries in doubt.
fn in_doubt<I>(outcome: &Outcome<I>) -> Vec<usize> {
    outcome.in_doubt().map(|it| it.index).collect()
}

#[test]
fn entries_are_in_doubt_if_the_socket_breaks_before_their_message() {
    let mut messages = 0;
    let mut client = client(move |request| {
        messages += 1;
        match messages {
            1 => vec![request.error(0)],
            _ => vec![Reply::Failed(Errno::EBADF)],
        }
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entries = (1..=9000).map(Ipv4Addr::from_bits);
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::Io);
    let (applied, untried) = (outcome.applied(), outcome.untried_from().unwrap());
    assert!(0 < applied && applied < untried && untried < 9000);
    assert_eq!(in_doubt(&outcome), (applied..untried).collect::<Vec<_>>());
}

#[test]
fn tests_whose_replies_are_lost_are_an_error() {
    let mut client = client(|_| vec![Reply::Lost]);
    let set = IpSet::<HashIp>::new("web").unwrap();
    let error = ready(client.test_all(&set, (1..4).map(address))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RepliesLost);
}

/// The first entry is in the set, so the next ones are looked up.
#[test]
fn entries_are_in_doubt_if_replies_to_their_lookups_are_lost() {
    let mut added = false;
    let mut client = client(move |request| {
        if request.header.kind == Command::Test.message() {
            return vec![Reply::Lost];
        }
        match std::mem::replace(&mut added, true) {
            false => vec![refusal(request, 1, code::EXIST)],
            true => vec![request.error(0)],
        }
    });
    let set = IpSet::<HashIp>::new("web").unwrap().counters();
    let entries = (1..=100).map(address);
    let outcome = ready(client.change_all(Change::Put, &set, entries, OnFailure::Continue));
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::RepliesLost);
    let untried = outcome.untried_from().unwrap();
    assert!((2..100).contains(&untried));
    // The first one was to be updated together with those that are found.
    assert_eq!(in_doubt(&outcome), (0..untried).collect::<Vec<_>>());
    assert_eq!(outcome.applied(), 0);
}

/// Returns the replies to a datagram with many requests. `code` returns the error of the request
/// with a number, if there is one.
pub(super) fn replies(request: &Request<'_>, code: impl Fn(usize) -> Option<i32>) -> Vec<Reply> {
    let (mut replies, mut at, mut number) = (Vec::new(), 0, 0);
    while at < request.bytes.len() {
        let (frame, next) = Frame::read(request.bytes, at, false).unwrap();
        let one = request.numbered(frame.header.sequence);
        match frame.header.kind {
            kind::NOOP => replies.push(one.error(0)),
            _ => replies.extend(code(number).map(|code| one.error(code))),
        }
        (at, number) = (next, number + 1);
    }
    replies
}

/// Puts entries into a set with counters that has the first one. `answer` gets the number of the
/// datagram.
fn put<K: SetType>(
    set: &IpSet<K>,
    entries: impl Iterator<Item = Entry<K>>,
    answer: impl Fn(usize, &Request<'_>) -> Vec<Reply>,
) -> Outcome<Entry<K>> {
    let mut number = 0;
    let mut client = client(move |request| {
        number += 1;
        match number {
            1 => vec![refusal(request, 1, code::EXIST)],
            _ => answer(number, request),
        }
    });
    ready(client.change_all(Change::Put, set, entries, OnFailure::Continue))
}

/// Puts a hundred entries. The first lookup is refused at first, and tried again after the others,
/// which are in the set by then. Then it meets this end.
fn put_again(end: fn(&Request<'_>) -> Reply) -> Outcome<Entry<HashNet>> {
    let set = IpSet::<HashNet>::new("web").unwrap().counters();
    let entries = (1..=100).map(|last| Entry::new(address(last)));
    put(&set, entries, |number, request| match number {
        2 => replies(request, |it| (it == 0).then_some(libc::ENOMEM)),
        _ => vec![end(request)],
    })
}

#[test]
fn what_was_tried_after_entries_in_doubt_is_not_untried() {
    for end in [|_| Reply::Lost, |it| it.error(libc::ENOMEM)] as [fn(&Request<'_>) -> Reply; 2] {
        let outcome = put_again(end);
        let untried = outcome.untried_from().unwrap();
        assert_eq!(in_doubt(&outcome), [0, 1]);
        assert!(untried > 2);
        assert_eq!(outcome.applied(), untried - 2);
    }
}

#[test]
fn only_an_entry_that_was_to_be_updated_is_in_doubt_if_the_set_vanishes() {
    let outcome = put_again(|it| it.error(libc::ENOENT));
    assert!(outcome.stopped().unwrap().is_not_found());
    assert_eq!(in_doubt(&outcome), [0]);
    assert_eq!(outcome.untried_from(), Some(1));
}

/// Entries that are in the set are updated after the others were added.
#[test]
fn what_was_added_before_updates_in_doubt_is_not_untried() {
    let set = IpSet::<HashIp>::new("web").unwrap().counters();
    let entries = (1..=100).map(|last| Entry::new(address(last)));
    let outcome = put(&set, entries, |number, request| match number {
        2 => replies(request, |it| (it != 0).then_some(code::EXIST)),
        3 | 4 => vec![request.error(0)],
        _ => vec![Reply::Lost],
    });
    assert_eq!(in_doubt(&outcome), [0, 1]);
    assert_eq!((outcome.applied(), outcome.untried_from()), (98, Some(100)));
}

#[test]
fn entries_are_in_doubt_if_a_reply_is_lost_while_the_malformed_one_is_searched() {
    let mut messages = 0;
    let mut client = client(move |request| {
        messages += 1;
        match messages {
            1 => vec![request.error(code::MALFORMED)],
            _ => vec![Reply::Lost],
        }
    });
    let set = IpSet::<HashIp>::new("web").unwrap();
    let entries = (1..=8).map(address);
    let outcome = ready(client.change_all(Change::Add, &set, entries, OnFailure::Continue));
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::RepliesLost);
    assert_eq!(in_doubt(&outcome), (0..8).collect::<Vec<_>>());
    assert_eq!((outcome.applied(), outcome.untried_from()), (0, Some(8)));
}
