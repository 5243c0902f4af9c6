//! Other tasks on the same thread get their turn during long operations. The tests count datagrams
//! between two turns and measure no time, so they pass on a machine of any speed.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipvset::OnFailure;
use ipvset::ipset::IpSet;
use ipvset::ipset::types::HashIp;
use ipvset::ipvs::{ControlInterface, Operation, VirtualService};
use ipvset::tokio::{IpSets, Ipvs};
use tokio::task::yield_now;

use crate::support::{Result, tests};

tests![on_one_thread:
    during_a_large_addition,
    during_many_operations,
    during_many_socket_options,
    during_a_large_listing,
    during_a_large_table,
    during_the_rest_of_a_dropped_listing,
];

/// The maximum number of datagrams that are sent and received in a turn. The last system call of a
/// turn may receive two.
const DATAGRAMS: u64 = 32 + 1;

/// The size of the largest messages of requests.
const REQUESTS: u64 = 64 * 1024;
/// The size of the largest messages of a listing.
const LISTED: u64 = 32 * 1024;

/// Runs `work` next to a task that reads `done` in each of its turns. Returns the maximum by which
/// `done` grew between two turns.
async fn most_between_turns<T>(done: &Arc<AtomicU64>, work: impl Future<Output = T>) -> (T, u64) {
    let seen = Arc::new(AtomicU64::new(0));
    let most = Arc::new(AtomicU64::new(0));
    let look = {
        let (done, seen, most) = (done.clone(), seen.clone(), most.clone());
        move || {
            let now = done.load(Ordering::Relaxed);
            let before = seen.swap(now, Ordering::Relaxed);
            most.fetch_max(now - before, Ordering::Relaxed);
        }
    };
    let other = look.clone();
    let task = tokio::spawn(async move {
        loop {
            other();
            yield_now().await;
        }
    });
    let output = work.await;
    look();
    task.abort();
    (output, most.load(Ordering::Relaxed))
}

/// Counts the items that an iterator yields.
fn counted<T>(done: &Arc<AtomicU64>, items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let done = done.clone();
    items.inspect(move |_| {
        done.fetch_add(1, Ordering::Relaxed);
    })
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(|number| Ipv4Addr::from_bits(0x0a00_0000 + number))
}

async fn with_entries(count: u32) -> Result<(IpSets, IpSet<HashIp>)> {
    let set = IpSet::<HashIp>::new("it")?.maxelem(count);
    let mut sets = IpSets::connect().await?;
    sets.create(&set).await?;
    let added = sets.add_all(&set, addresses(count), OnFailure::Stop).await;
    added.into_result()?;
    Ok((sets, set))
}

async fn during_a_large_addition() -> Result {
    const COUNT: u32 = 150_000;
    let set = IpSet::<HashIp>::new("it")?.maxelem(COUNT);
    let mut sets = IpSets::connect().await?;
    sets.create(&set).await?;
    let done = Arc::default();
    let entries = counted(&done, addresses(COUNT));
    let adding = sets.add_all(&set, entries, OnFailure::Stop);
    let (outcome, most) = most_between_turns(&done, adding).await;
    assert_eq!(outcome.into_result()?, COUNT as usize);
    // An entry takes 24 bytes, and each message is answered by an ACK.
    let bound = DATAGRAMS / 2 * (REQUESTS / 24) + REQUESTS / 24;
    assert!(u64::from(COUNT) > 2 * bound);
    assert!(most <= bound, "{most} entries in a turn");
    Ok(())
}

async fn during_many_operations() -> Result {
    const COUNT: u64 = 40_000;
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(([10, 0, 0, 1], 80).into());
    ipvs.add_service(&web).await?;
    let operations = (0..COUNT).map(|_| Operation::ZeroService(web.key));
    let done = Arc::default();
    let sending = ipvs.execute_all(counted(&done, operations), OnFailure::Stop);
    let (outcome, most) = most_between_turns(&done, sending).await;
    assert!(outcome.is_complete());
    // An operation takes 64 bytes or more, and each packet is answered by an ACK.
    let bound = DATAGRAMS / 2 * (REQUESTS / 64) + REQUESTS / 64;
    assert!(COUNT > 2 * bound);
    assert!(most <= bound, "{most} operations in a turn");
    Ok(())
}

async fn during_many_socket_options() -> Result {
    const COUNT: u64 = 10_000;
    let mut ipvs = Ipvs::connect_over(ControlInterface::SocketOptions).await?;
    let web = VirtualService::tcp(([10, 0, 0, 1], 80).into());
    ipvs.add_service(&web).await?;
    let operations = (0..COUNT).map(|_| Operation::ZeroService(web.key));
    let done = Arc::default();
    let sending = ipvs.execute_all(counted(&done, operations), OnFailure::Stop);
    let (outcome, most) = most_between_turns(&done, sending).await;
    assert!(outcome.is_complete());
    // Each is one system call, and tokio's budget is 128.
    assert!(most <= 130, "{most} operations in a turn");
    Ok(())
}

async fn during_a_large_listing() -> Result {
    const COUNT: u32 = 200_000;
    let (mut sets, set) = with_entries(COUNT).await?;
    let done = Arc::new(AtomicU64::new(0));
    let listing = async {
        let mut entries = sets.list(&set).await?;
        while let Some(entry) = entries.next().await {
            entry?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<_, ipvset::Error>(())
    };
    let (listed, most) = most_between_turns(&done, listing).await;
    listed?;
    assert_eq!(done.load(Ordering::Relaxed), u64::from(COUNT));
    // An entry takes 16 bytes.
    let bound = DATAGRAMS * (LISTED / 16);
    assert!(u64::from(COUNT) > 2 * bound);
    assert!(most <= bound, "{most} entries in a turn");
    Ok(())
}

async fn during_a_large_table() -> Result {
    const COUNT: u16 = 200;
    let mut ipvs = Ipvs::connect().await?;
    let services = (1..=COUNT).map(|port| VirtualService::tcp(([10, 0, 0, 1], port).into()));
    let outcome = ipvs.execute_all(services.map(Operation::AddService), OnFailure::Stop);
    assert!(outcome.await.is_complete());
    let done = Arc::new(AtomicU64::new(0));
    let reading = async {
        let mut entries = ipvs.entries().await?;
        while let Some(entry) = entries.next().await {
            entry?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<_, ipvset::Error>(())
    };
    let (read, most) = most_between_turns(&done, reading).await;
    read?;
    assert_eq!(done.load(Ordering::Relaxed), u64::from(COUNT));
    // A request for the servers of each, and the end of their list.
    let bound = DATAGRAMS / 2 + 1;
    assert!(most <= bound, "{most} services in a turn");
    Ok(())
}

async fn during_the_rest_of_a_dropped_listing() -> Result {
    let (mut sets, set) = with_entries(300_000).await?;
    let mut other = IpSets::connect().await?;
    let mut entries = sets.list(&set).await?;
    entries.next().await.ok_or("an entry")??;
    drop(entries);
    // Dropping does not receive all of the rest, so the set is still being listed. Then a task
    // receives it, in several turns.
    let mut turns = 0;
    while let Err(error) = other.destroy(&set).await {
        assert!(error.is_busy(), "{error}");
        turns += 1;
        yield_now().await;
    }
    assert!(turns > 1, "{turns} turns");
    assert!(sets.names().await?.is_empty());
    Ok(())
}
