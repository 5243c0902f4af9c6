//! Tests the translation of the example service_proxy: what objects ask of a node.

#![allow(dead_code, reason = "the program uses the rest")]

#[path = "../examples/service_proxy/cluster.rs"]
mod cluster;
#[path = "../examples/service_proxy/gather.rs"]
mod gather;
#[path = "../examples/exporter/http.rs"]
mod http;
#[path = "../examples/service_proxy/input/mod.rs"]
mod input;
#[path = "../examples/service_proxy/objects/mod.rs"]
mod objects;
#[path = "../examples/service_proxy/kernel/record.rs"]
mod record;
#[path = "../examples/service_proxy/translate/mod.rs"]
mod translate;

#[path = "service_proxy_rules/fixture.rs"]
mod fixture;

#[path = "service_proxy_rules/addresses.rs"]
mod addresses;
#[path = "service_proxy_rules/any_input.rs"]
mod any_input;
#[path = "service_proxy_rules/endpoints.rs"]
mod endpoints;
#[path = "service_proxy_rules/events.rs"]
mod events;
#[path = "service_proxy_rules/reading.rs"]
mod reading;
#[path = "service_proxy_rules/record_file.rs"]
mod record_file;
#[path = "service_proxy_rules/rules.rs"]
mod rules;

#[path = "service_proxy_rules/seeds.rs"]
mod seeds;

#[path = "service_proxy_rules/gathering.rs"]
mod gathering;
#[path = "service_proxy_rules/serving.rs"]
mod serving;
