//! The names in plans, policies, reports and records.

use serde_json::{Value, json};

use super::{pinned, written};
use crate::ipset::plan as sets;
use crate::ipvs::plan::{
    ApplyReport, AtOnce, Counts, LeftAloneReason, Look, ObjectState, Plan, Policy, Reason, Record,
    RecordedService, Step, WaitFor, WantedTable, Warning,
};
use crate::ipvs::{RealServer, VirtualService};

const WEB: &str = "-t 10.0.0.1:80";
const SERVER: &str = "10.1.0.1:80";

fn service() -> Value {
    written::<VirtualService>(json!({"key": WEB, "scheduler": "sh"}))
}

fn server() -> Value {
    written::<RealServer>(json!({"address": SERVER}))
}

#[test]
fn plans() {
    let object = json!({"service": WEB, "server": SERVER});
    let step =
        json!({"operation": {"add_service": service()}, "before": "nothing", "reason": "missing"});
    pinned::<Plan>(json!({
        "steps": [step],
        "only": [WEB],
        "replacements": [{"coming": {"start": 0, "end": 1}, "leaving": {"start": 1, "end": 2}}],
        "warnings": [{"outside_scope": {"service": WEB}}],
        "draining": [{
            "service": WEB,
            "servers": [{"address": SERVER, "weight": 3, "step": 0}],
            "persistent": true,
            "then": "remove_service",
        }],
        "adopted": [object],
        "left_alone": [{"object": {"service": WEB}, "reason": "not_recorded"}],
        "gone": [object],
        "drain_time": 60,
    }));
    pinned::<Counts>(json!({
        "services_added": 1,
        "services_updated": 2,
        "services_removed": 3,
        "servers_added": 4,
        "servers_updated": 5,
        "servers_drained": 6,
        "servers_removed": 7,
    }));
    let forms = json!([{
        "service": service(),
        "servers": [{
            "address": SERVER,
            "forwarding": "bypass",
            "weight": 2,
            "upper_threshold": 9,
            "lower_threshold": 7,
            "keep_weight": true,
        }],
    }]);
    pinned::<WantedTable>(forms);
}

#[test]
fn steps() {
    let update = json!({"update_service": service()});
    for before in [
        json!("nothing"),
        json!({"service": service()}),
        json!({"server": server()}),
        json!({"entry": [service(), [server()]]}),
    ] {
        pinned::<Step>(json!({"operation": update, "before": before, "reason": "differs"}));
    }
    for name in ["missing", "differs", "fallback", "returns", "drains"] {
        pinned::<Reason>(json!(name));
    }
    for name in ["policy", "udp", "one_packet", "scheduler", "empty"] {
        pinned::<AtOnce>(json!(name));
        pinned::<Reason>(json!({"unwanted": name}));
    }
    for name in ["outside_scope", "not_recorded", "holds_others"] {
        pinned::<LeftAloneReason>(json!(name));
    }
}

#[test]
fn warnings() {
    for warning in [
        json!({"refuses_clients": {"service": WEB, "scheduler": "sh"}}),
        json!({"cannot_drain": {"service": WEB, "scheduler": "dh", "connections": 5}}),
        json!({"clients_come_back": {"service": WEB}}),
        json!({"overlaps_every_port": {"service": WEB, "every_port": "-t 10.0.0.1:0"}}),
        json!({"overlaps_mark": {"mark": "-f 7", "service": WEB}}),
        json!({"many_removals": {"removed": 3, "present": 4}}),
    ] {
        pinned::<Warning>(warning);
    }
}

#[test]
fn reports() {
    let object = json!({"service": WEB, "server": SERVER});
    let warning = json!({"clients_come_back": {"service": WEB}});
    pinned::<ApplyReport>(json!({
        "objects": [{"object": object, "state": "added"}],
        "warnings": [warning],
        "drift": [object],
    }));
    for state in [
        json!("added"),
        json!("updated"),
        json!("removed"),
        json!({"draining_until": 1_800_000_000u64}),
        json!({"left_alone": "holds_others"}),
        json!({"failed": {"kind": "busy", "error": "it is"}}),
    ] {
        pinned::<ObjectState>(state);
    }
}

#[test]
fn policies() {
    pinned::<Policy>(json!({
        "drain_time": 60,
        "wait_for": "active",
        "look_every": 5,
        "drain_udp": true,
        "drain_unwanted_services": false,
        "set_fallback": true,
        "warn_above_percent": 50,
    }));
    for name in ["active", "active_and_inactive", "all"] {
        pinned::<WaitFor>(json!(name));
    }
}

#[test]
fn records() {
    let drains = json!({
        "persistent": true,
        "then": {"update_service": service()},
        "servers": {SERVER: {"until": 1_800_000_000u64, "weight": 3}},
    });
    let begun = json!({"service": true, "servers": [SERVER]});
    pinned::<Record>(json!({
        "applied": {WEB: [SERVER]},
        "begun": {WEB: begun, "-f 7": "whole"},
        "drains": {WEB: drains},
    }));
    pinned::<RecordedService>(json!({
        "service": WEB,
        "applied": [SERVER],
        "begun": begun,
        "drains": drains,
    }));
    pinned::<Look>(json!({
        "operations": ["flush"],
        "cut": [{"server": {"service": WEB, "server": SERVER}, "connections": 2}],
        "next": 1_800_000_000u64,
    }));
}

#[test]
fn sets_of_entries() {
    pinned::<sets::Counts>(json!({
        "added": 1,
        "removed": 2,
        "changed": 3,
        "renewed": 4,
        "kept": 5,
        "left_out": 6,
    }));
    pinned::<sets::Policy>(json!({
        "duplicates": "refuse",
        "overflow": {"grow": {"most": 1024}},
        "renew_below": 25,
        "at_once": true,
        "keep_options": true,
        "recreate": true,
    }));
    for name in ["last_wins", "refuse"] {
        pinned::<sets::Duplicates>(json!(name));
    }
    for name in ["refuse", "cut"] {
        pinned::<sets::Overflow>(json!(name));
    }
    for way in [
        json!("create"),
        json!("in_place"),
        json!({"second_set": {"why": "maxelem"}}),
        json!({"recreate": {"why": "type"}}),
    ] {
        pinned::<sets::Way>(way);
    }
}
