//! Replacing the content of a set while a rule uses it, or while other programs change or list
//! sets.

use ipvset::OnFailure;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use lab::Namespace;

use super::common::{Outcome, created, set, tests, v4, values};
use super::{Test, needs};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = tests![
        &["hash:ip"];
        a_set_that_is_gone_at_the_end_of_a_replacement,
        a_set_that_is_listed_at_the_end_of_a_replacement,
        during_repeated_listings,
        a_set_that_a_killed_process_left,
        a_set_that_could_not_be_destroyed,
        a_set_destroyed_while_entries_are_added,
        sets_swapped_while_entries_are_added,
        a_namespace_that_goes_away_while_entries_are_added,
        entries_come_and_go_during_a_listing,
        two_listings_at_once,
    ];
    tests.push(
        needs(
            &["hash:ip"],
            "replace::a_packet_sees_the_old_content_or_the_new",
            a_packet_sees_the_old_content_or_the_new,
        )
        .with_rules(),
    );
    tests
}

/// Sends packets that a rule drops unless their destination is in the set `s`. The sender gets the
/// result at once.
pub(super) struct Probe(UdpSocket);

impl Probe {
    pub(super) fn new() -> Outcome<Self> {
        let rule = "-p udp -m set ! --match-set s dst -j DROP";
        lab::test::need("firewall rules", lab::Iptables::new()).append("filter", "OUTPUT", rule)?;
        Ok(Self(UdpSocket::bind("127.0.0.1:0")?))
    }

    /// Whether the address is in the set for a packet.
    pub(super) fn sees(&self, address: Ipv4Addr) -> bool {
        match self.0.send_to(b"?", (address, 9)) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => false,
            // An earlier packet reached the port, and no program listens there.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => self.sees(address),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Replaces the content a thousand times. Each content has its own address and a common one, which
/// is added last. Packets are sent all the time, and at least three times between the steps of each
/// replacement.
fn a_packet_sees_the_old_content_or_the_new() -> Outcome {
    const ROUNDS: u32 = 1000;
    const SIZE: u32 = 40;
    let own = |round: u32| Ipv4Addr::from_bits(0x7f01_0000 + round);
    let always = v4("127.2.0.1");
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add_all(&set, [own(0), always], OnFailure::Stop)
        .into_result()?;
    let index = sets.index(&set)?;
    let probe = Probe::new()?;
    assert!(probe.sees(always) && probe.sees(own(0)) && !probe.sees(own(1)));

    let over = AtomicBool::new(false);
    let (seen, missed) = (AtomicU32::new(0), AtomicU32::new(0));
    let replaced = std::thread::scope(|scope| -> Outcome {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let count = if probe.sees(always) { &seen } else { &missed };
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let rounds = || -> Outcome {
            for round in 1..=ROUNDS {
                let filler = (0..SIZE).map(|number| Ipv4Addr::from_bits(0x0a00_0001 + number));
                let content = [own(round)].into_iter().chain(filler).chain([always]);
                let content = content.enumerate().map(|(position, address)| {
                    if position as u32 % SIZE == 0 {
                        // The packets see all of the old content and nothing of the new one.
                        assert!(probe.sees(always) && probe.sees(own(round - 1)));
                        assert!(!probe.sees(own(round)));
                    }
                    address
                });
                assert_eq!(sets.replace(&set, content)?, SIZE as usize + 2);
                assert!(probe.sees(always) && probe.sees(own(round)));
                assert!(!probe.sees(own(round - 1)), "round {round}");
            }
            Ok(())
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(rounds));
        over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    replaced?;
    assert!(seen.into_inner() > 0);
    assert_eq!(missed.into_inner(), 0);
    assert_eq!(sets.names()?.len(), 1);
    assert_eq!((sets.index(&set)?, sets.info(&set)?.references), (index, 1));
    // The rule still uses the set.
    assert!(sets.destroy(&set).unwrap_err().is_busy());
    assert!(sets.rename(&set, "t").unwrap_err().is_busy());
    Ok(())
}

pub(super) fn addresses(numbers: std::ops::Range<u32>) -> impl Iterator<Item = Ipv4Addr> {
    numbers.map(|number| Ipv4Addr::from_bits(0x0a00_0000 + number))
}

/// Calls a function before one of the entries is returned.
pub(super) fn midway(count: u32, act: impl FnOnce()) -> impl Iterator<Item = Ipv4Addr> {
    let mut act = Some(act);
    addresses(0..count)
        .enumerate()
        .map(move |(position, address)| {
            if position as u32 == count / 2 {
                if let Some(act) = act.take() {
                    act();
                }
            }
            address
        })
}

fn a_set_that_is_gone_at_the_end_of_a_replacement() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let mut other = IpSets::connect()?;
    let entries = midway(1000, || other.destroy("s").unwrap());
    let error = sets.replace(&set, entries).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains('s'), "{error}");
    assert_eq!(sets.names()?.len(), 0);
    Ok(())
}

fn a_set_that_is_listed_at_the_end_of_a_replacement() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().hashsize(16384))?;
    sets.add_all(&set, addresses(1..20_000), OnFailure::Stop)
        .into_result()?;
    let mut other = IpSets::connect()?;
    let mut listing = other.list(&set)?;
    listing.next().ok_or("an entry")??;
    let error = sets.replace(&set, addresses(0..9)).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert_eq!(sets.names()?.len(), 1);
    assert_eq!(sets.info(&set)?.entries, Some(19_999));
    drop(listing);
    assert_eq!(sets.replace(&set, addresses(0..9))?, 9);
    Ok(())
}

/// Returns the names of the crate's temporary sets.
pub(super) fn own_sets(sets: &mut IpSets) -> Outcome<Vec<String>> {
    let names = sets.names()?.into_iter().map(|name| name.to_string());
    Ok(names.filter(|name| name.starts_with("ipvset-")).collect())
}

/// Another thread lists all sets repeatedly, so that most swaps and many destructions are refused.
fn during_repeated_listings() -> Outcome {
    const ROUNDS: u32 = 100;
    // A listing needs several datagrams, so that it takes a while.
    const SIZE: u32 = 10_000;
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add_all(&set, addresses(1..SIZE), OnFailure::Stop)
        .into_result()?;
    let (over, listed) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut other = IpSets::connect()?;
    let errors = std::thread::scope(|scope| -> Outcome<Vec<_>> {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let entries = other.list_all().unwrap();
                let items = entries.collect::<ipvset::Result<Vec<_>>>().unwrap();
                assert!(items.len() >= SIZE as usize);
                listed.fetch_add(1, Ordering::Relaxed);
            }
        });
        let replaced =
            (0..ROUNDS).map(|round| sets.replace(&set, addresses(round..round + SIZE - 1)));
        let errors = replaced.filter_map(Result::err).collect();
        over.store(true, Ordering::Relaxed);
        Ok(errors)
    });
    assert!(errors?.is_empty());
    assert!(listed.into_inner() > 0);
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    let expected: BTreeSet<_> = addresses(ROUNDS - 1..ROUNDS + SIZE - 2)
        .map(IpAddr::from)
        .collect();
    let there = sets
        .list(&set)?
        .map(|entry| entry.map(|it| it.value().address()));
    let there: BTreeSet<_> = there
        .collect::<ipvset::Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    assert!(there == expected);
    Ok(())
}

/// The environment variable of a process that dies during a replacement.
const DIES: &str = "IPVSET_TEST_DIES";

/// Starts to replace the content of the set `s` and aborts, if the variable is set.
pub(crate) fn die_if_asked() {
    if std::env::var_os(DIES).is_some() {
        let mut sets = IpSets::connect().unwrap();
        let entries = midway(1000, || std::process::abort());
        sets.replace(&set::<HashIp>(), entries).unwrap();
    }
}

fn a_set_that_a_killed_process_left() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    sets.add_all(&set, addresses(1..10), OnFailure::Stop)
        .into_result()?;
    // A replacement that started earlier is not mistaken for a leftover.
    let entries = midway(1000, || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let status = command.env(DIES, "").status().unwrap();
        assert!(!status.success());
        let mut third = IpSets::connect().unwrap();
        let own = |third: &mut IpSets| own_sets(third).unwrap().len();
        assert_eq!(own(&mut third), 2);
        let other = set.with_name("t").unwrap();
        third.create(&other).unwrap();
        third.replace(&other, addresses(0..9)).unwrap();
        assert_eq!(own(&mut third), 1);
    });
    assert_eq!(sets.replace(&set, entries)?, 1000);
    assert_eq!(own_sets(&mut sets)?, [""; 0]);
    assert_eq!(sets.names()?.len(), 2);
    Ok(())
}

/// The temporary set is being listed, so it can be neither swapped nor destroyed.
fn a_set_that_could_not_be_destroyed() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().hashsize(16384))?;
    sets.add_all(&set, addresses(1..10), OnFailure::Stop)
        .into_result()?;
    let mut other = IpSets::connect()?;
    let mut listing = None;
    let entries = midway(60_000, || {
        let [name] = &own_sets(&mut other).unwrap()[..] else {
            panic!("one set");
        };
        let mut entries = other.list(&set.with_name(&name[..]).unwrap()).unwrap();
        entries.next().unwrap().unwrap();
        listing = Some(entries);
    });
    let error = sets.replace(&set, entries).unwrap_err();
    assert!(error.is_busy(), "{error}");
    let mut third = IpSets::connect()?;
    let [name] = &own_sets(&mut third)?[..] else {
        return Err("one set".into());
    };
    assert!(error.to_string().contains(&name[..]), "{error}");
    assert_eq!(sets.info(&set)?.entries, Some(9));
    // The handle has no other name for a temporary set.
    let error = sets.replace(&set, addresses(0..9)).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert_eq!(sets.info(&set)?.entries, Some(9));
    drop(listing);
    // Another handle destroys it only after the first handle is closed.
    third.replace(&set, addresses(0..9))?;
    assert_eq!(own_sets(&mut third)?.len(), 1);
    drop(sets);
    third.replace(&set, addresses(0..9))?;
    assert_eq!(own_sets(&mut third)?.len(), 0);
    Ok(())
}

fn a_set_destroyed_while_entries_are_added() -> Outcome {
    for (puts, on_failure) in [
        (false, OnFailure::Stop),
        (false, OnFailure::Continue),
        (true, OnFailure::Stop),
    ] {
        let (mut sets, set) = created(set::<HashIp>())?;
        let mut other = IpSets::connect()?;
        let entries = midway(60_000, || other.destroy("s").unwrap());
        let outcome = match puts {
            false => sets.add_all(&set, entries, on_failure),
            true => sets.put_all(&set, entries, on_failure),
        };
        assert!(outcome.stopped().is_some_and(|error| error.is_not_found()));
        assert!(outcome.failures().is_empty());
        // The added entries were destroyed with the set, and the others were not added.
        let applied = outcome.applied();
        assert!((1..30_000).contains(&applied), "{applied}");
        assert_eq!(outcome.untried_from(), Some(applied));
        let error = outcome.into_result().unwrap_err();
        assert_eq!(error.object_name(), Some("s"));
        assert_eq!(sets.names()?.len(), 0);
        // The handle is still usable.
        sets.create(&set)?;
        assert_eq!(
            sets.add_all(&set, addresses(0..10), OnFailure::Stop)
                .into_result()?,
            10
        );
        sets.destroy(&set)?;
    }
    Ok(())
}

fn sets_swapped_while_entries_are_added() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let second = set.with_name("second")?;
    sets.create(&second)?;
    let mut other = IpSets::connect()?;
    let entries = midway(60_000, || other.swap("s", "second").unwrap());
    let outcome = sets.add_all(&set, entries, OnFailure::Stop);
    assert!(outcome.is_complete());
    assert_eq!(outcome.applied(), 60_000);
    let there = |sets: &mut IpSets, set: &IpSet<HashIp>| -> Outcome<BTreeSet<String>> {
        Ok(values(sets, set)?.into_iter().collect())
    };
    let (one, other) = (there(&mut sets, &set)?, there(&mut sets, &second)?);
    assert!(!one.is_empty() && !other.is_empty());
    assert!(one.is_disjoint(&other));
    assert_eq!(one.len() + other.len(), 60_000);
    Ok(())
}

/// The connection keeps the namespace, so all entries are added even if nothing else uses it.
fn a_namespace_that_goes_away_while_entries_are_added() -> Outcome {
    let namespace = Namespace::new()?;
    let mut sets = IpSets::connect_in(&ipvset::Namespace::open(namespace.path())?)?;
    let set = set::<HashIp>();
    sets.create(&set)?;
    assert!(IpSets::connect()?.names()?.is_empty());
    let entries = midway(60_000, move || drop(namespace));
    assert_eq!(
        sets.add_all(&set, entries, OnFailure::Stop).into_result()?,
        60_000
    );
    assert_eq!(sets.list(&set)?.count(), 60_000);
    let outcome = sets.remove_all(&set, addresses(0..60_001), OnFailure::Continue);
    assert_eq!(outcome.applied(), 60_000);
    assert_eq!(outcome.failures()[0].index, 60_000);
    Ok(())
}

/// An entry that is in the set all the time is listed once. An entry that was never in the set is
/// not listed.
fn entries_come_and_go_during_a_listing() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>().hashsize(16384).maxelem(1 << 20))?;
    sets.add_all(&set, addresses(1..20_000), OnFailure::Stop)
        .into_result()?;
    let mut other = IpSets::connect()?;
    let mut seen = BTreeSet::new();
    for (position, entry) in sets.list(&set)?.enumerate() {
        let address = entry?.value().address().ok_or("one address")?;
        assert!(seen.insert(address), "{address} comes twice");
        if position == 5000 {
            other
                .remove_all(&set, addresses(10_000..20_000), OnFailure::Stop)
                .into_result()?;
            // Enough entries that the kernel enlarges the table meanwhile.
            other
                .add_all(&set, addresses(20_000..150_000), OnFailure::Stop)
                .into_result()?;
        }
    }
    for address in addresses(1..10_000) {
        assert!(seen.contains(&IpAddr::V4(address)), "{address} is missing");
    }
    let ever: BTreeSet<IpAddr> = addresses(1..150_000).map(IpAddr::from).collect();
    assert!(seen.is_subset(&ever));
    assert_eq!(sets.list(&set)?.count(), 9_999 + 130_000);
    Ok(())
}

fn two_listings_at_once() -> Outcome {
    let (mut sets, set) = created(set::<HashIp>())?;
    let second = set.with_name("second")?;
    sets.create(&second)?;
    sets.add_all(&set, addresses(1..20_000), OnFailure::Stop)
        .into_result()?;
    sets.add_all(&second, addresses(30_000..35_000), OnFailure::Stop)
        .into_result()?;
    let mut other = IpSets::connect()?;
    let (mut one, mut two) = (sets.list(&set)?, other.list(&second)?);
    let mut counts = (0, 0);
    loop {
        let (first, second) = (one.next().transpose()?, two.next().transpose()?);
        counts.0 += usize::from(first.is_some());
        counts.1 += usize::from(second.is_some());
        if first.is_none() && second.is_none() {
            break;
        }
    }
    assert_eq!(counts, (19_999, 5_000));
    Ok(())
}
