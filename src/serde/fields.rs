//! The names of all fields of the types that are serialized, which programs and their files rely on.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json, to_value};

use crate::ExtendedAck;
use crate::ipset::SetInfo;
use crate::ipset::plan as sets;
use crate::ipvs::plan::{Counts, Policy};
use crate::ipvs::proc::{Connection, CpuCounters, Snapshot, Status};
use crate::ipvs::{Info, Operation, TableEntry};

/// Reads a value with all fields, and checks that writing it names the same.
#[track_caller]
fn pinned<T: Serialize + DeserializeOwned>(form: Value) {
    let value: T = from_value(form.clone()).unwrap();
    assert_eq!(to_value(value).unwrap(), form);
}

fn statistics() -> Value {
    json!({
        "connections": 1,
        "incoming_packets": 2,
        "outgoing_packets": 3,
        "incoming_bytes": 4,
        "outgoing_bytes": 5,
        "rates": {
            "connections": 6,
            "incoming_packets": 7,
            "outgoing_packets": 8,
            "incoming_bytes": 9,
            "outgoing_bytes": 10,
        },
        "has_32_bit_counters": true,
    })
}

#[test]
fn tables() {
    pinned::<TableEntry>(json!({
        "service": {
            "config": {
                "key": "-t 10.0.0.1:21",
                "scheduler": "sh",
                "scheduler_flags": "FLAG_1 | FLAG_2",
                "persistence": {"timeout": 300, "granularity": "255.255.255.0"},
                "persistence_engine": "sip",
                "one_packet": true,
            },
            "statistics": statistics(),
        },
        "servers": [{
            "config": {
                "address": "10.1.0.1:80",
                "forwarding": {"tunnel": {"gue": {"port": 6080, "flags": "CHECKSUM"}}},
                "weight": 5,
                "upper_threshold": 9,
                "lower_threshold": 7,
            },
            "active_connections": 1,
            "inactive_connections": 2,
            "persistent_connections": 3,
            "statistics": statistics(),
        }],
    }));
    pinned::<Info>(json!({"version": "1.2.1", "connection_table_size": 4096}));
    pinned::<Operation>(json!({"start_daemon": {
        "role": "master",
        "interface": "eth0",
        "sync_id": 1,
        "max_length": 1400,
        "group": "224.0.0.81",
        "port": 8848,
        "ttl": 3,
    }}));
    pinned::<Operation>(json!({"set_timeouts": {"tcp": 900, "tcp_fin": 120, "udp": 300}}));
}

#[test]
fn proc_files() {
    pinned::<Connection>(json!({
        "protocol": "tcp",
        "client": "10.0.0.1:47078",
        "virtual_address": "10.9.9.9:80",
        "destination": "10.0.0.2:8080",
        "state": "ESTABLISHED",
        "expires_in": 899,
        "origin": "local",
        "engine_data": {"engine": "sip", "data": "x"},
    }));
    pinned::<CpuCounters>(json!({
        "cpu": 0,
        "connections": 1,
        "incoming_packets": 2,
        "outgoing_packets": 3,
        "incoming_bytes": 4,
        "outgoing_bytes": 5,
    }));
    let table = json!({"buckets": 1, "load_factor": 2, "chains": [3, 2]});
    pinned::<Status>(json!({
        "connections": 1,
        "connection_table": table,
        "services": 2,
        "service_table": table,
        "statistics_threads": 3,
        "statistics_threads_max": 4,
        "statistics_chain_max": 5,
        "statistics_per_thread": 6,
    }));
    let service = json!({
        "key": {"address": {"protocol": "tcp", "address": "10.0.0.1:80"}},
        "scheduler": "rr",
        "one_packet": false,
        "persistence": {"ticks": 6000, "mask": 4_294_967_295u32},
    });
    let server = json!({
        "address": "10.1.0.1:80",
        "forwarding": "masquerade",
        "weight": 1,
        "active_connections": 2,
        "inactive_connections": 3,
    });
    pinned::<Snapshot>(json!({
        "info": {"version": "1.2.1", "connection_table_size": 4096},
        "services": [{"service": service, "servers": [server]}],
    }));
}

#[test]
fn sets() {
    pinned::<SetInfo>(json!({
        "name": "web",
        "type_name": "hash:ip",
        "revision": 5,
        "index": 3,
        "references": 1,
        "memory": 200,
        "entries": 7,
        "set": {
            "name": "web",
            "type": "hash:ip,mark",
            "family": "ipv6",
            "hashsize": 64,
            "maxelem": 70,
            "markmask": 255,
            "bucketsize": 8,
            "initval": 5,
            "timeout": 60,
            "counters": true,
            "comment": true,
            "skbinfo": true,
            "forceadd": true,
        },
    }));
    pinned::<sets::Counts>(json!({
        "added": 1,
        "removed": 2,
        "changed": 3,
        "renewed": 4,
        "kept": 5,
        "left_out": 6,
    }));
    pinned::<ExtendedAck>(json!({"message": "no", "offset": 20, "missing_attribute": 3}));
}

#[test]
fn plans() {
    pinned::<Counts>(json!({
        "services_added": 1,
        "services_updated": 2,
        "services_removed": 3,
        "servers_added": 4,
        "servers_updated": 5,
        "servers_drained": 6,
        "servers_removed": 7,
    }));
    pinned::<Policy>(json!({
        "drain_time": 60,
        "wait_for": "active",
        "look_every": 5,
        "drain_udp": true,
        "drain_unwanted_services": false,
        "set_fallback": true,
        "warn_above_percent": 50,
    }));
}
