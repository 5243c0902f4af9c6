//! What the firewall rules find in the sets, and health checks.

use serde_json::json;

use crate::fixture::*;

#[test]
fn local_endpoints_may_reach_themselves() {
    let endpoints = [
        ready("10.0.0.1"),
        elsewhere("10.0.1.1"),
        terminating("10.0.0.2"),
    ];
    let mut fixture = Fixture::of(&[
        service("web", &["10.96.0.1"]),
        slice("s", "web", &endpoints),
    ]);
    let expected = ["10.0.0.1,tcp:8080,10.0.0.1", "10.0.0.2,tcp:8080,10.0.0.2"];
    assert_eq!(fixture.set("-LOOP-BACK"), expected);
}

#[test]
fn an_endpoint_of_two_services_stays_as_long_as_one_has_it() {
    let mut fixture = Fixture::of(&[
        service("a", &["10.96.0.1"]),
        service("b", &["10.96.0.2"]),
        slice("s1", "a", &[ready("10.0.0.1")]),
        slice("s2", "b", &[ready("10.0.0.1")]),
    ]);
    fixture.event("DELETED", &service("a", &["10.96.0.1"]));
    assert_eq!(fixture.set("-LOOP-BACK"), ["10.0.0.1,tcp:8080,10.0.0.1"]);
    fixture.event("DELETED", &service("b", &["10.96.0.2"]));
    assert_eq!(fixture.set("-LOOP-BACK"), [""; 0]);
}

#[test]
fn addresses_are_in_the_set_of_their_role_and_policy() {
    let web = node_port(
        balanced(service("web", &["10.96.0.1"]), &["198.51.100.1"]),
        30080,
    );
    let web = with(web, json!({ "externalIPs": ["198.51.100.2"] }));
    let endpoints = slice("s", "web", &[ready("10.0.0.1")]);
    let mut fixture = Fixture::of(&[web.clone(), endpoints]);
    assert_eq!(fixture.set("-CLUSTER-IP"), ["10.96.0.1,tcp:80"]);
    assert_eq!(fixture.set("-LOAD-BALANCER"), ["198.51.100.1,tcp:80"]);
    assert_eq!(fixture.set("-EXTERNAL-IP"), ["198.51.100.2,tcp:80"]);
    assert_eq!(fixture.set("-NODE-PORT-TCP"), ["30080"]);
    assert_eq!(
        fixture.set("-SERVICE-IP"),
        ["10.96.0.1", "198.51.100.1", "198.51.100.2"]
    );
    assert_eq!(fixture.set("-LOAD-BALANCER-FW"), [""; 0]);

    fixture.put(&[with(web, json!({ "externalTrafficPolicy": "Local" }))]);
    assert_eq!(fixture.set("-CLUSTER-IP"), ["10.96.0.1,tcp:80"]);
    assert_eq!(fixture.set("-LOAD-BALANCER-LOCAL"), ["198.51.100.1,tcp:80"]);
    assert_eq!(fixture.set("-EXTERNAL-IP-LOCAL"), ["198.51.100.2,tcp:80"]);
    for masqueraded in ["-LOAD-BALANCER", "-EXTERNAL-IP", "-NODE-PORT-TCP"] {
        assert_eq!(fixture.set(masqueraded), [""; 0], "{masqueraded}");
    }
}

#[test]
fn node_ports_are_in_the_set_of_their_protocol() {
    let web = with(
        node_port(service("web", &["10.96.0.1"]), 30080),
        json!({ "ports": [
        { "name": "t", "protocol": "TCP", "port": 1, "nodePort": 30001 },
        { "name": "u", "protocol": "UDP", "port": 1, "nodePort": 30001 },
        { "name": "s", "protocol": "SCTP", "port": 1, "nodePort": 30002 },
    ] }),
    );
    let mut endpoints = slice("s", "web", &[ready("10.0.0.1")]);
    endpoints["ports"] = json!([
        { "name": "t", "protocol": "TCP", "port": 1 },
        { "name": "u", "protocol": "UDP", "port": 1 },
        { "name": "s", "protocol": "SCTP", "port": 1 },
    ]);
    let mut fixture = Fixture::of(&[web, endpoints]);
    assert_eq!(fixture.set("-NODE-PORT-TCP"), ["30001"]);
    assert_eq!(fixture.set("-NODE-PORT-UDP"), ["30001"]);
    assert_eq!(fixture.set("-NODE-PORT-SCTP"), ["192.0.2.10,sctp:30002"]);
}

#[test]
fn source_ranges_are_of_the_load_balancer_and_of_their_family() {
    let web = balanced(
        service("web", &["10.96.0.1", "fd00:96::1"]),
        &["198.51.100.1", "2001:db8:1::1"],
    );
    let endpoints = [
        slice("s", "web", &[ready("10.0.0.1")]),
        slice("s6", "web", &[ready("fd00::1")]),
    ];
    let mut fixture = Fixture::of(&endpoints);
    let ranges = |ranges: &[&str]| with(web.clone(), json!({ "loadBalancerSourceRanges": ranges }));

    fixture.put(&[ranges(&["10.1.0.0/16", " 192.0.2.7/24", "fd00::/8"])]);
    assert_eq!(fixture.set("-LOAD-BALANCER-FW"), ["198.51.100.1,tcp:80"]);
    assert_eq!(
        fixture.set("-LOAD-BALANCER-SOURCE"),
        [
            "198.51.100.1,tcp:80,10.1.0.0/16",
            "198.51.100.1,tcp:80,192.0.2.0/24"
        ]
    );
    assert_eq!(
        fixture.set("6-LOAD-BALANCER-SOURCE"),
        ["2001:db8:1::1,tcp:80,fd00::/8"]
    );

    // The family that no range names is closed.
    fixture.put(&[ranges(&["10.1.0.0/16"])]);
    assert_eq!(fixture.set("6-LOAD-BALANCER-FW"), ["2001:db8:1::1,tcp:80"]);
    assert_eq!(fixture.set("6-LOAD-BALANCER-SOURCE"), [""; 0]);

    // A set has no room for a network of all addresses, but for its halves.
    fixture.put(&[ranges(&["0.0.0.0/0", "::/0"])]);
    assert_eq!(
        fixture.set("-LOAD-BALANCER-SOURCE"),
        [
            "198.51.100.1,tcp:80,0.0.0.0/1",
            "198.51.100.1,tcp:80,128.0.0.0/1"
        ]
    );
    assert_eq!(
        fixture.set("6-LOAD-BALANCER-SOURCE"),
        ["2001:db8:1::1,tcp:80,8000::/1", "2001:db8:1::1,tcp:80,::/1"]
    );

    fixture.put(std::slice::from_ref(&web));
    assert_eq!(fixture.set("-LOAD-BALANCER-FW"), [""; 0]);
}

#[test]
fn health_checks_count_the_ready_endpoints_of_the_node() {
    let local = json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 });
    let web = with(
        balanced(
            service("web", &["10.96.0.1", "fd00:96::1"]),
            &["198.51.100.1"],
        ),
        local,
    );
    let mut fixture = Fixture::of(&[
        web.clone(),
        slice(
            "s",
            "web",
            &[
                ready("10.0.0.1"),
                elsewhere("10.0.1.1"),
                terminating("10.0.0.2"),
            ],
        ),
        slice("s6", "web", &[ready("fd00::1")]),
    ]);
    let check = &fixture.wanted.health_checks[&30099];
    assert_eq!(
        (check.service.to_string().as_str(), check.local_endpoints),
        ("ns/web", 1)
    );
    assert_eq!(fixture.set("-HEALTH-CHECK"), ["30099"]);

    fixture.put(&[slice("s", "web", &[]), slice("s6", "web", &[])]);
    assert_eq!(fixture.wanted.health_checks[&30099].local_endpoints, 0);

    // With the other policy, there is nothing to ask.
    fixture.put(&[with(web, json!({ "externalTrafficPolicy": "Cluster" }))]);
    assert!(fixture.wanted.health_checks.is_empty());
    assert_eq!(fixture.set("-HEALTH-CHECK"), [""; 0]);
}

/// The API server hands out a port again as soon as it is free, so that the news of the new owner
/// may be followed together with those of the old one.
#[test]
fn a_port_of_a_health_check_that_two_services_ask_for_is_that_of_the_first() {
    let local = json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 });
    let of = |name: &str, address: &str| {
        let service = balanced(service(name, &[address]), &["198.51.100.1"]);
        with(service, local.clone())
    };
    let (one, two) = (of("a", "10.96.0.1"), of("b", "10.96.0.2"));
    let owner = |fixture: &Fixture| {
        let check = fixture.wanted.health_checks.get(&30099);
        check.map(|it| it.service.to_string())
    };
    for (first, last) in [(&one, &two), (&two, &one)] {
        let mut fixture = Fixture::of(&[first.clone(), last.clone()]);
        assert_eq!(owner(&fixture).as_deref(), Some("ns/a"));
        fixture.event("DELETED", first);
        let left = last["metadata"]["name"]
            .as_str()
            .map(|it| format!("ns/{it}"));
        assert_eq!(owner(&fixture), left);
        assert_eq!(fixture.set("-HEALTH-CHECK"), ["30099"]);
        fixture.event("DELETED", last);
        assert_eq!(owner(&fixture), None);
        assert_eq!(fixture.set("-HEALTH-CHECK"), [""; 0]);
    }
}

#[test]
fn a_service_without_an_address_on_the_node_has_no_health_check() {
    let local = json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 });
    let web = balanced(service("web", &["10.96.0.1"]), &["198.51.100.1"]);
    let mut web = with(web, local);
    web["spec"]["ports"] = json!([]);
    let mut fixture = Fixture::of(std::slice::from_ref(&web));
    assert!(fixture.wanted.health_checks.is_empty());
    fixture.event("DELETED", &web);
    assert!(fixture.wanted.health_checks.is_empty());
    assert_eq!(fixture.set("-HEALTH-CHECK"), [""; 0]);
}
