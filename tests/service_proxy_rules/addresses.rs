//! At which addresses clients find a Service, and how the virtual services are configured.

use std::slice::from_ref;

use ipnet::IpNet;
use serde_json::json;

use crate::fixture::*;
use crate::translate::{Node, Settings};

fn keys(fixture: &Fixture) -> Vec<String> {
    fixture
        .wanted
        .table
        .iter()
        .map(|it| it.key().to_string())
        .collect()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn each_address_is_a_virtual_service_that_masquerades() {
    let web = with(
        balanced(
            node_port(service("web", &["10.96.0.1"]), 30080),
            &["198.51.100.1"],
        ),
        json!({ "externalIPs": ["198.51.100.2"] }),
    );
    let fixture = Fixture::of(&[web, slice("s", "web", &[ready("10.0.0.1")])]);
    let text = [
        "10.96.0.1:80",
        "192.0.2.10:30080",
        "198.51.100.1:80",
        "198.51.100.2:80",
    ]
    .map(|it| format!("-A -t {it} -s rr\n-a -t {it} -r 10.0.0.1:8080 -m -w 1\n"));
    assert_eq!(fixture.table(), text.concat());
    // The node has the address of its node port already.
    assert_eq!(
        fixture.addresses(),
        ["10.96.0.1", "198.51.100.1", "198.51.100.2"]
    );
}

#[test]
fn a_load_balancer_that_delivers_itself_has_no_virtual_service() {
    let mut web = balanced(service("web", &["10.96.0.1"]), &["198.51.100.1"]);
    web["status"]["loadBalancer"]["ingress"] = json!([
        { "ip": "198.51.100.1", "ipMode": "Proxy" },
        { "ip": "198.51.100.2", "ipMode": "VIP" },
        { "hostname": "lb.example" },
    ]);
    let fixture = Fixture::of(&[web, slice("s", "web", &[ready("10.0.0.1")])]);
    assert_eq!(keys(&fixture), ["-t 10.96.0.1:80", "-t 198.51.100.2:80"]);
}

#[test]
fn two_services_share_an_address_of_a_load_balancer() {
    let other = balanced(service("b", &["10.96.0.2"]), &["198.51.100.1"]);
    let other = with(other, json!({ "ports": [{ "name": "p", "port": 443 }] }));
    let mut fixture = Fixture::of(&[
        balanced(service("a", &["10.96.0.1"]), &["198.51.100.1"]),
        other.clone(),
        slice("s1", "a", &[ready("10.0.0.1")]),
        slice("s2", "b", &[ready("10.0.0.2")]),
    ]);
    assert_eq!(fixture.servers("-t 198.51.100.1:80"), ["10.0.0.1:8080"]);
    assert_eq!(fixture.servers("-t 198.51.100.1:443"), ["10.0.0.2:8080"]);
    fixture.event("DELETED", &other);
    // The address stays as long as one of them has it.
    assert_eq!(fixture.addresses(), ["10.96.0.1", "198.51.100.1"]);
    assert_eq!(fixture.told, [""; 0]);
}

#[test]
fn udp_tcp_and_sctp_share_a_port() {
    let ports = json!({ "ports": [
        { "name": "u", "protocol": "UDP", "port": 53 },
        { "name": "t", "protocol": "TCP", "port": 53 },
        { "name": "s", "protocol": "SCTP", "port": 53 },
    ] });
    let mut endpoints = slice("s", "dns", &[ready("10.0.0.1")]);
    endpoints["ports"] = json!([
        { "name": "u", "protocol": "UDP", "port": 1 },
        { "name": "t", "protocol": "TCP", "port": 2 },
        { "name": "s", "protocol": "SCTP", "port": 3 },
    ]);
    let fixture = Fixture::of(&[with(service("dns", &["10.96.0.1"]), ports), endpoints]);
    assert_eq!(fixture.servers("-u 10.96.0.1:53"), ["10.0.0.1:1"]);
    assert_eq!(fixture.servers("-t 10.96.0.1:53"), ["10.0.0.1:2"]);
    let sctp = fixture
        .wanted
        .table
        .iter()
        .find(|it| it.key().to_string().contains("sctp"));
    assert_eq!(
        sctp.unwrap().servers()[0].config.address.to_string(),
        "10.0.0.1:3"
    );
}

#[test]
fn families_are_apart_in_either_order() {
    for addresses in [["10.96.0.1", "fd00:96::1"], ["fd00:96::1", "10.96.0.1"]] {
        let mut fixture = Fixture::of(&[
            node_port(service("web", &addresses), 30080),
            slice("s4", "web", &[ready("10.0.0.1")]),
            slice("s6", "web", &[ready("fd00::1")]),
        ]);
        assert_eq!(fixture.servers("-t 10.96.0.1:80"), ["10.0.0.1:8080"]);
        assert_eq!(fixture.servers("-t [fd00:96::1]:80"), ["[fd00::1]:8080"]);
        assert_eq!(fixture.servers("-t 192.0.2.10:30080"), ["10.0.0.1:8080"]);
        assert_eq!(
            fixture.servers("-t [2001:db8::10]:30080"),
            ["[fd00::1]:8080"]
        );
        assert_eq!(fixture.set("6-LOOP-BACK"), ["fd00::1,tcp:8080,fd00::1"]);
        assert_eq!(fixture.set("6-CLUSTER-IP"), ["fd00:96::1,tcp:80"]);
        assert_eq!(fixture.set("-CLUSTER-IP"), ["10.96.0.1,tcp:80"]);
    }
}

#[test]
fn a_service_of_one_family_is_nothing_in_the_other() {
    let mut fixture = Fixture::of(&[
        node_port(service("web", &["fd00:96::1"]), 30080),
        slice("s6", "web", &[ready("fd00::1")]),
    ]);
    assert_eq!(
        keys(&fixture),
        ["-t [2001:db8::10]:30080", "-t [fd00:96::1]:80"]
    );
    assert!(fixture.sets().iter().all(|it| it.starts_with("SVCPROXY6-")));
    // A node of one family does not have the other one's Services.
    let addresses = vec!["192.0.2.10".parse().unwrap()];
    let mut fixture = Fixture::with(
        Node {
            addresses,
            ..node()
        },
        Settings::default(),
    );
    fixture.put(&[service("web", &["10.96.0.1", "fd00:96::1"])]);
    assert_eq!(fixture.addresses(), ["10.96.0.1"]);
}

#[test]
fn headless_and_external_names_have_no_virtual_service() {
    let name = json!({ "type": "ExternalName", "externalName": "example.org", "clusterIP": null, "clusterIPs": null });
    let pending = json!({ "clusterIP": "", "clusterIPs": null });
    let mut other_proxy = service("other", &["10.96.0.3"]);
    other_proxy["metadata"]["labels"] = json!({ "service.kubernetes.io/service-proxy-name": "x" });
    let mut fixture = Fixture::of(&[
        service("headless", &["None"]),
        with(service("name", &["10.96.0.2"]), name),
        with(service("pending", &["10.96.0.2"]), pending),
        other_proxy,
        slice("s1", "headless", &[ready("10.0.0.1")]),
        slice("s2", "name", &[ready("10.0.0.1")]),
        slice("s3", "pending", &[ready("10.0.0.1")]),
        slice("s4", "other", &[ready("10.0.0.1")]),
    ]);
    assert_eq!(fixture.table(), "");
    assert_eq!(fixture.addresses(), [""; 0]);
    assert!(fixture.sets().is_empty());
    assert_eq!(fixture.told, [""; 0]);
}

#[test]
fn affinity_is_persistence() {
    let sticky = |spec| with(service("web", &["10.96.0.1", "fd00:96::1"]), spec);
    let endpoints = [
        slice("s", "web", &[ready("10.0.0.1")]),
        slice("s6", "web", &[ready("fd00::1")]),
    ];
    let mut fixture = Fixture::of(&endpoints);
    for (spec, options) in [
        (json!({ "sessionAffinity": "ClientIP" }), "-p 10800\n"),
        (
            json!({
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 30 } },
            }),
            "-p 30\n",
        ),
        (
            json!({ "sessionAffinity": "None", "sessionAffinityConfig": null }),
            "\n",
        ),
    ] {
        fixture.put(&[sticky(spec)]);
        for key in ["10.96.0.1:80", "[fd00:96::1]:80"] {
            let line = format!("-A -t {key} -s rr {options}").replace(" \n", "\n");
            assert!(fixture.table().contains(&line), "{line}{}", fixture.table());
        }
    }
}

#[test]
fn the_scheduler_is_the_program_s_or_the_service_s() {
    let settings = Settings {
        scheduler: "wlc".parse().unwrap(),
        ..Settings::default()
    };
    let mut fixture = Fixture::with(node(), settings);
    let mut other = service("other", &["10.96.0.2"]);
    other["metadata"]["annotations"] = json!({ "service-proxy.ipvset/scheduler": "mh" });
    let mut wrong = service("wrong", &["10.96.0.3"]);
    wrong["metadata"]["annotations"] =
        json!({ "service-proxy.ipvset/scheduler": "a-name-that-is-too-long" });
    fixture.put(&[service("web", &["10.96.0.1"]), other, wrong]);
    fixture.put(&["web", "other", "wrong"].map(|it| slice(it, it, &[ready("10.0.0.1")])));
    for (address, scheduler) in [
        ("10.96.0.1", "wlc"),
        ("10.96.0.2", "mh"),
        ("10.96.0.3", "wlc"),
    ] {
        let line = format!("-A -t {address}:80 -s {scheduler}\n");
        assert!(fixture.table().contains(&line), "{line}{}", fixture.table());
    }
    assert!(
        fixture.told[0].starts_with("Service ns/wrong: its scheduler is not used"),
        "{:?}",
        fixture.told
    );
}

#[test]
fn node_ports_are_at_the_addresses_that_were_asked_for() {
    let addresses = ["192.0.2.10", "10.1.0.10", "2001:db8::10"].map(|it| it.parse().unwrap());
    let settings = Settings {
        node_port_addresses: vec![net("10.1.0.0/16")],
        ..Settings::default()
    };
    let mut fixture = Fixture::with(
        Node {
            addresses: addresses.into(),
            ..node()
        },
        settings,
    );
    fixture.put(&[
        node_port(service("web", &["10.96.0.1"]), 30080),
        slice("s", "web", &[ready("10.0.0.1")]),
    ]);
    assert_eq!(keys(&fixture), ["-t 10.1.0.10:30080", "-t 10.96.0.1:80"]);
    // A node port of a Service that is of another type does not count.
    fixture.put(&[with(
        node_port(service("web", &["10.96.0.1"]), 30080),
        json!({ "type": "ClusterIP" }),
    )]);
    assert_eq!(keys(&fixture), ["-t 10.96.0.1:80"]);
}

#[test]
fn excluded_addresses_belong_to_another_program() {
    let settings = Settings {
        exclude: vec![net("198.51.100.0/24")],
        ..Settings::default()
    };
    let mut fixture = Fixture::with(node(), settings);
    fixture.put(&[
        balanced(
            service("web", &["10.96.0.1"]),
            &["198.51.100.1", "203.0.113.1"],
        ),
        slice("s", "web", &[ready("10.0.0.1")]),
    ]);
    assert_eq!(keys(&fixture), ["-t 10.96.0.1:80", "-t 203.0.113.1:80"]);
    assert_eq!(fixture.addresses(), ["10.96.0.1", "203.0.113.1"]);
}

#[test]
fn who_comes_first_gets_an_address_and_port_that_two_ask_for() {
    let outer = with(
        service("outer", &["10.96.0.2"]),
        json!({
            "externalIPs": ["192.0.2.10"],
            "ports": [{ "name": "p", "port": 30080 }],
        }),
    );
    let inner = node_port(service("inner", &["10.96.0.1"]), 30080);
    let endpoints = [
        slice("s1", "inner", &[ready("10.0.0.1")]),
        slice("s2", "outer", &[ready("10.0.0.2")]),
    ];
    for services in [
        [inner.clone(), outer.clone()],
        [outer.clone(), inner.clone()],
    ] {
        let mut fixture = Fixture::of(&services);
        fixture.put(&endpoints);
        assert_eq!(fixture.servers("-t 192.0.2.10:30080"), ["10.0.0.2:8080"]);
        assert!(
            fixture.told.iter().any(|it| it.contains(
                "both ask for -t 192.0.2.10:30080; the external address of ns/outer gets it"
            )),
            "{:?}",
            fixture.told
        );
        // The node's own address is not moved, nor are its other ports closed.
        assert_eq!(fixture.addresses(), ["10.96.0.1", "10.96.0.2"]);
        fixture.event("DELETED", &outer);
        assert_eq!(fixture.servers("-t 192.0.2.10:30080"), ["10.0.0.1:8080"]);
    }
}

#[test]
fn a_service_that_changes_leaves_nothing_behind() {
    let endpoints = slice("s", "web", &[ready("10.0.0.1")]);
    let mut fixture = Fixture::of(from_ref(&endpoints));
    let web = service("web", &["10.96.0.1"]);
    let local = json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 });
    for changed in [
        node_port(web.clone(), 30080),
        with(balanced(web.clone(), &["198.51.100.1"]), local),
        with(
            balanced(web.clone(), &["198.51.100.1"]),
            json!({ "loadBalancerSourceRanges": ["10.0.0.0/8"] }),
        ),
        with(web.clone(), json!({ "externalIPs": ["198.51.100.2"] })),
        service("web", &["10.96.0.2"]),
        service("web", &["None"]),
        with(
            web.clone(),
            json!({ "type": "ExternalName", "clusterIPs": null, "clusterIP": "" }),
        ),
        with(
            web.clone(),
            json!({ "ports": [{ "name": "p", "port": 81 }] }),
        ),
        web.clone(),
    ] {
        fixture.put(from_ref(&changed));
        let mut fresh = Fixture::of(&[changed.clone(), endpoints.clone()]);
        assert_eq!(fixture.table(), fresh.table(), "{changed}");
        assert_eq!(fixture.sets(), fresh.sets(), "{changed}");
        assert_eq!(fixture.addresses(), fresh.addresses(), "{changed}");
        assert_eq!(
            fixture.wanted.health_checks, fresh.wanted.health_checks,
            "{changed}"
        );
    }
    fixture.event("DELETED", &web);
    assert_eq!((fixture.table(), fixture.sets().len()), (String::new(), 0));
}
