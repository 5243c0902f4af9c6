//! A reader that does not read its listing to the end: it drops the listing, or leaves it open while
//! others work on the set.

use std::net::Ipv4Addr;

use ipvset::OnFailure;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use lab::test::Test;

use crate::Result;
use crate::scenarios::{addresses, content};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        Test::new("unread::dropped", dropped),
        Test::new("unread::dropped_with_its_handle", dropped_with_its_handle),
        Test::new(
            "unread::dropped_before_its_handle",
            dropped_before_its_handle,
        ),
        Test::new("unread::left_open", left_open),
    ]
}

/// More entries than the kernel sends before the reader asks for more.
const COUNT: u32 = 20_000;

fn created(sets: &mut IpSets, name: &str) -> Result<IpSet<HashIp>> {
    let set = IpSet::<HashIp>::new(name)?;
    sets.create(&set)?;
    sets.add_all(&set, addresses(0, COUNT), OnFailure::Stop)
        .into_result()?;
    Ok(set)
}

/// A request, which fails unless the answer is its own.
type Request = fn(&mut IpSets, &IpSet<HashIp>) -> Result;

fn new_address() -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1)
}

const REQUESTS: [(&str, Request); 8] = [
    ("list", |sets, set| {
        let mut listing = sets.list(set)?;
        let count = listing.try_fold(0, |count, entry| entry.map(|_| count + 1))?;
        assert_eq!(count, COUNT);
        Ok(())
    }),
    ("list another", |sets, _| {
        assert_eq!(sets.list(&IpSet::<HashIp>::new("empty")?)?.count(), 0);
        Ok(())
    }),
    ("names", |sets, _| {
        let mut names: Vec<_> = sets.names()?.iter().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names, ["empty", "s"]);
        Ok(())
    }),
    ("test", |sets, set| {
        assert!(sets.test(set, Ipv4Addr::new(10, 0, 0, 1))?);
        assert!(!sets.test(set, new_address())?);
        Ok(())
    }),
    ("test all", |sets, set| {
        let found = sets.test_all(set, [Ipv4Addr::new(10, 0, 0, 1), new_address()])?;
        assert_eq!(found, [true, false]);
        Ok(())
    }),
    ("add", |sets, set| {
        sets.add(set, new_address())?;
        let error = sets.add(set, new_address()).expect_err("it is there");
        assert!(error.is_already_exists(), "{error}");
        Ok(sets.remove(set, new_address())?)
    }),
    ("add all", |sets, set| {
        let both = [Ipv4Addr::new(10, 0, 0, 1), new_address()];
        let outcome = sets.add_all(set, both, OnFailure::Continue);
        let failed: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
        assert_eq!((outcome.applied(), failed), (1, vec![0]));
        Ok(sets.remove(set, new_address())?)
    }),
    ("replace", |sets, set| {
        sets.replace(set, addresses(0, COUNT))?;
        Ok(())
    }),
];

/// The socket's next request gets its own answer, after any part of the listing was read.
fn dropped() -> Result {
    let mut sets = IpSets::connect()?;
    let set = created(&mut sets, "s")?;
    sets.create(&IpSet::<HashIp>::new("empty")?)?;
    for (name, request) in REQUESTS {
        for read in [0, 1, 5000] {
            let mut listing = sets.list(&set)?;
            for _ in 0..read {
                listing.next().ok_or("an entry")??;
            }
            drop(listing);
            request(&mut sets, &set).map_err(|error| format!("{name} after {read}: {error}"))?;
            let left = content(&set)?.len();
            assert_eq!(left, COUNT as usize, "{name} after {read}");
        }
    }
    // Nothing holds the sets any more.
    Ok(sets.destroy_all()?)
}

/// Reads the first entry of a listing and drops the rest.
fn begin_and_drop(reader: &mut IpSets, set: &IpSet<HashIp>) -> Result {
    reader.list(set)?.next().ok_or("an entry")??;
    Ok(())
}

fn dropped_with_its_handle() -> Result {
    let mut sets = IpSets::connect()?;
    let set = created(&mut sets, "s")?;
    let mut reader = IpSets::connect()?;
    begin_and_drop(&mut reader, &set)?;
    drop(reader);
    Ok(sets.destroy(&set)?)
}

/// Others need not wait for the handle's next request.
fn dropped_before_its_handle() -> Result {
    let mut sets = IpSets::connect()?;
    let set = created(&mut sets, "s")?;
    let mut reader = IpSets::connect()?;
    begin_and_drop(&mut reader, &set)?;
    sets.destroy(&set)?;
    drop(reader);
    Ok(())
}

/// Others change the set as always, but they cannot destroy it, and are told so.
fn left_open() -> Result {
    let mut sets = IpSets::connect()?;
    let set = created(&mut sets, "s")?;
    let other = created(&mut sets, "other")?;
    let mut reader = IpSets::connect()?;
    let mut listing = reader.list(&set)?;
    listing.next().ok_or("an entry")??;

    sets.add(&set, new_address())?;
    let more = addresses(COUNT, 2 * COUNT);
    sets.add_all(&set, more, OnFailure::Stop).into_result()?;
    assert_eq!(content(&set)?.len(), 2 * COUNT as usize + 1);
    let error = sets.destroy(&set).expect_err("it is being read");
    assert!(error.is_busy(), "{error}");
    sets.destroy(&other)?;

    // What is there from the beginning to the end is listed, whatever else was added.
    let mut found = 1;
    for entry in listing {
        entry?;
        found += 1;
    }
    assert!((COUNT..=2 * COUNT + 1).contains(&found), "{found}");
    drop(reader);
    assert_eq!(content(&set)?.len(), 2 * COUNT as usize + 1);
    Ok(sets.destroy(&set)?)
}
