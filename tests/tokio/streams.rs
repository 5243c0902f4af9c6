//! Listings as streams, and sorted listings.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, SetOrEntry};
use ipvset::ipvs::{Operation, RealServer, VirtualService};
use ipvset::tokio::{IpSets, Ipvs};
use ipvset::{OnFailure, ipset};
use tokio::task::yield_now;

use crate::support::{Result, tests};

tests![on_one_thread:
    the_entries_of_a_set,
    the_entries_of_all_sets,
    the_services_of_a_table,
    a_service_is_not_lost_with_its_future,
    next_to_a_slow_task,
    sorted,
];

/// More entries than a turn receives.
const ENTRIES: u32 = 100_000;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

async fn with_entries(name: &str, count: u32) -> Result<(IpSets, IpSet<HashIp>)> {
    let set = IpSet::<HashIp>::new(name)?.maxelem(ENTRIES);
    let mut sets = IpSets::connect().await?;
    sets.create(&set).await?;
    let entries = (0..count).map(address);
    let added = sets.add_all(&set, entries, OnFailure::Stop).await;
    added.into_result()?;
    Ok((sets, set))
}

/// Asserts that the list contains each of the first addresses once.
fn assert_all(listed: impl IntoIterator<Item = Ipv4Addr>, count: u32) {
    let mut listed: Vec<_> = listed.into_iter().collect();
    listed.sort();
    assert!(listed.into_iter().eq((0..count).map(address)));
}

fn v4(entry: &ipset::Entry<HashIp>) -> Ipv4Addr {
    entry.value().to_string().parse().expect("an address")
}

/// Counts how often a stream is pending.
fn counting<S: Stream + Unpin>(mut stream: S, waits: &mut usize) -> impl Stream<Item = S::Item> {
    futures_util::stream::poll_fn(move |context| {
        let polled = stream.poll_next_unpin(context);
        *waits += usize::from(polled.is_pending());
        polled
    })
}

async fn the_entries_of_a_set() -> Result {
    let (mut sets, set) = with_entries("it", ENTRIES).await?;
    let mut waits = 0;
    let entries = counting(sets.list(&set).await?, &mut waits);
    let entries: Vec<_> = entries.try_collect().await?;
    assert!(waits > 0, "it lets other tasks run");
    assert_all(entries.iter().map(v4), ENTRIES);
    Ok(())
}

async fn the_entries_of_all_sets() -> Result {
    let (mut sets, _) = with_entries("one", ENTRIES).await?;
    with_entries("two", 3).await?;
    let (mut names, mut count) = (BTreeSet::new(), 0);
    let mut all = sets.list_all().await?;
    while let Some(item) = all.try_next().await? {
        match item {
            SetOrEntry::Set(info) => drop(names.insert(info.name.to_string())),
            _ => count += 1,
        }
    }
    assert!(all.next().await.is_none());
    assert_eq!(count, ENTRIES + 3);
    assert!(names.iter().eq(["one", "two"]), "{names:?}");
    Ok(())
}

const SERVICES: u16 = 100;

async fn with_services() -> Result<Ipvs> {
    let mut ipvs = Ipvs::connect().await?;
    let operations = (1..=SERVICES).flat_map(|port| {
        let service = VirtualService::tcp(([10, 0, 0, 1], port).into());
        let server = RealServer::new(([10, 1, 0, 1], port).into());
        let add_server = Operation::AddServer(service.key, server);
        [Operation::AddService(service), add_server]
    });
    let outcome = ipvs.execute_all(operations, OnFailure::Stop).await;
    outcome.into_result()?;
    Ok(ipvs)
}

async fn the_services_of_a_table() -> Result {
    let mut ipvs = with_services().await?;
    let mut waits = 0;
    let entries = counting(ipvs.entries().await?, &mut waits);
    let mut entries: Vec<_> = entries.try_collect().await?;
    assert!(waits > 0, "it lets other tasks run");
    assert_eq!(entries.len(), usize::from(SERVICES));
    assert!(entries.iter().all(|it| it.servers.len() == 1));
    // From Linux 7.1 on, the order changes when the kernel resizes the table.
    let mut table = ipvs.table().await?;
    for entries in [&mut entries, &mut table] {
        entries.sort_by_key(|it| it.service.key());
    }
    assert_eq!(entries, table);
    Ok(())
}

async fn a_service_is_not_lost_with_its_future() -> Result {
    let mut ipvs = with_services().await?;
    let mut entries = ipvs.entries().await?;
    let (mut keys, mut dropped) = (BTreeSet::new(), 0);
    loop {
        let polled = poll_fn(|context| Poll::Ready(pin!(entries.next()).poll(context))).await;
        match polled {
            Poll::Pending => {
                dropped += 1;
                yield_now().await;
            }
            Poll::Ready(None) => break,
            Poll::Ready(Some(entry)) => assert!(keys.insert(entry?.service.key())),
        }
    }
    assert!(dropped > 0, "no future was pending");
    assert_eq!(keys.len(), usize::from(SERVICES));
    Ok(())
}

/// Polls a stream repeatedly, each time with a new future, and after another task has taken longer
/// than a turn. The stream makes progress in at least every second poll.
async fn next_to_a_slow_task() -> Result {
    const COUNT: u32 = 40_000;
    let (mut sets, set) = with_entries("it", COUNT).await?;
    let busy = tokio::spawn(async {
        loop {
            std::thread::sleep(Duration::from_millis(2));
            yield_now().await;
        }
    });
    let mut waits = 0;
    let entries = counting(sets.list(&set).await?, &mut waits);
    let entries: Vec<_> = entries.try_collect().await?;
    busy.abort();
    assert_all(entries.iter().map(v4), COUNT);
    // An entry takes 16 bytes, and a datagram has at least 8 KiB.
    assert!(
        waits <= 2 * 40_000 * 16 / 8192,
        "{waits} polls were pending"
    );
    Ok(())
}

async fn sorted() -> Result {
    // Few entries are sorted on the same thread, and many on another one.
    for (name, count) in [("few", 1000), ("many", ENTRIES)] {
        let (mut sets, set) = with_entries(name, count).await?;
        let entries = sets.list(&set).await?.sorted().await?;
        assert!(entries.iter().map(v4).eq((0..count).map(address)), "{name}");
        let mut blocking = ipset::IpSets::connect()?;
        assert_eq!(entries, blocking.list(&set)?.sorted()?);
    }
    let (mut sets, set) = with_entries("rest", 1000).await?;
    let mut entries = sets.list(&set).await?;
    let first = entries.next().await.ok_or("an entry")??;
    let rest = entries.sorted().await?;
    assert_eq!(rest.len(), 999);
    assert!(!rest.contains(&first));
    Ok(())
}
