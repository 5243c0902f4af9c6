//! The errors of refused requests: their kind, and the operation and the object in their text.

use ipvset::OnFailure;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipvset::ipset::elements::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;
use ipvset::{Error, ErrorKind, Missing};
use lab::Needs;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::Test;
use super::common::{Outcome as Result, kernel_is_at_least, listed, same, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        Needs::COMMON_SETS;
        a_set_that_exists,
        create_if_absent_accepts_only_the_same_set,
        an_entry_twice,
        an_entry_that_does_not_exist,
        an_entry_of_a_missing_set,
        commands_on_a_missing_set,
        errors_say_what_is_missing,
        a_set_in_use,
        a_set_being_listed,
        swapping_unlike_sets,
        renaming_to_an_existing_name,
        options_that_the_set_was_created_without,
        a_full_set,
        lists_and_their_members,
        names_and_indices,
        a_name_that_a_line_cannot_contain,
        no_permission,
        a_handle_that_lost_its_permission,
        a_refusal_of_many_requests_at_once,
        a_forked_process_does_not_wait_forever,
        types_that_the_kernel_or_the_crate_does_not_know,
        the_handle_is_usable_after_a_refusal,
    ]
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);

#[track_caller]
fn says<T>(result: std::result::Result<T, Error>, kind: ErrorKind, parts: &[&str]) {
    let error = match result {
        Ok(_) => panic!("no error instead of {kind:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn connected<T: SetType + Default>(name: &str) -> Result<(IpSets, IpSet<T>)> {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<T>::new(name)?;
    sets.create(&set)?;
    Ok((sets, set))
}

fn a_set_that_exists() -> Result {
    let (mut sets, set) = connected::<HashIpPortIp>("web")?;
    let again = sets.create(&set);
    assert!(again.as_ref().is_err_and(Error::is_already_exists));
    says(again, ErrorKind::AlreadyExists, &["create set web"]);
    Ok(())
}

fn create_if_absent_accepts_only_the_same_set() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    assert!(!sets.create_if_absent(&set)?, "it exists");
    assert!(!sets.create_if_absent(&set.clone().hashsize(4096))?);
    assert!(!sets.create_if_absent(&set.clone().maxelem(65536))?);
    assert!(
        sets.create_if_absent(&set.with_name("other")?)?,
        "it does not exist"
    );
    for (other, difference) in [
        (set.clone().maxelem(7), "maxelem 65536 instead of 7"),
        (set.clone().inet6(), "family IPv4 instead of IPv6"),
        (
            set.clone().timeout(Duration::from_secs(9)),
            "no timeout instead of 9",
        ),
        (set.clone().netmask(24), "no mask instead of netmask 24"),
        (set.clone().counters(), "no counters"),
        (set.clone().comments(), "no comments"),
        (set.clone().skbinfo(), "no skbinfo"),
        (set.clone().forceadd(), "no forceadd"),
    ] {
        let parts = ["create set web", difference];
        says(
            sets.create_if_absent(&other),
            ErrorKind::AlreadyExists,
            &parts,
        );
    }
    let other = IpSet::<HashNet>::new("web")?;
    let parts = ["type hash:ip instead of hash:net"];
    says(
        sets.create_if_absent(&other),
        ErrorKind::AlreadyExists,
        &parts,
    );
    let parts = ["its type is hash:ip, not hash:net"];
    says(sets.get::<HashNet>("web"), ErrorKind::InvalidInput, &parts);
    let listing = sets.list(&other).map(drop);
    says(
        listing,
        ErrorKind::InvalidInput,
        &["list set web", "not hash:net"],
    );
    Ok(())
}

fn an_entry_twice() -> Result {
    let (mut sets, set) = connected::<HashIpPortIp>("web")?;
    sets.add(&set, (SERVER, tcp(8080), SERVER))?;
    let again = sets.add(&set, (SERVER, tcp(8080), SERVER));
    let parts = ["add entry 10.0.0.11,tcp:8080,10.0.0.11 in web", "4103"];
    assert_eq!(again.as_ref().unwrap_err().ipset_code(), Some(4103));
    says(again, ErrorKind::AlreadyExists, &parts);
    sets.put(&set, (SERVER, tcp(8080), SERVER))?;
    Ok(())
}

fn an_entry_that_does_not_exist() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    let parts = ["remove entry 10.0.0.11 in web", "not in the set"];
    says(sets.remove(&set, SERVER), ErrorKind::NotFound, &parts);
    sets.remove_if_present(&set, SERVER)?;
    assert!(!sets.test(&set, SERVER)?);
    Ok(())
}

fn an_entry_of_a_missing_set() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("none")?;
    let parts = ["add entry 10.0.0.11 in none", "there is no such set"];
    says(sets.add(&set, SERVER), ErrorKind::NotFound, &parts);
    says(
        sets.test(&set, SERVER),
        ErrorKind::NotFound,
        &["test entry"],
    );
    says(
        sets.remove(&set, SERVER),
        ErrorKind::NotFound,
        &["remove entry"],
    );
    Ok(())
}

fn commands_on_a_missing_set() -> Result {
    let mut sets = IpSets::connect()?;
    let kind = ErrorKind::NotFound;
    says(sets.destroy("none"), kind, &["destroy set none"]);
    sets.destroy_if_present("none")?;
    says(sets.flush("none"), kind, &["flush set none"]);
    says(sets.header("none"), kind, &["get set none"]);
    says(sets.info("none"), kind, &["list set none"]);
    says(sets.index("none"), kind, &["find set none"]);
    says(sets.by_index(77), kind, &["find set number 77"]);
    says(
        sets.rename("none", "other"),
        kind,
        &["rename set none to other"],
    );
    let swap = sets.swap("none", "other");
    says(swap, kind, &["swap sets none and other", "first"]);
    sets.create(&IpSet::<HashIp>::new("some")?)?;
    says(sets.swap("some", "none"), kind, &["the second set"]);
    let missing = IpSet::<HashIp>::new("none")?;
    says(sets.list(&missing).map(drop), kind, &["list set none"]);
    says(sets.replace(&missing, [SERVER]), kind, &["none"]);
    let long = "x".repeat(32);
    let parts = ["32 bytes long, 31 is the limit"];
    says(sets.destroy(&long), ErrorKind::InvalidInput, &parts);
    Ok(())
}

/// Tests single requests and many at once.
fn errors_say_what_is_missing() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    let none = set.with_name("none")?;
    let is_missing = |what, error: Error| {
        assert!(error.is_not_found(), "{error}");
        same(&error.to_string(), error.missing(), Some(what));
    };
    is_missing(Missing::Entry, sets.remove(&set, SERVER).unwrap_err());
    let outcome = sets
        .remove_all(&set, [SERVER], OnFailure::Stop)
        .into_result();
    is_missing(Missing::Entry, outcome.unwrap_err());
    let outcome = sets.remove_all(&set, [SERVER], OnFailure::Continue);
    same("one", outcome.failures().len(), 1);
    is_missing(Missing::Entry, outcome.into_result().unwrap_err());

    for error in [
        sets.add(&none, SERVER).unwrap_err(),
        sets.remove(&none, SERVER).unwrap_err(),
        sets.remove_if_present(&none, SERVER).unwrap_err(),
        sets.test(&none, SERVER).unwrap_err(),
        sets.test_all(&none, [SERVER]).unwrap_err(),
        sets.add_all(&none, [SERVER], OnFailure::Stop)
            .into_result()
            .unwrap_err(),
        sets.remove_all(&none, [SERVER], OnFailure::Stop)
            .into_result()
            .unwrap_err(),
        sets.replace(&none, [SERVER]).unwrap_err(),
        sets.destroy(&none).unwrap_err(),
        sets.flush(&none).unwrap_err(),
        sets.rename(&none, "other").unwrap_err(),
        sets.swap(&none, &set).unwrap_err(),
        sets.swap(&set, &none).unwrap_err(),
        sets.header(&none).unwrap_err(),
        sets.info(&none).unwrap_err(),
        sets.index(&none).unwrap_err(),
        sets.by_index(60_000).unwrap_err(),
    ] {
        is_missing(Missing::Set, error);
    }
    let listing = sets.list(&none).err().ok_or("a listing of no set")?;
    is_missing(Missing::Set, listing);

    let list = IpSet::<ListSet>::new("list")?;
    sets.create(&list)?;
    let member = sets.add(&list, Member::new("none")?);
    is_missing(Missing::Member, member.unwrap_err());
    let outcome = sets
        .add_all(&list, [Member::new("none")?], OnFailure::Stop)
        .into_result();
    is_missing(Missing::Member, outcome.unwrap_err());
    for neighbor in ["none", "other"] {
        let before = sets.add(&list, Member::new("web")?.before(neighbor)?);
        is_missing(Missing::Neighbor, before.unwrap_err());
        sets.create_if_absent(&set.with_name("other")?)?;
    }
    same("nothing", sets.create(&set).unwrap_err().missing(), None);
    Ok(())
}

fn a_set_in_use() -> Result {
    let (mut sets, set) = connected::<HashIp>("member")?;
    let list = IpSet::<ListSet>::new("list")?;
    sets.create(&list)?;
    sets.add(&list, *set.name())?;
    let parts = ["destroy set member", "a rule or a list uses it"];
    says(sets.destroy(&set), ErrorKind::Busy, &parts);
    says(
        sets.rename(&set, "other"),
        ErrorKind::Busy,
        &["rename set member"],
    );
    says(sets.destroy_all(), ErrorKind::Busy, &["destroy set"]);
    same("all stay", sets.names()?.len(), 2);
    same("references", sets.info(&set)?.references, 1);
    sets.flush(&list)?;
    sets.destroy_all()?;
    same("none stays", sets.names()?.len(), 0);
    Ok(())
}

/// A set cannot be destroyed while it is listed, but can after the listing is dropped early.
fn a_set_being_listed() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("big")?.hashsize(16384);
    sets.create(&set)?;
    sets.add_all(&set, (1..=20_000).map(Ipv4Addr::from_bits), OnFailure::Stop)
        .into_result()?;
    let mut other = IpSets::connect()?;
    let mut entries = sets.list(&set)?;
    entries.next().expect("an entry")?;
    says(
        other.destroy(&set),
        ErrorKind::Busy,
        &["it is being listed"],
    );
    says(other.rename(&set, "x"), ErrorKind::Busy, &["being listed"]);
    other.create(&set.with_name("second")?)?;
    let swap = other.swap(&set, "second");
    says(swap, ErrorKind::Busy, &["being listed"]);
    let replaced = other.replace(&set, [SERVER]);
    says(replaced, ErrorKind::Busy, &["being listed"]);
    same("nothing is left", other.names()?.len(), 2);
    drop(entries);
    other.destroy(&set)?;
    Ok(())
}

fn swapping_unlike_sets() -> Result {
    let (mut sets, _) = connected::<HashIp>("addresses")?;
    sets.create(&IpSet::<HashNetPort>::new("ports")?)?;
    sets.create(&IpSet::<HashIp>::new("six")?.inet6())?;
    let range = Ipv4Range::new(SERVER, SERVER);
    sets.create(&IpSet::<BitmapIp>::new("bits")?.range(range))?;
    for other in ["ports", "six"] {
        let swap = sets.swap("addresses", other);
        says(swap, ErrorKind::InvalidInput, &["swap sets addresses and"]);
    }
    sets.swap("addresses", "bits")?;
    same("swapped", sets.header("bits")?.type_name, "hash:ip".into());
    Ok(())
}

fn renaming_to_an_existing_name() -> Result {
    let (mut sets, set) = connected::<HashIp>("one")?;
    sets.create(&set.with_name("two")?)?;
    let parts = ["rename set one to two", "a set of the new name exists"];
    says(sets.rename("one", "two"), ErrorKind::AlreadyExists, &parts);
    sets.rename("one", "three")?;
    same("the name", sets.header("three")?.name == "three", true);
    Ok(())
}

fn options_that_the_set_was_created_without() -> Result {
    let (mut sets, set) = connected::<HashIp>("bare")?;
    let entry = || Entry::<HashIp>::new(SERVER);
    for (entry, word) in [
        (entry().timeout(Duration::from_secs(5)), "without timeout"),
        (entry().counters(1, 1), "without counters"),
        (entry().comment("x"), "without comments"),
        (entry().skbmark(1), "without skbinfo"),
        (entry().skbprio(1, 1), "without skbinfo"),
        (entry().skbqueue(1), "without skbinfo"),
    ] {
        let added = sets.add(&set, entry);
        says(added, ErrorKind::InvalidInput, &[word, "10.0.0.11 in bare"]);
    }
    same("nothing was added", listed(&mut sets, &set)?, vec![]);
    Ok(())
}

fn a_full_set() -> Result {
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIp>::new("small")?.maxelem(3);
    sets.create(&set)?;
    sets.add_all(&set, (1..=3).map(Ipv4Addr::from_bits), OnFailure::Stop)
        .into_result()?;
    let fourth = sets.add(&set, SERVER);
    assert!(fourth.as_ref().is_err_and(Error::is_full));
    says(fourth, ErrorKind::Full, &["the set is full: maxelem 3"]);
    let bits = IpSet::<BitmapPort>::new("ports")?.range(1..=9);
    sets.create(&bits)?;
    let parts = ["add entry 10 in ports", "outside the set's range 1-9"];
    says(sets.add(&bits, 10), ErrorKind::InvalidInput, &parts);
    Ok(())
}

fn lists_and_their_members() -> Result {
    let (mut sets, list) = connected::<ListSet>("list")?;
    for name in ["one", "two", "three"] {
        sets.create(&IpSet::<HashIp>::new(name)?)?;
    }
    sets.create(&list.with_name("inner")?)?;
    let member = Member::new;
    let kind = ErrorKind::NotFound;
    says(sets.add(&list, member("none")?), kind, &["does not exist"]);
    let loops = sets.add(&list, member("inner")?);
    says(
        loops,
        ErrorKind::InvalidInput,
        &["cannot be a member of a list"],
    );
    let before = sets.add(&list, member("one")?.before("two")?);
    says(
        before,
        kind,
        &["add entry one before two in list", "not a member"],
    );
    let before = sets.add(&list, member("one")?.before("none")?);
    says(before, kind, &["does not exist"]);
    sets.add(&list, member("two")?)?;
    sets.add(&list, member("one")?.before("two")?)?;
    sets.add(&list, member("three")?.after("one")?)?;
    let names: Vec<_> = sets
        .list(&list)?
        .map(|entry| entry.map(|entry| entry.value().name().to_string()))
        .collect::<std::result::Result<_, _>>()?;
    same(
        "in order",
        names,
        ["one", "three", "two"].map(String::from).to_vec(),
    );
    assert!(sets.test(&list, member("three")?.before("two")?)?);
    assert!(!sets.test(&list, member("three")?.before("one")?)?);
    Ok(())
}

fn names_and_indices() -> Result {
    let (mut sets, _) = connected::<HashIp>("one")?;
    sets.create(&IpSet::<HashIp>::new("two")?)?;
    let index = sets.index("two")?;
    same("by index", sets.by_index(index)? == "two", true);
    same("in the list", sets.info("two")?.index, Some(index));
    same("protocol", sets.protocol(), 7);
    let (least, most) = sets.revisions("hash:ip".parse()?)?;
    // Linux 5.11 added revision 5.
    let newest = if kernel_is_at_least(5, 11) { 5 } else { 4 };
    assert!(least == 0 && most >= newest, "{least} to {most}");
    Ok(())
}

/// A set whose name a line cannot contain is listed, and can be destroyed.
fn a_name_that_a_line_cannot_contain() -> Result {
    let mut sets = IpSets::connect()?;
    lab::tool("ipset", ["create", "two words", "hash:ip"])?;
    let names = sets.names()?;
    same("the name", names[0].to_string(), "two words".into());
    sets.destroy(names[0])?;
    same("no more names", sets.names()?.len(), 0);
    Ok(())
}

fn no_permission() -> Result {
    // Clears the capabilities of this thread, which ends with the test.
    caps::clear(None, caps::CapSet::Effective)?;
    let connected = IpSets::connect();
    assert!(connected.as_ref().is_err_and(Error::is_permission_denied));
    let parts = ["connect to ipset", "CAP_NET_ADMIN"];
    says(connected, ErrorKind::PermissionDenied, &parts);
    Ok(())
}

/// The kernel checks the process that sends, not only the one that opened the socket.
fn a_handle_that_lost_its_permission() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    sets.add(&set, SERVER)?;
    caps::clear(None, caps::CapSet::Effective)?;
    let kind = ErrorKind::PermissionDenied;
    let other = set.with_name("other")?;
    let capability = "CAP_NET_ADMIN";
    says(sets.create(&other), kind, &["create set other", capability]);
    says(sets.destroy(&set), kind, &["destroy set web", capability]);
    says(sets.flush(&set), kind, &["flush set web", capability]);
    says(sets.rename(&set, "x"), kind, &["rename set web to x"]);
    says(sets.swap(&set, "x"), kind, &["swap sets web and x"]);
    says(sets.info(&set), kind, &["list set web", capability]);
    says(sets.names(), kind, &["list set", capability]);
    says(sets.header(&set), kind, &["get set web", capability]);
    says(sets.index(&set), kind, &["find set web", capability]);
    says(sets.list(&set).map(drop), kind, &["list set web"]);
    let all = sets
        .list_all()
        .and_then(|all| all.collect::<ipvset::Result<Vec<_>>>());
    says(all, kind, &["list set"]);
    let parts = ["entry 10.0.0.11 in web", capability];
    says(sets.add(&set, SERVER), kind, &parts);
    says(sets.remove(&set, SERVER), kind, &parts);
    says(sets.test(&set, SERVER), kind, &parts);
    let outcome = sets.add_all(&set, [SERVER], OnFailure::Continue);
    same("applied", outcome.applied(), 0);
    says(outcome.into_result(), kind, &["web", capability]);
    says(sets.replace(&set, [SERVER]), kind, &["web", capability]);
    Ok(())
}

/// nfnetlink refuses the whole datagram with an error for its first request, and ignores the
/// others.
fn a_refusal_of_many_requests_at_once() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    sets.add(&set, SERVER)?;
    caps::clear(None, caps::CapSet::Effective)?;
    let parts = ["test entry web (index 0)", "CAP_NET_ADMIN"];
    let kind = ErrorKind::PermissionDenied;
    says(sets.test_all(&set, [SERVER; 3]), kind, &parts);
    says(
        sets.test_all(&set, std::iter::repeat_n(SERVER, 100_000)),
        kind,
        &parts,
    );
    caps::raise(
        None,
        caps::CapSet::Effective,
        caps::Capability::CAP_NET_ADMIN,
    )?;
    same("again", sets.test_all(&set, [SERVER; 3])?, vec![true; 3]);
    Ok(())
}

/// Two processes that share a handle receive each other's replies. A call may fail, but it returns.
fn a_forked_process_does_not_wait_forever() -> Result {
    fn tested(sets: &mut IpSets, set: &IpSet<HashIp>) -> std::result::Result<(), Error> {
        for _ in 0..2000 {
            match sets.test(set, SERVER) {
                Err(error) if !error.is_replies_lost() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
    let (mut sets, set) = connected::<HashIp>("web")?;
    // SAFETY: the child only tests entries, which needs no lock that another thread may hold, and
    // then exits.
    let here = match unsafe { fork()? } {
        ForkResult::Child => {
            let status = i32::from(tested(&mut sets, &set).is_err());
            unsafe { nix::libc::_exit(status) }
        }
        ForkResult::Parent { child } => {
            let here = tested(&mut sets, &set);
            same(
                "the child",
                waitpid(child, None)?,
                WaitStatus::Exited(child, 0),
            );
            here
        }
    };
    Ok(here?)
}

/// Each type is supported, or the error names the missing module.
fn types_that_the_kernel_or_the_crate_does_not_know() -> Result {
    let mut sets = IpSets::connect()?;
    for kind in AnyType::all() {
        let revisions = sets.revisions(kind);
        let mut set = AnySet::untyped("web", kind)?;
        set.options_mut().range = match kind.name() {
            "bitmap:port" => Some(PortRange::new(1, 9).into()),
            name if name.starts_with("bitmap:") => Some(Ipv4Range::new(SERVER, SERVER).into()),
            _ => None,
        };
        let created = sets.create(&set);
        if revisions.is_ok() {
            created?;
            sets.destroy(&set)?;
            continue;
        }
        let module = kind.name().replace(':', "_").replace(',', "");
        let parts = [kind.name(), &format!("ip_set_{module}")];
        says(revisions, ErrorKind::Unavailable, &parts);
        says(
            created,
            ErrorKind::Unavailable,
            &["create set web", parts[1]],
        );
    }
    let unknown = "hash:ip,ip".parse::<AnyType>();
    says(unknown, ErrorKind::InvalidInput, &["hash:ip,ip"]);
    Ok(())
}

fn the_handle_is_usable_after_a_refusal() -> Result {
    let (mut sets, set) = connected::<HashIp>("web")?;
    for _ in 0..3 {
        assert!(sets.add(&set, Ipv6Addr::LOCALHOST).is_err());
        assert!(sets.add(&set, Ipv4Addr::UNSPECIFIED).is_err());
        assert!(sets.destroy("none").is_err());
        sets.put(&set, SERVER)?;
        assert!(sets.test(&set, SERVER)?);
    }
    Ok(())
}
