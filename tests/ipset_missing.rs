//! What is said of ipset, or of a type of set, that the kernel does not have: a guest's kernel that
//! cannot load its modules.

use ipvset::ipset::*;

type Result = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

lab::tests![lab::Needs::namespaces().guest(); neither_ipset_nor_a_type_of_set];

const LOADER: &str = "/proc/sys/kernel/modprobe";

fn neither_ipset_nor_a_type_of_set() -> Result {
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

    std::fs::write(LOADER, loader)?;
    sets.create(&set)?;
    Ok(())
}
