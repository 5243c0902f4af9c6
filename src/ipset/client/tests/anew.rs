//! Sets of another type, which are created anew.

use std::sync::{Arc, Mutex};

use nix::libc;

use super::beside::asks_for;
use super::{address, refusal, with_set};
use crate::ErrorKind;
use crate::ipset::message::code::{self, Command};
use crate::ipset::plan::{Policy, Scope, SetsReport, WantedSets, Way};
use crate::ipset::types::HashIp;
use crate::ipset::{AnySet, IpSet};
use crate::netlink::ready;
use crate::netlink::scripted::{Reply, Request};

/// A command, and whether it is for the temporary set.
type Sent = (Command, bool);

const CREATE: Sent = (Command::Create, true);
const ADD: Sent = (Command::Add, true);
const DESTROY: Sent = (Command::Destroy, false);
const RENAME: Sent = (Command::Rename, true);
const DESTROY_TEMPORARY: Sent = (Command::Destroy, true);

/// Brings the set `web`, a `hash:net`, to three addresses as a `hash:ip`. Returns the report and
/// the commands that change something.
fn recreated(
    mut answer: impl FnMut(Sent, &Request<'_>) -> Option<Reply>,
) -> (SetsReport, Vec<Sent>) {
    const COMMANDS: [Command; 5] = [
        Command::Create,
        Command::Add,
        Command::Destroy,
        Command::Rename,
        Command::Swap,
    ];
    let there: AnySet = "web hash:net".parse().unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let mut is_gone = false;
    let mut client = with_set(there, move |request| {
        if asks_for(Command::List, request) && is_gone {
            return Some(vec![request.error(libc::ENOENT)]);
        }
        let command = COMMANDS.into_iter().find(|it| asks_for(*it, request))?;
        let is_temporary = request.bytes.windows(7).any(|it| it == b"ipvset-");
        let one = (command, is_temporary);
        log.lock().unwrap().push(one);
        let reply = answer(one, request);
        is_gone |= one == DESTROY && reply.is_none();
        reply.map(|it| vec![it])
    });
    let mut wanted = WantedSets::new();
    let set = IpSet::<HashIp>::new("web").unwrap();
    wanted.insert(&set, (1..4).map(address)).unwrap();
    let policy = Policy::new().recreate();
    let report = ready(client.apply_all(&wanted, &Scope::named(), &policy)).unwrap();
    let sent = sent.lock().unwrap().clone();
    (report, sent)
}

#[test]
fn the_old_set_is_destroyed_only_after_the_new_one_was_filled() {
    let (report, sent) = recreated(|_, _| None);
    assert!(report.is_complete() && report.sets()[0].is_created());
    assert_eq!(report.sets()[0].counts().added, 3);
    assert_eq!(sent, [CREATE, ADD, DESTROY, RENAME]);
}

#[test]
fn the_old_set_stays_if_the_new_one_cannot_be_made() {
    for (refused, code, kind) in [
        (CREATE, code::FIND_TYPE, ErrorKind::Unavailable),
        (ADD, libc::ENOMEM, ErrorKind::Other),
        (DESTROY, libc::EPERM, ErrorKind::PermissionDenied),
    ] {
        let (report, sent) =
            recreated(|one, request| (one == refused).then(|| request.error(code)));
        assert!(report.is_unchanged() && !report.is_complete(), "{report}");
        let stopped = report.sets()[0].stopped().unwrap();
        assert_eq!(stopped.kind(), kind, "{stopped}");
        let all = [CREATE, ADD, DESTROY];
        let until = all.iter().position(|it| *it == refused).unwrap();
        let expected = all[..=until].iter().chain([&DESTROY_TEMPORARY]);
        assert!(sent.iter().eq(expected), "{sent:?}");
    }
    // The set is full, each time.
    let (report, sent) = recreated(|one, request| {
        let full = || refusal(request, 2, code::TYPE_SPECIFIC);
        (one == ADD).then(full)
    });
    assert!(report.is_unchanged() && !report.is_complete(), "{report}");
    let (_, error) = report.failed().next().unwrap();
    assert!(error.is_full(), "{error}");
    assert!(!sent.contains(&DESTROY));
}

#[test]
fn a_set_that_another_program_creates_after_the_old_one_was_destroyed_is_told() {
    let mut renames = 0;
    let mut answer = |one, request: &Request<'_>| {
        if one == RENAME {
            renames += 1;
            return Some(request.error(4101));
        }
        // The other program's set cannot be listed either, since it is gone again.
        (one == (Command::Create, false)).then(|| request.error(libc::EEXIST))
    };
    let (report, sent) = recreated(&mut answer);
    assert_eq!(renames, 1, "{sent:?}");
    assert!(!report.is_unchanged() && !report.is_complete());
    let stopped = report.sets()[0].stopped().unwrap();
    assert!(stopped.is_already_exists(), "{stopped}");
    assert!(stopped.to_string().contains("destroyed"), "{stopped}");
    assert_eq!(sent[3..5], [RENAME, DESTROY_TEMPORARY]);
}

/// For example, because another program lists it all the time.
#[test]
fn a_set_that_cannot_be_renamed_is_created_under_its_name() {
    let (report, sent) = recreated(|one, request| (one == RENAME).then(|| request.error(4108)));
    assert!(report.is_complete() && !report.is_unchanged(), "{report}");
    let set = &report.sets()[0];
    assert!(set.is_created() && *set.way() == Way::Create);
    assert_eq!(
        sent[sent.len() - 2..],
        [(Command::Create, false), (Command::Add, false)]
    );
}

/// It is unknown whether the old set was destroyed, so it is read again.
#[test]
fn a_lost_reply_to_the_destruction_is_not_unchanged() {
    let mut lost = true;
    let (report, _) = recreated(|one, _| {
        let first = one == DESTROY && std::mem::replace(&mut lost, false);
        first.then_some(Reply::Lost)
    });
    assert!(!report.is_unchanged(), "{report}");
}
