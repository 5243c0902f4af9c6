//! Other programs that create and destroy sets in between, and temporary sets.

use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::libc;

use super::{address, refusal, with_set};
use crate::ipset::client::claim::Claim;
use crate::ipset::message::code::{self, Command};
use crate::ipset::plan::{Policy, Scope, SetReport, WantedSets};
use crate::ipset::types::HashIp;
use crate::ipset::{AnySet, IpSet};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request};
use crate::{ErrorKind, Missing, Result};

/// Returns true if a request is for a command.
pub(super) fn asks_for(command: Command, request: &Request<'_>) -> bool {
    request.header.kind == command.message()
}

#[test]
fn a_set_that_vanishes_while_it_is_compared_is_created() {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let mut is_gone = false;
    let mut client = with_set(set.untype(), move |request| {
        if request.header.kind == Command::List.message() {
            is_gone = true;
            return Some(vec![request.error(libc::ENOENT)]);
        }
        let exists = request.header.kind == Command::Create.message() && !is_gone;
        exists.then(|| vec![request.error(libc::EEXIST)])
    });
    assert!(ready(client.create_if_absent(&set)).unwrap());
}

#[test]
fn a_set_that_another_program_creates_is_planned_anew() {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let mut lists = 0;
    let mut client = with_set(set.untype(), move |request| {
        if asks_for(Command::List, request) {
            lists += 1;
            // The first one has the names of all sets.
            return (lists == 2).then(|| vec![request.error(libc::ENOENT)]);
        }
        asks_for(Command::Create, request).then(|| vec![request.error(libc::EEXIST)])
    });
    let entries = (1..4).map(address);
    let report = ready(client.apply(&set, entries, &Policy::new())).unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.counts().added, 3);
}

#[test]
fn a_set_that_another_program_destroys_is_created_anew() {
    let there: AnySet = "web hash:net".parse().unwrap();
    let set = IpSet::<HashIp>::new("web").unwrap();
    let mut client = with_set(there, |request| {
        asks_for(Command::Destroy, request).then(|| vec![request.error(libc::ENOENT)])
    });
    let policy = Policy::new().recreate();
    let report = ready(client.apply(&set, (1..4).map(address), &policy)).unwrap();
    assert!(report.is_complete(), "{report}");
}

/// Applies wanted entries to a set that another program destroys whenever it is listed, and may
/// create in between.
fn applied(
    mut answer: impl FnMut(&Request<'_>) -> Option<Reply>,
) -> (Result<SetReport<HashIp>>, usize) {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let creates = Arc::new(Mutex::new(0));
    let log = creates.clone();
    let mut client = with_set(set.untype(), move |request| {
        *log.lock().unwrap() += usize::from(asks_for(Command::Create, request));
        let gone = || asks_for(Command::List, request).then(|| request.error(libc::ENOENT));
        answer(request).or_else(gone).map(|it| vec![it])
    });
    let report = ready(client.apply(&set, (1..4).map(address), &Policy::new()));
    let creates = *creates.lock().unwrap();
    (report, creates)
}

#[test]
fn attempts_end_if_another_program_is_always_faster() {
    let (error, creates) =
        applied(|it| asks_for(Command::Create, it).then(|| it.error(libc::EEXIST)));
    assert!(error.unwrap_err().is_already_exists());
    assert_eq!(creates, 4);
    // Each time the set is created and gone when the entries are added.
    let (report, creates) =
        applied(|it| asks_for(Command::Add, it).then(|| it.error(libc::ENOENT)));
    let report = report.unwrap();
    assert!(report.is_created() && report.stopped().unwrap().is_not_found());
    assert_eq!(creates, 4);
}

#[test]
fn a_set_that_cannot_be_read_again_ends_the_attempts() {
    // The first two lists are the names and the set.
    for (command, code) in [
        (Command::Create, libc::EEXIST),
        (Command::Add, libc::ENOENT),
    ] {
        let mut lists = 0;
        let (report, creates) = applied(move |it| {
            lists += usize::from(asks_for(Command::List, it));
            if asks_for(Command::List, it) && lists > 2 {
                return Some(it.error(libc::EPERM));
            }
            asks_for(command, it).then(|| it.error(code))
        });
        let error = match report {
            Ok(report) => {
                assert_eq!(command, Command::Add, "nothing was changed");
                assert!(report.is_created());
                report.into_result().unwrap_err()
            }
            Err(error) => {
                assert_eq!(command, Command::Create);
                error
            }
        };
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(creates, 1);
    }
}

/// Adds three addresses to a set. The one in this line is refused at first, since the set is full.
fn filled(line: u32) -> SetReport<HashIp> {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let mut is_full = true;
    let mut client = with_set(set.untype(), move |request| {
        let refused = asks_for(Command::Add, request) && std::mem::replace(&mut is_full, false);
        refused.then(|| vec![refusal(request, line, code::TYPE_SPECIFIC)])
    });
    ready(client.apply(&set, (1..4).map(address), &Policy::new())).unwrap()
}

#[test]
fn whichever_entry_finds_a_set_full_it_is_tried_again() {
    for line in 1..=3 {
        let report = filled(line);
        assert!(report.is_complete(), "line {line}: {report}");
    }
}

/// Brings a set to other entries all at once. The kernel refuses to swap with `code`.
fn swapped(code: i32) -> (SetReport<HashIp>, usize) {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let swaps = Arc::new(Mutex::new(0));
    let log = swaps.clone();
    let mut client = with_set(set.untype(), move |request| {
        let swap = asks_for(Command::Swap, request);
        *log.lock().unwrap() += usize::from(swap);
        swap.then(|| vec![request.error(code)])
    });
    let policy = Policy::new().at_once();
    let report = ready(client.apply(&set, (1..4).map(address), &policy));
    let swaps = *swaps.lock().unwrap();
    match report {
        Ok(report) => (report, swaps),
        Err(error) => panic!("{error} after {swaps} swaps"),
    }
}

#[test]
fn a_set_that_vanishes_before_it_is_swapped_is_planned_anew() {
    let (report, swaps) = swapped(libc::EPERM);
    assert_eq!(
        report.stopped().unwrap().kind(),
        ErrorKind::PermissionDenied
    );
    assert_eq!(swaps, 1);
    let swapped = catch_unwind(|| swapped(libc::ENOENT));
    let why = *swapped.unwrap_err().downcast::<String>().unwrap();
    assert!(why.ends_with("after 4 swaps"), "{why}");
}

/// Kernels before 6.1 refuse to flush or destroy a set that is missing, whatever flags the request
/// has.
#[test]
fn a_set_that_may_be_missing_may_be_refused_as_missing() {
    for command in [Command::Flush, Command::Destroy] {
        let set = IpSet::<HashIp>::new("web").unwrap();
        let mut client = with_set(set.untype(), move |request| {
            asks_for(command, request).then(|| vec![request.error(libc::ENOENT)])
        });
        ready(client.with_set(command, false, &set)).unwrap();
        let error = ready(client.with_set(command, true, &set)).unwrap_err();
        assert_eq!(error.missing(), Some(Missing::Set));
    }
}

/// Destroys a set that is not wanted. `codes` are what the kernel refuses that with, one after the
/// other. Returns the number of sets that were destroyed, and of failures.
fn removed(codes: &'static [i32]) -> (usize, usize) {
    let mut codes = codes.iter();
    let mut client = with_set("old hash:ip".parse().unwrap(), move |request| {
        let code = asks_for(Command::Destroy, request)
            .then(|| codes.next())
            .flatten();
        code.map(|code| vec![request.error(*code)])
    });
    let (wanted, scope) = (WantedSets::new(), Scope::everything());
    let report = ready(client.apply_all(&wanted, &scope, &Policy::new())).unwrap();
    (report.removed.len(), report.failed.len())
}

#[test]
fn a_set_that_is_not_wanted_may_be_gone_or_listed() {
    assert_eq!(removed(&[]), (1, 0));
    assert_eq!(removed(&[libc::ENOENT]), (0, 0));
    assert_eq!(removed(&[libc::EBUSY, libc::EBUSY]), (1, 0));
    assert_eq!(removed(&[libc::EPERM]), (0, 1));
}

/// Replaces the content of a set, and returns the commands that were sent since the temporary set
/// was to be created. Its name is not claimed, so another program may have a set of this name.
fn replaced(
    mut answer: impl FnMut(Command, &Request<'_>) -> Option<Reply>,
    entries: impl Iterator<Item = Ipv4Addr>,
) -> (Vec<Command>, thread::Result<Result<usize>>) {
    const COMMANDS: [Command; 4] = [
        Command::Create,
        Command::Add,
        Command::Swap,
        Command::Destroy,
    ];
    let set = IpSet::<HashIp>::new("web").unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let mut client = with_set(set.untype(), move |request| {
        let is_it = |it: &Command| it.message() == request.header.kind;
        let command = COMMANDS.into_iter().find(is_it)?;
        log.lock().unwrap().push(command);
        answer(command, request).map(|it| vec![it])
    });
    client.claim = Claim::without_socket();
    let replacing = AssertUnwindSafe(|| ready(client.replace(&set, entries)));
    let done = catch_unwind(replacing);
    let sent = sent.lock().unwrap().clone();
    (sent, done)
}

#[test]
fn a_temporary_set_of_another_program_is_not_destroyed() {
    let exists = |command, request: &Request<'_>| match command {
        Command::Create => Some(request.error(libc::EEXIST)),
        _ => None,
    };
    let (sent, done) = replaced(exists, (1..4).map(address));
    assert!(done.unwrap().unwrap_err().is_already_exists());
    assert_eq!(sent, [Command::Create]);
}

#[test]
fn a_temporary_set_is_destroyed_if_it_is_unknown_whether_it_was_created() {
    let lost = |command, _: &Request<'_>| (command == Command::Create).then_some(Reply::Lost);
    let (sent, done) = replaced(lost, (1..4).map(address));
    assert_eq!(done.unwrap().unwrap_err().kind(), ErrorKind::RepliesLost);
    assert_eq!(sent, [Command::Create, Command::Destroy]);
}

#[test]
fn a_temporary_set_that_is_gone_need_not_be_destroyed() {
    let gone = |command, request: &Request<'_>| match command {
        Command::Destroy => Some(request.error(libc::ENOENT)),
        _ => None,
    };
    let (sent, done) = replaced(gone, (1..4).map(address));
    assert_eq!(done.unwrap().unwrap(), 3);
    let all = [
        Command::Create,
        Command::Add,
        Command::Swap,
        Command::Destroy,
    ];
    assert_eq!(sent, all);
}

#[test]
fn a_temporary_set_is_destroyed_if_the_callers_iterator_panics() {
    let entries = (1..4).map(|last| match last {
        3 => panic!("the caller's own"),
        _ => address(last),
    });
    let (sent, done) = replaced(|_, _| None, entries);
    assert!(done.is_err());
    assert_eq!(sent, [Command::Create, Command::Destroy]);
}

/// Brings a set to three addresses with the options that it has. Another program creates it, like
/// this, after it was looked for.
fn kept(there: &str) -> (Result<SetReport<HashIp>>, bool) {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let mut lists = 0;
    let creates = Arc::new(Mutex::new(false));
    let log = creates.clone();
    let mut client = with_set(there.parse().unwrap(), move |request| {
        *log.lock().unwrap() |= asks_for(Command::Create, request);
        lists += usize::from(asks_for(Command::List, request));
        let first = asks_for(Command::List, request) && lists == 1;
        first.then(|| vec![request.error(libc::ENOENT)])
    });
    let policy = Policy::new().keep_options();
    let report = ready(client.apply(&set, (1..4).map(address), &policy));
    let creates = *creates.lock().unwrap();
    (report, creates)
}

#[test]
fn the_options_of_a_set_that_another_program_creates_are_kept() {
    for there in ["web hash:ip comment", "web hash:ip maxelem 3"] {
        let (report, creates) = kept(there);
        let report = report.unwrap();
        assert!(report.is_complete() && !creates, "{report}");
    }
    // The entries were collected for a set that stores them in another way or has more room.
    for there in ["web hash:ip netmask 24", "web hash:ip maxelem 2"] {
        let (report, creates) = kept(there);
        let error = report.unwrap_err();
        assert!(error.is_inconsistent() && !creates, "{error}");
    }
}

/// A temporary set of this handle cannot be destroyed as often as `busy` says, since another
/// program lists it. Then the content of the set is replaced again.
fn replaced_again(busy: usize) -> Result<usize> {
    let set = IpSet::<HashIp>::new("web").unwrap();
    let left = Arc::new(Mutex::new(usize::MAX));
    let refusals = left.clone();
    let mut exists = false;
    let mut client = with_set(set.untype(), move |request| {
        if asks_for(Command::Create, request) {
            let existed = std::mem::replace(&mut exists, true);
            return existed.then(|| vec![request.error(libc::EEXIST)]);
        }
        if !asks_for(Command::Destroy, request) {
            return None;
        }
        let mut left = refusals.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Some(vec![request.error(4100)]);
        }
        exists = false;
        None
    });
    let error = ready(client.replace(&set, (1..4).map(address))).unwrap_err();
    assert!(error.is_busy(), "{error}");
    *left.lock().unwrap() = busy;
    ready(client.replace(&set, (1..4).map(address)))
}

#[test]
fn a_temporary_set_that_was_left_behind_is_destroyed_as_soon_as_nobody_lists_it() {
    assert_eq!(replaced_again(0).unwrap(), 3);
    assert_eq!(replaced_again(3).unwrap(), 3);
    let error = replaced_again(usize::MAX).unwrap_err();
    assert!(error.is_busy(), "{error}");
}
