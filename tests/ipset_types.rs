//! All types of sets, on a kernel that has them.

#[path = "ipset/mod.rs"]
mod common;
#[path = "ipset/types.rs"]
mod types;

use types::*;

lab::tests![
    lab::Needs::sets(common::COMMON).and_sets(&[
        "hash:mac",
        "hash:ip,mac",
        "hash:ip,mark",
        "hash:net,net",
        "hash:net,port,net",
    ]);
    bitmap_ip,
    bitmap_ip_mac,
    bitmap_port,
    hash_ip,
    hash_ip_mac,
    hash_ip_mark,
    hash_ip_port,
    hash_ip_port_ip,
    hash_ip_port_net,
    hash_mac,
    hash_net,
    hash_net_iface,
    hash_net_net,
    hash_net_port,
    hash_net_port_net,
    list_set,
    a_set_with_forceadd_makes_room,
    untyped_values_are_checked_at_run_time,
];
