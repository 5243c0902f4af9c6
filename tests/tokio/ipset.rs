//! ipset over tokio.

use ipvset::OnFailure;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipvset::Namespace;
use ipvset::ipset::types::{AnyType, HashIp, HashNet, ListSet};
use ipvset::ipset::{Entry, IpSet, MAX_TIMEOUT, SetOrEntry};
use ipvset::tokio::IpSets;

use crate::support::{Result, tests};

tests![on_threads:
    the_tool_lists_what_was_written,
    sets_of_the_tool_are_read,
    errors_name_the_operation_and_its_object,
    commands_on_whole_sets,
    many_entries_with_duplicates,
    a_content_replaced_at_once,
    all_sets_with_their_entries,
    in_another_namespace,
    on_many_tasks,
];

fn saved(set: &str) -> Result<Vec<String>> {
    let text = lab::tool("ipset", ["save", "-sorted", set])?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

async fn the_tool_lists_what_was_written() -> Result {
    let mut sets = IpSets::connect().await?;
    let nets = IpSet::<HashNet>::new("nets")?
        .timeout(Duration::from_secs(300))
        .comments();
    sets.create(&nets).await?;
    let net: ipnet::Ipv4Net = "10.0.0.0/8".parse()?;
    let hole: ipnet::Ipv4Net = "10.1.0.0/16".parse()?;
    sets.add(
        &nets,
        Entry::<HashNet>::new(net)
            .timeout(Duration::from_secs(0))
            .comment("ours"),
    )
    .await?;
    sets.put(
        &nets,
        Entry::<HashNet>::new(hole)
            .timeout(Duration::from_secs(0))
            .nomatch(),
    )
    .await?;
    assert!(sets.test(&nets, Ipv4Addr::new(10, 2, 0, 1)).await?);
    assert!(!sets.test(&nets, Ipv4Addr::new(10, 1, 0, 1)).await?);
    let lines = saved("nets")?;
    assert!(
        lines[0].starts_with("create nets hash:net family inet"),
        "{lines:?}"
    );
    assert_eq!(
        lines[1..],
        [
            "add nets 10.0.0.0/8 timeout 0 comment \"ours\"",
            "add nets 10.1.0.0/16 timeout 0 nomatch",
        ]
    );
    sets.remove(&nets, net).await?;
    sets.remove_if_present(&nets, net).await?;
    assert_eq!(saved("nets")?.len(), 2);
    Ok(())
}

async fn sets_of_the_tool_are_read() -> Result {
    let text = format!(
        "create it hash:ip timeout {} counters\nadd it 10.0.0.7 timeout 0 packets 3 bytes 4\n",
        MAX_TIMEOUT.as_secs()
    );
    lab::tool_with_input("ipset", ["restore"], &text)?;
    let mut sets = IpSets::connect().await?;
    let set: IpSet<HashIp> = sets.get("it").await?;
    assert_eq!(set.options().timeout, Some(MAX_TIMEOUT));
    let mut entries = sets.list(&set).await?;
    assert_eq!(entries.info().entries, Some(1));
    let entry = entries.next().await.ok_or("no entry")??;
    assert_eq!(
        entry,
        Entry::<HashIp>::new(address(7))
            .timeout(Duration::from_secs(0))
            .counters(3, 4)
    );
    assert!(entries.next().await.is_none() && entries.next().await.is_none());
    Ok(())
}

async fn errors_name_the_operation_and_its_object() -> Result {
    let mut sets = IpSets::connect().await?;
    let set = IpSet::<HashIp>::new("it")?;
    assert!(sets.add(&set, address(1)).await.unwrap_err().is_not_found());
    assert!(
        sets.list(&set)
            .await
            .err()
            .is_some_and(|it| it.is_not_found())
    );
    sets.create(&set).await?;
    assert!(sets.create(&set).await.unwrap_err().is_already_exists());
    assert!(!sets.create_if_absent(&set).await?);
    sets.add(&set, address(1)).await?;
    let twice = sets.add(&set, address(1)).await.unwrap_err();
    assert!(twice.is_already_exists(), "{twice}");
    assert!(twice.to_string().contains("10.0.0.1 in it"), "{twice}");
    assert!(
        sets.remove(&set, address(2))
            .await
            .unwrap_err()
            .is_not_found()
    );
    let wrong = sets.get::<HashNet>("it").await.unwrap_err();
    assert!(wrong.is_invalid_input(), "{wrong}");
    assert_eq!(saved("it")?.len(), 2);
    Ok(())
}

async fn commands_on_whole_sets() -> Result {
    let mut sets = IpSets::connect().await?;
    let (one, two) = (IpSet::<HashIp>::new("one")?, IpSet::<HashIp>::new("two")?);
    sets.create(&one).await?;
    sets.create(&two).await?;
    sets.add(&one, address(1)).await?;
    sets.swap(&one, &two).await?;
    assert!(sets.test(&two, address(1)).await?);
    sets.rename(&one, "three").await?;
    let mut names: Vec<_> = sets
        .names()
        .await?
        .iter()
        .map(ToString::to_string)
        .collect();
    names.sort();
    assert_eq!(names, ["three", "two"]);
    assert_eq!(sets.header("two").await?.type_name, "hash:ip");
    assert_eq!(sets.info("two").await?.entries, Some(1));
    assert_eq!(sets.info_all().await?.len(), 2);
    if sets.protocol() >= 7 {
        let index = sets.index("two").await?;
        assert_eq!(sets.by_index(index).await?.to_string(), "two");
    }
    let (least, most) = sets.revisions(AnyType::of(&HashIp)).await?;
    assert!(least <= most);
    let list = IpSet::<ListSet>::new("list")?;
    sets.create(&list).await?;
    sets.add(&list, *two.name()).await?;
    assert!(sets.destroy(&two).await.unwrap_err().is_busy());
    sets.flush(&list).await?;
    sets.destroy_if_present(&two).await?;
    assert!(sets.destroy(&two).await.unwrap_err().is_not_found());
    sets.destroy_if_present(&two).await?;
    sets.flush_all().await?;
    sets.destroy_all().await?;
    assert_eq!(lab::tool("ipset", ["save"])?, "");
    Ok(())
}

async fn many_entries_with_duplicates() -> Result {
    let mut sets = IpSets::connect().await?;
    let set = IpSet::<HashIp>::new("bulk")?.maxelem(200_000);
    sets.create(&set).await?;
    let numbers = |number: u32| {
        if number % 1000 == 999 {
            number - 1
        } else {
            number
        }
    };
    let entries = (0..100_000).map(|number| address(numbers(number)));
    let outcome = sets.add_all(&set, entries, OnFailure::Continue).await;
    let positions = outcome.failures().iter().map(|it| it.index);
    assert!(positions.eq((0..100).map(|it| it * 1000 + 999)));
    assert_eq!(outcome.applied(), 99_900);
    let first = sets
        .add_all(&set, (99_998..100_100).map(address), OnFailure::Stop)
        .await
        .into_result();
    assert!(first.unwrap_err().is_already_exists());
    assert_eq!(
        sets.add_all(&set, (100_000..100_100).map(address), OnFailure::Stop)
            .await
            .into_result()?,
        100
    );
    let text = lab::tool("ipset", ["save", "bulk"])?;
    assert_eq!(text.lines().count(), 1 + 100_000);
    assert_eq!(
        sets.remove_all(&set, (0..10).map(address), OnFailure::Stop)
            .await
            .into_result()?,
        10
    );
    let outcome = sets
        .remove_all_if_present(&set, (0..1000).map(address), OnFailure::Stop)
        .await;
    assert_eq!(outcome.into_result()?, 1000);
    assert_eq!(sets.info(&set).await?.entries, Some(99_001));
    Ok(())
}

async fn a_content_replaced_at_once() -> Result {
    let mut sets = IpSets::connect().await?;
    let set = IpSet::<HashIp>::new("it")?.maxelem(5000);
    sets.create(&set).await?;
    sets.add_all(&set, (0..1000).map(address), OnFailure::Stop)
        .await
        .into_result()?;
    assert_eq!(sets.replace(&set, (500..5000).map(address)).await?, 4500);
    let full = sets
        .replace(&set, (0..6000).map(address))
        .await
        .unwrap_err();
    assert!(full.is_full(), "{full}");
    assert_eq!(sets.names().await?.len(), 1);
    assert_eq!(saved("it")?.len(), 1 + 4500);
    Ok(())
}

async fn all_sets_with_their_entries() -> Result {
    let mut sets = IpSets::connect().await?;
    for (name, count) in [("one", 3), ("two", 20_000), ("three", 0)] {
        let set = IpSet::<HashIp>::new(name)?;
        sets.create(&set).await?;
        sets.add_all(&set, (0..count).map(address), OnFailure::Stop)
            .await
            .into_result()?;
    }
    let mut counts = Vec::new();
    let mut all = sets.list_all().await?;
    while let Some(item) = all.next().await {
        match item? {
            SetOrEntry::Set(info) => counts.push((info.name.to_string(), 0)),
            SetOrEntry::Entry(_) => counts.last_mut().ok_or("an entry of no set")?.1 += 1,
            other => return Err(format!("{other:?}").into()),
        }
    }
    drop(all);
    counts.sort_by_key(|(_, count)| *count);
    let expected = [("three", 0), ("one", 3), ("two", 20_000)];
    assert_eq!(
        counts,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    Ok(())
}

async fn in_another_namespace() -> Result {
    let blue = lab::Namespace::new()?;
    let path = blue.path();
    let mut there = IpSets::connect_in(&Namespace::open(&path)?).await?;
    there.create(&IpSet::<HashIp>::new("blue")?).await?;
    assert_eq!(blue.tool("ipset", ["list", "-name"])?, "blue\n");
    assert_eq!(lab::tool("ipset", ["list", "-name"])?, "");
    Ok(())
}

async fn on_many_tasks() -> Result {
    let tasks: Vec<_> = (0..20u32)
        .map(|task| {
            tokio::spawn(async move {
                let mut sets = IpSets::connect().await?;
                let set = IpSet::<HashIp>::new(format!("set{task}"))?;
                sets.create(&set).await?;
                sets.add_all(&set, (0..5000 + task).map(address), OnFailure::Stop)
                    .await
                    .into_result()?;
                let mut entries = sets.list(&set).await?;
                let mut count = 0;
                while let Some(entry) = entries.next().await {
                    entry?;
                    count += 1;
                }
                drop(entries);
                sets.destroy(&set).await?;
                Ok::<_, ipvset::Error>(count)
            })
        })
        .collect();
    for (task, count) in (0..).zip(tasks) {
        assert_eq!(count.await??, 5000 + task);
    }
    assert_eq!(lab::tool("ipset", ["list", "-name"])?, "");
    Ok(())
}
