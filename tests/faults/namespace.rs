//! A network namespace that everybody else has left, while a handle, a keeper or a listing goes on
//! in it.

use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};
use ipvset::ipvs::Ipvs;
use ipvset::ipvs::plan::{Keeper, Planner, Scope, WantedTable};
use ipvset::ipvs::proc::Proc;
use ipvset::ipvs::{RealServer, VirtualService};
use ipvset::{Namespace, OnFailure};
use lab::test::{Test, eventually};

use crate::Result;
use crate::scenarios::addresses;

pub(crate) fn tests() -> Vec<Test> {
    vec![Test::new("namespace::gone", gone)]
}

const NAME: &str = "ipvset-gone";
const COUNT: u32 = 20_000;

/// The namespace lives as long as the last handle, listing or `Proc` in it, and then ends with all
/// that is in it. Its name is gone at once.
fn gone() -> Result {
    let there = lab::Namespace::named(NAME)?;
    // The kernel removes both ends together with the namespace.
    lab::link::veth_into("end0", "end0", &there)?;
    let mut ipvs = Ipvs::connect_in(&Namespace::named(NAME)?)?;
    let mut sets = IpSets::connect_in(&Namespace::named(NAME)?)?;
    let proc = Proc::in_namespace(Namespace::named(NAME)?);
    let planner = Planner::new().scope(Scope::everything());
    let mut keeper = Keeper::new(planner).proc(proc);
    let web = VirtualService::tcp("10.0.0.1:80".parse()?);
    let mut wanted = WantedTable::new();
    let servers = ["10.1.0.1:80".parse()?, "10.1.0.2:80".parse()?];
    wanted.insert(web.clone(), servers.map(RealServer::new))?;
    assert!(ipvs.keep(&mut keeper, &wanted)?.report.is_success());
    let set = IpSet::<HashIp>::new("s")?;
    sets.create(&set)?;
    sets.add_all(&set, addresses(0, COUNT), OnFailure::Stop)
        .into_result()?;
    let mut listing = sets.list(&set)?;
    listing.next().ok_or("an entry")??;

    drop(there);
    let error = Namespace::named(NAME).expect_err("its name is gone");
    assert!(error.is_not_found(), "{error}");
    let rest = listing.try_fold(1, |count, entry| entry.map(|_| count + 1))?;
    drop(listing);
    assert_eq!(rest, COUNT);
    sets.replace(&set, addresses(0, 2))?;
    assert_eq!(sets.list(&set)?.count(), 2);
    ipvs.remove_server(&web, servers[0])?;
    let kept = ipvs.keep(&mut keeper, &wanted)?;
    assert_eq!(kept.report.drift.len(), 1, "{}", kept.report);
    // Its /proc is still there.
    assert!(!ipvs.keep(&mut keeper, &wanted)?.read_table);
    assert_eq!(ipvs.servers(&web)?.len(), 2);
    assert_eq!(Ipvs::connect()?.services()?, []);
    assert!(IpSets::connect()?.names()?.is_empty());

    // One after the other goes, and what is left works on.
    assert!(lab::link::exists("end0")?);
    drop(keeper);
    drop(sets);
    assert_eq!(ipvs.services()?.len(), 1);
    assert!(lab::link::exists("end0")?);
    drop(ipvs);
    eventually(|| match lab::link::exists("end0")? {
        true => Err("something keeps the namespace".into()),
        false => Ok(()),
    })
}
