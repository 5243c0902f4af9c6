//! The types of sets that the running kernel is likely to have.

#[path = "ipset/mod.rs"]
mod common;
#[path = "ipset/types.rs"]
#[allow(dead_code)] // What only the other binary runs.
mod types;

use types::*;

lab::tests![
    lab::Needs::sets(common::COMMON);
    bitmap_ip,
    bitmap_ip_mac,
    bitmap_port,
    hash_ip,
    hash_ip_port,
    hash_ip_port_ip,
    hash_ip_port_net,
    hash_net,
    hash_net_iface,
    hash_net_port,
    list_set,
    a_set_with_forceadd_makes_room,
    untyped_values_are_checked_at_run_time,
];
