//! Tests that the blocking and the async handles have the same methods.

use std::net::Ipv4Addr;

use super::{IpSets, Ipvs};
use crate::OnFailure;
use crate::ipset::{HashIp, IpSet};
use crate::ipvs::{ServiceKey, VirtualService};

/// The public methods in all `impl` blocks of a handle, each with its parameters and result,
/// without what differs between a blocking and an async one.
fn methods(source: &str, handle: &str) -> Vec<String> {
    let start = format!("\nimpl {handle} {{");
    let blocks = source.split(&start).skip(1);
    let blocks = blocks.map(|rest| rest.split("\n}\n").next().expect("the block's end"));
    let mut methods: Vec<String> = blocks
        .flat_map(|block| block.split("\n    pub ").skip(1))
        .map(|method| {
            let signature = method.split(" {\n").next().expect("a signature");
            let signature = signature.strip_prefix("async ").unwrap_or(signature);
            let words: String = signature.split_whitespace().collect();
            words.replace(",)", ")")
        })
        .collect();
    methods.sort();
    methods
}

#[test]
fn both_handles_have_the_same_methods() {
    for (handle, blocking, tokio) in [
        (
            "Ipvs",
            include_str!("../ipvs/handle.rs"),
            include_str!("ipvs.rs"),
        ),
        (
            "IpSets",
            include_str!("../ipset/handle.rs"),
            include_str!("ipset.rs"),
        ),
    ] {
        let (blocking, tokio) = (methods(blocking, handle), methods(tokio, handle));
        assert!(
            blocking.len() > 30,
            "{} methods of {handle}",
            blocking.len()
        );
        assert_eq!(blocking, tokio);
    }
}

/// Compiles only if the handles' futures are `Send`.
#[expect(dead_code, reason = "that it compiles is the test")]
fn futures_can_be_sent(mut ipvs: Ipvs, mut sets: IpSets, key: ServiceKey, set: IpSet<HashIp>) {
    fn sent<T: Send>(_: T) {}

    let addresses = || (0..9).map(Ipv4Addr::from_bits);
    sent(Ipvs::connect());
    sent(IpSets::connect());
    sent(ipvs.add_service(&VirtualService::new(key)));
    sent(ipvs.change_service(key, |_| ()));
    sent(ipvs.verified_table());
    sent(ipvs.execute_all([], OnFailure::Continue));
    sent(sets.create_if_absent(&set));
    sent(sets.add(&set, Ipv4Addr::LOCALHOST));
    sent(sets.add_all(&set, addresses(), OnFailure::Stop));
    sent(sets.replace(&set, addresses()));
    sent(sets.list(&set));
    sent(sets.list_all());
}
