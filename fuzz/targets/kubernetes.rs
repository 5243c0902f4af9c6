#![no_main]
#![allow(dead_code, reason = "the program uses the rest")]

#[path = "../../tests/service_proxy_rules/any_input.rs"]
mod any_input;
#[path = "../../examples/service_proxy/cluster.rs"]
mod cluster;
#[path = "../../examples/service_proxy/input/mod.rs"]
mod input;
mod limits;
#[path = "../../examples/service_proxy/objects/mod.rs"]
mod objects;
#[path = "../../examples/service_proxy/translate/mod.rs"]
mod translate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // A Service has a server for each pair of a port and an endpoint, so only reading takes linear
    // memory.
    limits::run(|bytes| drop(any_input::read(bytes)), bytes);
    any_input::translate(bytes);
});
