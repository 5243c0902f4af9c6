//! Which endpoints clients are sent to.

use serde_json::json;

use crate::fixture::*;

const KEY: &str = "-t 10.96.0.1:80";

fn servers(endpoints: &[serde_json::Value]) -> Vec<String> {
    let objects = [service("web", &["10.96.0.1"]), slice("s", "web", endpoints)];
    Fixture::of(&objects).servers(KEY)
}

#[test]
fn those_that_are_ready_count() {
    let starting = json!({ "addresses": ["10.0.0.3"], "conditions": { "ready": false } });
    // A condition that is missing counts as true.
    let silent = json!({ "addresses": ["10.0.0.4"] });
    let all = [ready("10.0.0.1"), terminating("10.0.0.2"), starting, silent];
    assert_eq!(servers(&all), ["10.0.0.1:8080", "10.0.0.4:8080"]);
}

#[test]
fn if_none_is_ready_those_that_terminate_and_serve_count() {
    let done = json!({
        "addresses": ["10.0.0.3"],
        "conditions": { "ready": false, "serving": false, "terminating": true },
    });
    let starting = json!({
        "addresses": ["10.0.0.4"],
        "conditions": { "ready": false, "serving": true, "terminating": false },
    });
    assert_eq!(
        servers(&[terminating("10.0.0.2"), done, starting]),
        ["10.0.0.2:8080"]
    );
}

#[test]
fn an_endpoint_that_is_ready_again_counts_again() {
    let mut fixture = Fixture::of(&[service("web", &["10.96.0.1"])]);
    for (endpoint, expected) in [
        (ready("10.0.0.1"), vec!["10.0.0.1:8080", "10.0.0.2:8080"]),
        (terminating("10.0.0.1"), vec!["10.0.0.2:8080"]),
        (ready("10.0.0.1"), vec!["10.0.0.1:8080", "10.0.0.2:8080"]),
    ] {
        fixture.put(&[slice("s", "web", &[endpoint, ready("10.0.0.2")])]);
        assert_eq!(fixture.servers(KEY), expected);
    }
}

#[test]
fn a_service_without_endpoints_has_an_address_and_no_virtual_service() {
    for endpoints in [
        vec![],
        vec![json!({ "addresses": ["10.0.0.1"], "conditions": { "ready": false } })],
    ] {
        let mut fixture = Fixture::of(&[
            service("web", &["10.96.0.1"]),
            slice("s", "web", &endpoints),
        ]);
        assert_eq!(fixture.table(), "");
        assert_eq!(fixture.addresses(), ["10.96.0.1"]);
        assert_eq!(fixture.set("-SERVICE-IP"), ["10.96.0.1"]);
        assert_eq!(fixture.set("-CLUSTER-IP"), [""; 0]);
    }
}

#[test]
fn all_slices_of_a_service_count_and_only_those() {
    let fixture = Fixture::of(&[
        slice("s1", "web", &[ready("10.0.0.1")]),
        slice("s2", "web", &[ready("10.0.0.2")]),
        slice("s3", "other", &[ready("10.0.0.3")]),
        service("web", &["10.96.0.1"]),
    ]);
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn an_endpoint_in_two_slices_is_one_and_the_better_condition_counts() {
    for slices in [["s1", "s2"], ["s2", "s1"]] {
        let fixture = Fixture::of(&[
            service("web", &["10.96.0.1"]),
            slice(slices[0], "web", &[ready("10.0.0.1")]),
            slice(
                slices[1],
                "web",
                &[terminating("10.0.0.1"), ready("10.0.0.2")],
            ),
        ]);
        assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080", "10.0.0.2:8080"]);
    }
}

#[test]
fn an_endpoint_that_moves_to_another_slice_stays() {
    let mut fixture = Fixture::of(&[
        service("web", &["10.96.0.1"]),
        slice("s1", "web", &[ready("10.0.0.1")]),
        slice("s2", "web", &[ready("10.0.0.1")]),
    ]);
    let before = (fixture.table(), fixture.sets());
    fixture.event("DELETED", &slice("s1", "web", &[]));
    assert_eq!((fixture.table(), fixture.sets()), before);
}

#[test]
fn ports_belong_together_by_name_and_protocol() {
    let ports = json!({ "ports": [
        { "name": "web", "port": 80, "targetPort": "http" },
        { "name": "dns", "protocol": "UDP", "port": 53 },
        { "name": "lost", "port": 99 },
    ] });
    let mut one = slice("s1", "web", &[ready("10.0.0.1")]);
    one["ports"] = json!([
        { "name": "web", "protocol": "TCP", "port": 8080 },
        { "name": "dns", "protocol": "UDP", "port": 5353 },
        { "name": "dns", "protocol": "TCP", "port": 5354 },
        { "name": "lost", "protocol": "TCP", "port": null },
    ]);
    // Another version of the pods has another number for the same name.
    let mut other = slice("s2", "web", &[ready("10.0.0.2")]);
    other["ports"] = json!([{ "name": "web", "protocol": "TCP", "port": 9090 }]);
    let fixture = Fixture::of(&[with(service("web", &["10.96.0.1"]), ports), one, other]);
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080", "10.0.0.2:9090"]);
    assert_eq!(fixture.servers("-u 10.96.0.1:53"), ["10.0.0.1:5353"]);
    assert_eq!(fixture.servers("-t 10.96.0.1:99"), [""; 0]);
}

#[test]
fn a_port_without_a_name_is_one() {
    let mut web = service("web", &["10.96.0.1"]);
    web["spec"]["ports"] = json!([{ "port": 80 }]);
    let mut endpoints = slice("s", "web", &[ready("10.0.0.1")]);
    endpoints["ports"] = json!([{ "name": "", "port": 8080, "protocol": "TCP" }]);
    assert_eq!(
        Fixture::of(&[web, endpoints]).servers(KEY),
        ["10.0.0.1:8080"]
    );
}

#[test]
fn local_policies_take_the_endpoints_of_the_node() {
    let web = node_port(
        balanced(service("web", &["10.96.0.1"]), &["198.51.100.1"]),
        30080,
    );
    let web = with(web, json!({ "externalIPs": ["198.51.100.2"] }));
    let outer = with(web.clone(), json!({ "externalTrafficPolicy": "Local" }));
    let inner = with(web, json!({ "internalTrafficPolicy": "Local" }));
    let endpoints = slice("s", "web", &[ready("10.0.0.1"), elsewhere("10.0.1.1")]);
    let (local, all) = (
        vec!["10.0.0.1:8080"],
        vec!["10.0.0.1:8080", "10.0.1.1:8080"],
    );
    for (service, inside, outside) in [(outer, &all, &local), (inner, &local, &all)] {
        let fixture = Fixture::of(&[service, endpoints.clone()]);
        assert_eq!(fixture.servers(KEY), *inside);
        for key in [
            "-t 198.51.100.1:80",
            "-t 198.51.100.2:80",
            "-t 192.0.2.10:30080",
        ] {
            assert_eq!(fixture.servers(key), *outside, "{key}");
        }
    }
}

#[test]
fn a_local_policy_without_local_endpoints_has_none() {
    let local = json!({ "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local" });
    let web = with(node_port(service("web", &["10.96.0.1"]), 30080), local);
    let mut fixture = Fixture::of(&[web, slice("s", "web", &[elsewhere("10.0.1.1")])]);
    assert_eq!(fixture.table(), "");
    assert_eq!(fixture.addresses(), ["10.96.0.1"]);
    // One that terminates is better than none.
    fixture.put(&[slice(
        "s",
        "web",
        &[elsewhere("10.0.1.1"), terminating("10.0.0.1")],
    )]);
    assert_eq!(fixture.servers(KEY), ["10.0.0.1:8080"]);
    assert_eq!(fixture.servers("-t 192.0.2.10:30080"), ["10.0.0.1:8080"]);
}

fn hinted(address: &str, zones: &[&str]) -> serde_json::Value {
    let mut endpoint = ready(address);
    let zones: Vec<_> = zones.iter().map(|it| json!({ "name": it })).collect();
    endpoint["hints"] = json!({ "forZones": zones });
    endpoint
}

#[test]
fn hints_narrow_the_endpoints_to_those_for_the_zone() {
    let all = [
        hinted("10.0.0.1", &["a"]),
        hinted("10.0.0.2", &["b"]),
        hinted("10.0.0.3", &["b", "a"]),
    ];
    assert_eq!(servers(&all), ["10.0.0.1:8080", "10.0.0.3:8080"]);
}

#[test]
fn hints_that_are_not_whole_or_have_none_for_the_zone_do_not_count() {
    let all = ["10.0.0.1:8080", "10.0.0.2:8080"];
    assert_eq!(
        servers(&[hinted("10.0.0.1", &["a"]), ready("10.0.0.2")]),
        all
    );
    assert_eq!(
        servers(&[hinted("10.0.0.1", &["b"]), hinted("10.0.0.2", &["c"])]),
        all
    );
    // Those that are not ready need none.
    let endpoints = [
        hinted("10.0.0.1", &["a"]),
        hinted("10.0.0.2", &["b"]),
        terminating("10.0.0.3"),
    ];
    assert_eq!(servers(&endpoints), ["10.0.0.1:8080"]);
    // Nor do they count on a node whose zone is not known.
    let objects = [
        service("web", &["10.96.0.1"]),
        slice("s", "web", &endpoints),
    ];
    let nowhere = crate::translate::Node {
        zone: None,
        ..node()
    };
    let mut fixture = Fixture::with(nowhere, Default::default());
    fixture.put(&objects);
    assert_eq!(fixture.servers(KEY), all);
}

#[test]
fn hints_for_nodes_come_before_those_for_zones() {
    let for_node = |address: &str, node: &str| {
        let mut endpoint = hinted(address, &["a"]);
        endpoint["hints"]["forNodes"] = json!([{ "name": node }]);
        endpoint
    };
    assert_eq!(
        servers(&[for_node("10.0.0.1", "here"), for_node("10.0.0.2", "there")]),
        ["10.0.0.1:8080"]
    );
    let others = [for_node("10.0.0.1", "there"), for_node("10.0.0.2", "there")];
    assert_eq!(servers(&others), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn hints_do_not_matter_to_local_policies() {
    let local = json!({ "internalTrafficPolicy": "Local" });
    let endpoints = [hinted("10.0.0.1", &["b"]), hinted("10.0.0.2", &["a"])];
    let objects = [
        with(service("web", &["10.96.0.1"]), local),
        slice("s", "web", &endpoints),
    ];
    assert_eq!(
        Fixture::of(&objects).servers(KEY),
        ["10.0.0.1:8080", "10.0.0.2:8080"]
    );
}
