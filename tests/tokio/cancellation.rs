//! Dropped futures: the handle stays usable, and nothing is left behind.

use ipvset::OnFailure;
use ipvset::ipvs::Operations;
use std::net::Ipv4Addr;

use ipvset::ipset::IpSet;
use ipvset::ipset::types::HashIp;
use ipvset::ipvs::{RealServer, VirtualService};
use ipvset::tokio::{IpSets, Ipvs};
use tokio::task::yield_now;

use crate::support::{Result, at, dropped_after, dropped_at_once, tests};

tests![on_threads:
    a_dropped_reading_of_a_table,
    a_dropped_change,
    dropped_operations,
    a_listing_dropped_early,
    a_listing_dropped_where_no_runtime_is,
    a_listing_dropped_at_each_step,
    an_entry_is_not_lost_with_its_future,
    a_dropped_addition_of_many_entries,
    a_dropped_replacement,
    a_listing_and_a_task_that_is_aborted,
];

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

/// More services than a datagram of a dump contains.
const SERVICES: u16 = 500;

async fn with_services() -> Result<Ipvs> {
    let mut ipvs = Ipvs::connect().await?;
    let mut operations = Operations::new();
    for port in 1..=SERVICES {
        operations.add_service(&VirtualService::tcp(([10, 0, 0, 1], port).into()));
    }
    ipvs.execute_all(operations, OnFailure::Continue)
        .await
        .into_result()?;
    Ok(ipvs)
}

async fn a_dropped_reading_of_a_table() -> Result {
    let mut ipvs = with_services().await?;
    for steps in 1.. {
        let services = dropped_after(steps, ipvs.services()).await;
        // The socket allows one dump at a time. An open dump would make this one fail.
        assert_eq!(ipvs.services().await?.len(), SERVICES.into(), "{steps}");
        assert_eq!(ipvs.info().await?.version.to_string(), "1.2.1");
        if let Some(services) = services {
            assert_eq!(services?.len(), SERVICES.into());
            assert!(steps > 1, "it was never pending");
            return Ok(());
        }
    }
    Ok(())
}

async fn a_dropped_change() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    for steps in 1.. {
        let added = dropped_after(steps, ipvs.add_service(&web)).await;
        // The reply to the addition is not mistaken for the reply to another request.
        let there = ipvs.services().await?.len();
        let removed = ipvs.remove_service(&web).await;
        assert_eq!(removed.is_ok(), there == 1, "{steps}: {removed:?}");
        if let Some(added) = added {
            added?;
            assert!(steps > 1 && there == 1);
            return Ok(());
        }
    }
    Ok(())
}

async fn dropped_operations() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    for steps in 1.. {
        let mut operations = Operations::new();
        operations.add_service(&web);
        for port in 1..=2000 {
            // Every second operation is refused, so that there are many replies to skip.
            operations.add_server(&web, &RealServer::new(([10, 1, 0, 1], port / 2 + 1).into()));
        }
        let outcome = dropped_after(steps, ipvs.execute_all(operations, OnFailure::Continue)).await;
        let servers = match ipvs.service(&web).await {
            Ok(_) => ipvs.servers(&web).await?.len(),
            Err(error) if error.is_not_found() => 0,
            Err(error) => return Err(error.into()),
        };
        assert!(servers <= 1001);
        ipvs.flush().await?;
        if let Some(outcome) = outcome {
            assert_eq!((outcome.failures().len(), servers), (999, 1001));
            assert!(steps > 1);
            return Ok(());
        }
    }
    Ok(())
}

/// More entries than the kernel puts into the socket's buffer.
const ENTRIES: u32 = 60_000;

async fn with_entries(set: &IpSet<HashIp>) -> Result<IpSets> {
    let mut sets = IpSets::connect().await?;
    sets.create(set).await?;
    sets.add_all(set, (0..ENTRIES).map(address), OnFailure::Stop)
        .await
        .into_result()?;
    Ok(sets)
}

/// Destroys a set as soon as the rest of its listing has been received.
async fn destroyed(sets: &mut IpSets, set: &IpSet<HashIp>) -> Result {
    while let Err(error) = sets.destroy(set).await {
        if !error.is_busy() {
            return Err(error.into());
        }
        yield_now().await;
    }
    Ok(())
}

async fn a_listing_dropped_early() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = with_entries(&set).await?;
    let mut entries = sets.list(&set).await?;
    for _ in 0..10 {
        entries.next().await.ok_or("an entry")??;
    }
    let mut other = IpSets::connect().await?;
    assert!(
        other.destroy(&set).await.unwrap_err().is_busy(),
        "it is being listed"
    );
    drop(entries);
    destroyed(&mut other, &set).await?;
    assert!(sets.names().await?.is_empty());
    Ok(())
}

/// There is no task that could receive the rest, so this is done while the listing is dropped.
async fn a_listing_dropped_where_no_runtime_is() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = with_entries(&set).await?;
    let mut entries = sets.list(&set).await?;
    entries.next().await.ok_or("an entry")??;
    std::thread::scope(|scope| {
        scope.spawn(|| drop(entries));
    });
    IpSets::connect().await?.destroy(&set).await?;
    Ok(())
}

async fn a_listing_dropped_at_each_step() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = with_entries(&set).await?;
    let mut other = IpSets::connect().await?;
    for steps in 1.. {
        let listing = async {
            let mut entries = sets.list(&set).await?;
            let mut count = 0;
            while let Some(entry) = entries.next().await {
                entry?;
                count += 1;
            }
            Ok::<_, ipvset::Error>(count)
        };
        let listed = dropped_after(steps, listing).await;
        // The set is released without another request over the handle that listed it.
        while let Err(error) = other.rename(&set, "other").await {
            assert!(error.is_busy(), "{steps}: {error}");
            yield_now().await;
        }
        other.rename("other", &set).await?;
        assert_eq!(sets.info(&set).await?.entries, Some(ENTRIES), "{steps}");
        if let Some(listed) = listed {
            assert_eq!(listed?, ENTRIES);
            assert!(steps > 1, "it was never pending");
            return Ok(());
        }
    }
    Ok(())
}

async fn an_entry_is_not_lost_with_its_future() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = with_entries(&set).await?;
    let mut entries = sets.list(&set).await?;
    let mut listed = Vec::new();
    let mut dropped = 0;
    loop {
        let entry = match dropped_at_once(entries.next()).await {
            Some(entry) => entry,
            None => {
                dropped += 1;
                entries.next().await
            }
        };
        let Some(entry) = entry else { break };
        listed.push(*entry?.value());
    }
    // Each time that data was received, one future was dropped.
    assert!(dropped > 10, "{dropped} futures were pending");
    listed.sort_by_key(ToString::to_string);
    listed.dedup();
    assert_eq!(listed.len(), ENTRIES as usize);
    Ok(())
}

async fn a_dropped_addition_of_many_entries() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = IpSets::connect().await?;
    sets.create(&set).await?;
    for steps in 1.. {
        let entries = (0..20_000).map(address);
        let adding = sets.add_all(&set, entries, OnFailure::Stop);
        let outcome = dropped_after(steps, adding).await;
        let there = sets.info(&set).await?.entries.ok_or("no number")?;
        // The set contains the first of the entries.
        let mut rest = Vec::new();
        let mut listing = sets.list(&set).await?;
        while let Some(entry) = listing.next().await {
            rest.push(entry?.value().to_string());
        }
        drop(listing);
        assert_eq!(rest.len(), there as usize);
        let beginning: std::collections::HashSet<_> =
            (0..there).map(|it| address(it).to_string()).collect();
        assert!(rest.iter().all(|it| beginning.contains(it)));
        sets.flush(&set).await?;
        if let Some(outcome) = outcome {
            assert_eq!((outcome.into_result()?, there), (20_000, 20_000));
            assert!(steps > 1, "it was never pending");
            return Ok(());
        }
    }
    Ok(())
}

async fn a_dropped_replacement() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = IpSets::connect().await?;
    sets.create(&set).await?;
    for steps in 1.. {
        sets.flush(&set).await?;
        sets.add_all(&set, (0..100).map(address), OnFailure::Stop)
            .await
            .into_result()?;
        let replacing = sets.replace(&set, (5000..10_000).map(address));
        let replaced = dropped_after(steps, replacing).await;
        assert_eq!(sets.names().await?, [*set.name()], "{steps}");
        let old = sets.test(&set, address(7)).await?;
        let count = sets.info(&set).await?.entries;
        assert_eq!(count, Some(if old { 100 } else { 5000 }), "{steps}");
        if let Some(replaced) = replaced {
            assert_eq!((replaced?, old), (5000, false));
            assert!(steps > 1, "it was never pending");
            return Ok(());
        }
    }
    Ok(())
}

async fn a_listing_and_a_task_that_is_aborted() -> Result {
    let set = IpSet::<HashIp>::new("it")?;
    let mut sets = with_entries(&set).await?;
    let (sender, began) = tokio::sync::oneshot::channel();
    let listed = set.clone();
    let task = tokio::spawn(async move {
        let mut entries = sets.list(&listed).await?;
        entries.next().await;
        let _ = sender.send(());
        std::future::pending::<()>().await;
        Ok::<_, ipvset::Error>(entries.info().clone())
    });
    began.await?;
    let mut other = IpSets::connect().await?;
    assert!(
        other.destroy(&set).await.unwrap_err().is_busy(),
        "it is being listed"
    );
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    destroyed(&mut other, &set).await?;
    Ok(())
}
