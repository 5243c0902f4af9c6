//! The errors on a kernel without ipset or without a set type. The guest's kernel is prevented from
//! loading modules.

use ipvset::OnFailure;
use std::net::Ipv4Addr;

use ipvset::ipset::elements::*;
use ipvset::ipset::types::*;
use ipvset::ipset::*;

type Result = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

lab::tests![lab::Needs::namespaces().guest(); missing_ipset_and_missing_set_types];

const LOADER: &str = "/proc/sys/kernel/modprobe";

fn missing_ipset_and_missing_set_types() -> Result {
    let loader = std::fs::read_to_string(LOADER)?;
    std::fs::write(LOADER, "/bin/false")?;
    let error = IpSets::connect().expect_err("no netfilter");
    assert!(error.is_unavailable(), "{error}");
    let without = error
        .to_string()
        .contains("this kernel has no netfilter netlink");
    if lab::test::has("nfnetlink as a module", without.then_some(()).ok_or(error)).is_some() {
        lab::tool(loader.trim(), ["nfnetlink"])?;
    }
    let error = IpSets::connect().expect_err("no ipset");
    assert!(error.is_unavailable(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("connect to ipset: this kernel has no ipset"),
        "{text}"
    );
    assert!(text.contains("module ip_set"), "{text}");

    lab::tool(loader.trim(), ["ip_set"])?;
    let mut sets = IpSets::connect()?;
    let set = IpSet::<HashIpPortIp>::new("web")?;
    let error = sets.create(&set).unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let text = error.to_string();
    assert!(text.contains("create set web"), "{text}");
    assert!(
        text.contains("module ip_set_hash_ipportip may be missing"),
        "{text}"
    );
    let asked = sets.revisions("hash:ip,port,ip".parse()?).unwrap_err();
    assert!(asked.is_unavailable(), "{asked}");

    std::fs::write(LOADER, &loader)?;
    sets.create(&set)?;

    // The handle outlives the module.
    sets.destroy(&set)?;
    lab::test::eventually(|| lab::tool(loader.trim(), ["-r", "ip_set_hash_ipportip"]))?;
    lab::tool(loader.trim(), ["-r", "ip_set"])?;
    std::fs::write(LOADER, "/bin/false")?;
    expect_gone(&mut sets, &set)?;
    std::fs::write(LOADER, loader)?;
    Ok(())
}

/// Fails unless every call on the handle reports that the kernel has no ipset any more.
fn expect_gone(sets: &mut IpSets, set: &IpSet<HashIpPortIp>) -> Result {
    let server = Ipv4Addr::new(10, 0, 0, 11);
    let entry = (server, tcp(8080), server);
    let how = OnFailure::Continue;
    for error in [
        sets.create(set).unwrap_err(),
        sets.create_if_absent(set).unwrap_err(),
        sets.destroy(set).unwrap_err(),
        sets.destroy_if_present(set).unwrap_err(),
        sets.destroy_all().unwrap_err(),
        sets.flush(set).unwrap_err(),
        sets.rename(set, "other").unwrap_err(),
        sets.swap(set, "other").unwrap_err(),
        sets.header(set).unwrap_err(),
        sets.info(set).unwrap_err(),
        sets.names().unwrap_err(),
        sets.index(set).unwrap_err(),
        sets.list(set).map(drop).unwrap_err(),
        sets.add(set, entry).unwrap_err(),
        sets.remove_if_present(set, entry).unwrap_err(),
        sets.test(set, entry).unwrap_err(),
        sets.test_all(set, [entry]).unwrap_err(),
        sets.add_all(set, [entry], how).into_result().unwrap_err(),
        sets.replace(set, [entry]).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(error.is_unavailable(), "{text}");
        assert!(text.contains("no ipset any more"), "{text}");
    }
    Ok(())
}
