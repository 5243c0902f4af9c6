//! The names of all fields and variants of the types that are serialized, which programs and their
//! files rely on.

mod plans;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json, to_value};

use crate::ipset::elements::{AnyElement, Member};
use crate::ipset::types::HashIp;
use crate::ipset::{AnyEntry, CreateOptions, Entry, EntryOptions, SetInfo, SetOrEntry, text};
use crate::ipvs::messages::{IpvsMessage, Query, Report};
use crate::ipvs::proc::{
    Connection, CpuCounters, Difference, Snapshot, SnapshotForwarding, SnapshotKey, Status,
};
use crate::ipvs::{ControlInterface, ForwardingMethod, Info, Operation, TableEntry};
use crate::{ErrorKind, ExtendedAck, Missing, OnFailure};

/// Returns a value as it is written.
#[track_caller]
fn written<T: Serialize + DeserializeOwned>(form: Value) -> Value {
    to_value(from_value::<T>(form).unwrap()).unwrap()
}

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
    pinned::<crate::ipvs::text::Line>(json!({"number": 3, "operation": "flush"}));
}

#[test]
fn variants_of_messages() {
    let service = json!({"key": "-t 10.0.0.1:80", "scheduler": "rr", "scheduler_flags": "", "one_packet": false});
    let service = written::<crate::ipvs::VirtualService>(service);
    let server = written::<crate::ipvs::RealServer>(json!({"address": "10.1.0.1:80"}));
    let key = "-t 10.0.0.1:80";
    for form in [
        json!({"add_service": service}),
        json!({"update_service": service}),
        json!({"put_service": service}),
        json!({"remove_service": key}),
        json!({"remove_service_if_present": key}),
        json!({"add_server": [key, server]}),
        json!({"update_server": [key, server]}),
        json!({"put_server": [key, server]}),
        json!({"remove_server": [key, "10.1.0.1:80"]}),
        json!({"remove_server_if_present": [key, "10.1.0.1:80"]}),
        json!("flush"),
        json!("zero"),
        json!({"zero_service": key}),
    ] {
        pinned::<Operation>(form.clone());
        pinned::<IpvsMessage>(json!({"operation": form}));
    }
    for form in [
        json!({"service": key}),
        json!("services"),
        json!({"servers": key}),
        json!("timeouts"),
        json!("daemons"),
        json!("info"),
    ] {
        pinned::<Query>(form.clone());
        pinned::<IpvsMessage>(json!({"query": form}));
    }
    let report = json!({"info": {"version": "1.2.1", "connection_table_size": 4096}});
    pinned::<Report>(report.clone());
    pinned::<IpvsMessage>(json!({"report": report}));
}

#[test]
fn variants_of_values() {
    for name in ["netlink", "socket_options"] {
        pinned::<ControlInterface>(json!(name));
    }
    for name in ["continue", "stop"] {
        pinned::<OnFailure>(json!(name));
    }
    for name in ["masquerade", "local_node", "direct_routing", "bypass"] {
        pinned::<ForwardingMethod>(json!(name));
        pinned::<SnapshotForwarding>(json!(name));
    }
    pinned::<SnapshotForwarding>(json!("tunnel"));
    for name in [
        "not_found",
        "already_exists",
        "permission_denied",
        "unavailable",
        "netlink_required",
        "invalid_input",
        "busy",
        "full",
        "replies_lost",
        "inconsistent",
        "malformed_reply",
        "io",
        "other",
    ] {
        pinned::<ErrorKind>(json!(name));
    }
    for name in [
        "service",
        "server",
        "scheduler",
        "scheduler_or_engine",
        "daemon",
        "interface",
        "set",
        "entry",
        "member",
        "neighbor",
        "namespace",
    ] {
        pinned::<Missing>(json!(name));
    }
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
fn differences() {
    let web = json!({"address": {"protocol": "tcp", "address": "10.0.0.1:80"}});
    let mark = json!({"firewall_mark": {"mark": 7}});
    pinned::<SnapshotKey>(mark.clone());
    pinned::<Difference>(json!({"added": [web], "removed": [mark], "changed": []}));
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
    pinned::<ExtendedAck>(json!({"message": "no", "offset": 20, "missing_attribute": 3}));
}

#[test]
fn entries() {
    let options = json!({
        "timeout": 60,
        "packets": 1,
        "bytes": 2,
        "comment": "ours",
        "skbmark": "0x2/0xff",
        "skbprio": "1:a0",
        "skbqueue": 4,
        "nomatch": true,
    });
    pinned::<EntryOptions>(options.clone());
    let with = |value: Value| {
        let mut entry = options.clone();
        entry["value"] = value;
        entry
    };
    pinned::<Entry<HashIp>>(with(json!("10.0.0.1")));
    let entry = with(json!([
        {"addresses": "10.0.0.1"},
        {"interface": {"name": "eth0", "physdev": true, "wildcard": true}},
    ]));
    pinned::<AnyEntry>(entry.clone());
    for element in [
        json!({"addresses": "10.0.0.0/8"}),
        json!({"port": "tcp:80"}),
        json!({"ports": "80-90"}),
        json!({"mac": "02:00:00:00:00:01"}),
        json!({"mac": null}),
        json!({"mark": 7}),
        json!({"member": {"name": "a", "place": {"before": "b"}}}),
    ] {
        pinned::<AnyElement>(element);
    }
    pinned::<Member>(json!({"name": "a", "place": {"after": "b"}}));
    let set = json!({"name": "web", "type": "hash:ip", "family": "ipv4"});
    pinned::<text::Line>(json!({"create": set}));
    pinned::<text::Line>(json!({"add": ["web", entry]}));
    pinned::<SetOrEntry>(json!({"entry": entry}));
    let info = json!({
        "name": "web",
        "type_name": "hash:ip",
        "revision": 5,
        "index": null,
        "references": 0,
        "memory": 0,
        "entries": null,
        "set": set,
    });
    pinned::<SetOrEntry>(json!({"set": info}));
    // Those that no set of one type has together.
    pinned::<CreateOptions>(json!({
        "family": "ipv6",
        "hashsize": 64,
        "maxelem": 70,
        "netmask": 24,
        "bitmask": "255.0.255.0",
        "markmask": 255,
        "bucketsize": 8,
        "initval": 5,
        "forceadd": true,
        "range": "80-90",
        "size": 9,
        "timeout": 60,
        "counters": true,
        "comment": true,
        "skbinfo": true,
    }));
}
