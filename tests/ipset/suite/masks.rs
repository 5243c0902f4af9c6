//! The masks of Linux 6.2. They work, or are refused before the kernel is asked.

use std::net::Ipv4Addr;

use ipvset::ipset::elements::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;

use super::Test;
use super::common::{Outcome, tests, v4};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        &["hash:ip"] => hash_ip,
        &["hash:ip,port"] => hash_ip_port,
        &["hash:net,net"] => hash_net_net,
    ]
}

const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 0, 255);

fn hash_ip() -> Outcome {
    masks::<HashIp>(6, v4("10.0.0.7"), v4("10.0.9.7"))
}

fn hash_ip_port() -> Outcome {
    let entry = |address| (v4(address), tcp(80));
    masks::<HashIpPort>(7, entry("10.0.0.7"), entry("10.0.9.7"))
}

fn hash_net_net() -> Outcome {
    let entry = |one, other| (v4(one), v4(other));
    masks::<HashNetNet>(
        4,
        entry("10.0.0.7", "10.1.0.7"),
        entry("10.0.9.7", "10.1.9.7"),
    )
}

/// `since` is the first revision that supports them, and `masked` is what the kernel stores for
/// `entry`.
fn masks<T>(since: u8, masked: impl Into<Entry<T>>, entry: impl Into<Entry<T>>) -> Outcome
where
    T: NetmaskType + BitmaskType + Default,
{
    let mut sets = IpSets::connect()?;
    let plain = IpSet::<T>::new("masked")?;
    let (_, most) = sets.revisions(AnyType::of(&T::default()))?;
    if most < since {
        return refused(&mut sets, &plain);
    }
    let bitmask = plain.clone().bitmask(MASK);
    let entry = entry.into();
    sets.create(&bitmask)?;
    sets.add(&bitmask, entry.clone())?;
    assert!(sets.test(&bitmask, entry)?, "a tested entry is masked, too");
    let listed: Vec<_> = sets.list(&bitmask)?.collect::<ipvset::Result<_>>()?;
    assert_eq!(listed, [masked.into()]);
    let saved = lab::tool("ipset", ["save", "masked"])?;
    assert!(saved.contains(" bitmask 255.255.0.255"), "{saved}");
    assert!(!sets.create_if_absent(&bitmask)?, "it is the same");
    let other = sets.create_if_absent(&plain).unwrap_err();
    assert!(other.is_already_exists(), "{other}");
    sets.destroy("masked")?;

    lab::tool_with_input("ipset", ["restore"], &saved)?;
    assert_eq!(
        sets.get::<T>("masked")?.options().bitmask,
        Some(MASK.into())
    );
    sets.destroy("masked")?;

    let netmask = plain.netmask(24);
    sets.create(&netmask)?;
    assert_eq!(sets.get::<T>("masked")?.options().netmask, Some(24));
    let both = sets.create(&netmask.bitmask(MASK)).unwrap_err();
    assert!(both.is_invalid_input(), "{both}");
    Ok(())
}

fn refused<T: NetmaskType + BitmaskType>(sets: &mut IpSets, set: &IpSet<T>) -> Outcome {
    let mut late = vec![("bitmask", set.clone().bitmask(MASK))];
    if set.type_name() != "hash:ip" {
        late.push(("netmask", set.clone().netmask(24)));
    }
    for (option, set) in late {
        let error = sets.create(&set).unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        let said = format!("{option} needs Linux 6.2 or later");
        assert!(error.to_string().contains(&said), "{error}");
    }
    Ok(())
}
