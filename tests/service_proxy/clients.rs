//! Who answers a client, and which address the endpoint sees.

use lab::net::Unanswered;
use serde_json::json;

use crate::Result;
use crate::cluster::{
    endpoint, service, slice, slice_of, slice6, with_load_balancer, with_node_port,
};
use crate::proxy::{self, Proxy};
use crate::world::{CLIENT, From, NODE, World, get, names, pod, pod_name, socket};

crate::tests![
    a_cluster_address_is_reached_from_everywhere,
    node_ports_and_outer_addresses_are_reached_from_outside,
    the_local_policy_keeps_the_client_and_the_node,
    source_ranges_are_enforced,
    health_checks_tell_the_number_of_local_endpoints,
    a_client_with_affinity_stays,
    a_service_without_endpoints_refuses_at_once,
    udp_and_tcp_share_a_port,
    every_client_is_hidden_where_asked,
    neighbours_do_not_learn_addresses_where_asked,
];

const ALL: [From; 3] = [From::Node, From::Pod(2), From::Client];

fn a_cluster_address_is_reached_from_everywhere() -> Result {
    let world = World::new()?;
    let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], json!({}));
    let objects = [
        web,
        slice("web", "TCP", [1, 2, 5]),
        slice6("web", "TCP", [1, 2, 5]),
    ];
    proxy::apply(&["--cluster-cidr", "10.244.0.0/16,fd00:244::/32"], &objects);
    for (address, family) in [("10.96.0.10", 0), ("fd00:96::10", 1)] {
        for from in ALL.into_iter().chain([From::Pod(1), From::Pod(3)]) {
            assert_eq!(
                world.who(from, address, 80, 6),
                names([1, 2, 5]),
                "{from:?}"
            );
        }
        // A pod keeps its address, unless it reaches itself.
        for _ in 0..6 {
            let answer = world.ask(From::Pod(2), address, 80)?;
            let client = answer.client.ip().to_string();
            match answer.server == pod_name(2) {
                true => assert_ne!(client, pod(2)[family]),
                false => assert_eq!(client, pod(2)[family]),
            }
        }
        // From outside of the cluster, all look like the node.
        let client = world
            .ask(From::Client, address, 80)?
            .client
            .ip()
            .to_string();
        assert_ne!(client, CLIENT[family]);
    }
    Ok(())
}

fn node_ports_and_outer_addresses_are_reached_from_outside() -> Result {
    let world = World::new()?;
    let outer = json!({ "externalIPs": ["198.51.100.7", "2001:db8:1::7"] });
    let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], outer);
    let web = with_load_balancer(web, &["198.51.100.8", "2001:db8:1::8"]);
    let objects = [
        with_node_port(web, 30080),
        slice("web", "TCP", [1, 2, 5]),
        slice6("web", "TCP", [1, 2, 5]),
    ];
    proxy::apply(&[], &objects);
    for (address, port) in [
        (NODE[0], 30080),
        (NODE[1], 30080),
        ("198.51.100.7", 80),
        ("2001:db8:1::7", 80),
        ("198.51.100.8", 80),
        ("2001:db8:1::8", 80),
    ] {
        for from in ALL {
            assert_eq!(
                world.who(from, address, port, 6),
                names([1, 2, 5]),
                "{from:?} {address}"
            );
        }
    }
    Ok(())
}

fn the_local_policy_keeps_the_client_and_the_node() -> Result {
    let world = World::new()?;
    let local = json!({
        "externalTrafficPolicy": "Local",
        "externalIPs": ["198.51.100.7", "2001:db8:1::7"],
        "healthCheckNodePort": 30099,
    });
    let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], local);
    let web = with_load_balancer(web, &["198.51.100.8", "2001:db8:1::8"]);
    let inner = json!({ "internalTrafficPolicy": "Local" });
    let objects = [
        with_node_port(web, 30080),
        slice("web", "TCP", [1, 2, 5]),
        slice6("web", "TCP", [1, 2, 5]),
        service("inner", "TCP", 80, &["10.96.0.11"], inner),
        slice("inner", "TCP", [3, 5]),
    ];
    proxy::apply(&[], &objects);
    for (address, port, family) in [
        (NODE[0], 30080, 0),
        (NODE[1], 30080, 1),
        ("198.51.100.7", 80, 0),
        ("2001:db8:1::7", 80, 1),
        ("198.51.100.8", 80, 0),
        ("2001:db8:1::8", 80, 1),
    ] {
        assert_eq!(
            world.who(From::Client, address, port, 6),
            names([1, 2]),
            "{address}"
        );
        let answer = world.ask(From::Client, address, port)?;
        assert_eq!(answer.client.ip().to_string(), CLIENT[family], "{address}");
        assert_eq!(
            world.who(From::Node, address, port, 6),
            names([1, 2]),
            "{address}"
        );
    }
    // The other policy is not concerned.
    assert_eq!(
        world.who(From::Pod(4), "10.96.0.10", 80, 6),
        names([1, 2, 5])
    );
    assert_eq!(world.who(From::Pod(4), "10.96.0.11", 80, 6), names([3]));
    assert_eq!(world.who(From::Node, "10.96.0.11", 80, 6), names([3]));
    Ok(())
}

fn source_ranges_are_enforced() -> Result {
    let world = World::new()?;
    let balanced = |name, cluster, address, ranges: &[&str]| {
        let ranges = json!({ "loadBalancerSourceRanges": ranges });
        with_load_balancer(service(name, "TCP", 80, &[cluster], ranges), &[address])
    };
    let objects = [
        balanced("open", "10.96.0.1", "198.51.100.1", &["0.0.0.0/0"]),
        balanced(
            "client",
            "10.96.0.2",
            "198.51.100.2",
            &["192.0.2.99/32", "203.0.113.0/24"],
        ),
        balanced("closed", "10.96.0.3", "198.51.100.3", &["203.0.113.0/24"]),
        slice("open", "TCP", [1]),
        slice("client", "TCP", [1]),
        slice("closed", "TCP", [1]),
    ];
    proxy::apply(&[], &objects);
    assert_eq!(world.who(From::Client, "198.51.100.1", 80, 1), names([1]));
    assert_eq!(world.who(From::Client, "198.51.100.2", 80, 1), names([1]));
    assert_eq!(
        world.ask_in_vain(From::Client, "198.51.100.3", 80),
        Unanswered::TimedOut
    );
    assert_eq!(
        world.ask_in_vain(From::Pod(2), "198.51.100.3", 80),
        Unanswered::TimedOut
    );
    // The ranges are about the load balancer only.
    assert_eq!(world.who(From::Pod(2), "10.96.0.3", 80, 1), names([1]));
    Ok(())
}

fn health_checks_tell_the_number_of_local_endpoints() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&[])?;
    let local = json!({ "externalTrafficPolicy": "Local", "healthCheckNodePort": 30099 });
    let web = service("web", "TCP", 80, &["10.96.0.10"], local);
    proxy.say("ADDED", &with_load_balancer(web.clone(), &["198.51.100.8"]))?;
    for (pods, status, count) in [
        (vec![1, 2, 5], "HTTP/1.1 200 OK", 2),
        (vec![5], "HTTP/1.1 503 Service Unavailable", 0),
        (vec![1, 5], "HTTP/1.1 200 OK", 1),
    ] {
        proxy.say("ADDED", &slice("web", "TCP", pods))?;
        proxy.wait_until_applied();
        for address in NODE {
            let answer = http(&world, address, 30099)?;
            assert!(answer.starts_with(status), "{answer}");
            let body = format!("\"localEndpoints\":{count},");
            assert!(answer.contains(&body), "{answer}");
        }
    }
    // With the other policy, nobody listens.
    proxy.say("MODIFIED", &web)?;
    proxy.wait_until_applied();
    let refused = world.ask_in_vain(From::Client, NODE[0], 30099);
    assert_eq!(refused, Unanswered::Refused);
    Ok(())
}

/// Sends a request from outside, and returns the whole answer.
fn http(world: &World, address: &str, port: u16) -> Result<String> {
    get(world.namespace(From::Client), &socket(address, port))
}

fn a_client_with_affinity_stays() -> Result {
    let world = World::new()?;
    let sticky = json!({ "sessionAffinity": "ClientIP" });
    let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], sticky);
    let objects = [web, slice("web", "TCP", 1..=4), slice6("web", "TCP", 1..=4)];
    proxy::apply(&[], &objects);
    for address in ["10.96.0.10", "fd00:96::10"] {
        for from in ALL {
            assert_eq!(
                world.who(from, address, 80, 8).len(),
                1,
                "{from:?} {address}"
            );
        }
    }
    Ok(())
}

fn a_service_without_endpoints_refuses_at_once() -> Result {
    let world = World::new()?;
    let outer = json!({ "externalIPs": ["198.51.100.7", "2001:db8:1::7"] });
    let none = service("none", "TCP", 80, &["10.96.0.10", "fd00:96::10"], outer);
    let starting = vec![endpoint(1, 0, json!({ "ready": false, "serving": false }))];
    let objects = [
        with_node_port(none, 30080),
        slice_of("none", "IPv4", "TCP", starting),
        slice6("none", "TCP", []),
    ];
    proxy::apply(&[], &objects);
    // A program that listens on all addresses does not answer for the Service.
    let listener = std::net::TcpListener::bind("[::]:80")?;
    for from in ALL {
        for address in ["10.96.0.10", "fd00:96::10", "198.51.100.7", "2001:db8:1::7"] {
            if from == From::Node {
                continue;
            }
            let unanswered = world.ask_in_vain(from, address, 80);
            assert_eq!(unanswered, Unanswered::Refused, "{from:?} {address}");
        }
        for address in NODE {
            let unanswered = world.ask_in_vain(from, address, 30080);
            assert_eq!(unanswered, Unanswered::Refused, "{from:?} {address}");
        }
    }
    drop(listener);
    for address in ["10.96.0.10", "fd00:96::10"] {
        let unanswered = world.ask_in_vain(From::Node, address, 80);
        assert_eq!(unanswered, Unanswered::Refused, "{address}");
        let udp = world.ask_udp(From::Client, address, 80);
        assert_eq!(udp, Err(Unanswered::Refused), "{address}");
    }
    Ok(())
}

fn udp_and_tcp_share_a_port() -> Result {
    let world = World::new()?;
    let objects = [
        service("tcp", "TCP", 53, &["10.96.0.10", "fd00:96::10"], json!({})),
        service("udp", "UDP", 53, &["10.96.0.10", "fd00:96::10"], json!({})),
        slice("tcp", "TCP", [1]),
        slice6("tcp", "TCP", [1]),
        slice("udp", "UDP", [2]),
        slice6("udp", "UDP", [2]),
    ];
    proxy::apply(&[], &objects);
    for address in ["10.96.0.10", "fd00:96::10"] {
        for from in ALL {
            assert_eq!(
                world.who(from, address, 53, 2),
                names([1]),
                "{from:?} {address}"
            );
            let udp = world.ask_udp(from, address, 53)?;
            assert_eq!(udp.server, pod_name(2), "{from:?} {address}");
        }
    }
    Ok(())
}

fn every_client_is_hidden_where_asked() -> Result {
    let world = World::new()?;
    let vip = ["10.96.0.10", "fd00:96::10"];
    let objects = [
        service("web", "TCP", 80, &vip, json!({})),
        slice("web", "TCP", [1]),
        slice6("web", "TCP", [1]),
    ];
    for (options, is_hidden) in [(&[][..], false), (&["--masquerade-all"], true)] {
        proxy::apply(options, &objects);
        for (family, address) in vip.into_iter().enumerate() {
            let client = world.ask(From::Pod(2), address, 80)?.client.ip();
            let is_own = client.to_string() == pod(2)[family];
            assert_eq!(is_own, !is_hidden, "{options:?} {address}: {client}");
        }
    }
    Ok(())
}

fn neighbours_do_not_learn_addresses_where_asked() -> Result {
    let world = World::new()?;
    let objects = [
        service("web", "TCP", 80, &["10.96.0.10"], json!({})),
        slice("web", "TCP", [1]),
    ];
    let client = world.namespace(From::Client);
    let ip = |words: &str| client.run(|| lab::tool("ip", words.split(' ')));
    // The client looks for the address on its own network.
    ip("route add 10.96.0.10/32 dev eth0")?;
    proxy::apply(&[], &objects);
    assert_eq!(world.who(From::Client, "10.96.0.10", 80, 1), names([1]));
    proxy::apply(&["--strict-arp"], &objects);
    ip("neighbour flush all")?;
    let unanswered = world.ask_in_vain(From::Client, "10.96.0.10", 80);
    assert!(
        matches!(unanswered, Unanswered::NoRoute | Unanswered::TimedOut),
        "{unanswered:?}"
    );
    Ok(())
}
