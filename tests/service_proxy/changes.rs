//! What happens to clients while objects change.

use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use lab::net::Unanswered;
use lab::test::eventually;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::cluster::{endpoint, service, slice, slice_of, slice6};
use crate::proxy::{self, Proxy};
use crate::world::{From, PATIENCE, World, get, names, pod_name, socket};
use crate::{Result, metrics};

crate::tests![
    a_change_is_followed,
    a_rolling_update_fails_no_request,
    a_restart_changes_nothing,
    a_connection_goes_on_while_its_server_drains_and_over_a_restart,
    what_another_program_changed_is_corrected,
    files_are_followed_side_by_side,
    udp_goes_on_to_another_endpoint,
    a_deleted_service_keeps_its_connections,
    the_address_of_a_deleted_service_goes_when_its_drain_ends,
    a_virtual_service_that_cannot_be_removed_keeps_what_it_needs,
];

fn a_change_is_followed() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&[])?;
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    // The slice comes before its Service.
    proxy.say("ADDED", &slice("web", "TCP", [1]))?;
    proxy.say("ADDED", &web)?;
    proxy.wait_until_applied();
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 2), names([1]));

    proxy.say("MODIFIED", &slice("web", "TCP", [1, 2]))?;
    proxy.wait_until_applied();
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 4), names([1, 2]));

    // What is broken, unknown or not understood is told, and the rest counts.
    proxy.say(
        "BOOKMARK",
        &json!({ "kind": "Service", "apiVersion": "v1" }),
    )?;
    let mut wrong = web.clone();
    wrong["spec"]["clusterIPs"] = json!(["10.96.0"]);
    proxy.say("MODIFIED", &wrong)?;
    proxy.wait_for("not understood: Service default/web: clusterIPs: \"10.96.0\"");
    proxy.wait_until_applied();
    proxy.say("DELETED", &slice("web", "TCP", [1, 2]))?;
    proxy.wait_until_applied();
    let refused = Unanswered::Refused;
    assert_eq!(world.ask_in_vain(From::Pod(3), "10.96.0.10", 80), refused);

    proxy.signal(Signal::SIGTERM)?;
    Ok(())
}

/// All pods are replaced, one after the other, as a Deployment does it: the new one is ready, the
/// old one terminates, it does not listen any more, and it is gone.
fn a_rolling_update_fails_no_request() -> Result {
    let world = World::new()?;
    // Pod 5 is on another node, and would answer to the client directly.
    let inside = "10.244.0.0/16,fd00:244::/32";
    let mut proxy = Proxy::start(&["--drain", "60", "--cluster-cidr", inside])?;
    let vip = ["10.96.0.10", "fd00:96::10"];
    proxy.say("ADDED", &service("web", "TCP", 80, &vip, json!({})))?;
    let state = |family: usize, pods: &[(usize, bool)]| {
        let endpoints = pods.iter().map(|(number, is_ready)| {
            let conditions =
                json!({ "ready": is_ready, "serving": true, "terminating": !is_ready });
            endpoint(*number, family, conditions)
        });
        let name = ["IPv4", "IPv6"][family];
        slice_of("web", name, "TCP", endpoints.collect())
    };
    let steps: [&[(usize, bool)]; 7] = [
        &[(1, true), (2, true)],
        &[(1, true), (2, true), (3, true)],
        &[(1, false), (2, true), (3, true)],
        &[(2, true), (3, true), (4, true)],
        &[(2, false), (3, true), (4, true)],
        &[(3, true), (4, true), (5, true)],
        &[(3, false), (4, true), (5, true)],
    ];
    for family in [0, 1] {
        proxy.say("ADDED", &state(family, steps[0]))?;
        // On a slow machine, the Service may have been applied without endpoints before.
        proxy.wait_for("changed: 1 virtual services, 2 servers");
    }
    let apply = |proxy: &mut Proxy, step: &[(usize, bool)]| -> Result {
        for family in [0, 1] {
            proxy.say("MODIFIED", &state(family, step))?;
            proxy.wait_until_applied();
        }
        Ok(())
    };
    let is_over = AtomicBool::new(false);
    let ask_on = |from: From, address: &str| -> usize {
        let mut count = 0;
        while !is_over.load(Relaxed) {
            if let Err(error) = world.ask(from, address, 80) {
                panic!("{from:?} -> {address}: {error}, after {count} requests");
            }
            count += 1;
        }
        count
    };
    std::thread::scope(|scope| -> Result {
        let froms = [From::Node, From::Client, From::Pod(2)].into_iter();
        let clients = froms.flat_map(|from| vip.map(|address| (from, address)));
        let clients = clients.map(|(from, address)| scope.spawn(move || ask_on(from, address)));
        let clients: Vec<_> = clients.collect();
        let updated = steps[1..].iter().try_for_each(|step| {
            apply(&mut proxy, step)?;
            for (number, is_ready) in *step {
                if !is_ready {
                    world.stop(*number);
                }
            }
            Ok(())
        });
        is_over.store(true, Relaxed);
        for client in clients {
            let count = client.join().map_err(|_| "a request failed")?;
            assert!(count > 1, "{count} requests");
        }
        updated
    })?;
    assert_eq!(world.who(From::Client, vip[0], 80, 4), names([4, 5]));
    Ok(())
}

fn a_restart_changes_nothing() -> Result {
    let world = World::new()?;
    let objects = [
        service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], json!({})),
        slice("web", "TCP", [1, 2]),
        slice6("web", "TCP", [1, 2]),
    ];
    proxy::apply(&[], &objects);
    let again = proxy::apply(&[], &objects);
    let unchanged = "0 virtual services, 0 servers, 0 set entries, 0 addresses";
    assert!(again.contains(unchanged), "{again}");
    assert_eq!(world.who(From::Node, "10.96.0.10", 80, 4), names([1, 2]));
    Ok(())
}

fn a_connection_goes_on_while_its_server_drains_and_over_a_restart() -> Result {
    let world = World::new()?;
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    let start = |pods: &[usize]| -> Result<Proxy> {
        let mut proxy = Proxy::start(&["--drain", "3600"])?;
        proxy.say("ADDED", &web)?;
        proxy.say("ADDED", &slice("web", "TCP", pods.iter().copied()))?;
        proxy.wait_until_applied();
        Ok(proxy)
    };
    let mut proxy = start(&[1])?;
    let client = world.namespace(From::Pod(3));
    let mut connection = lab::net::connect(client, "10.96.0.10:80", PATIENCE)?;
    assert_eq!(connection.ask()?.server, pod_name(1));
    proxy.say("MODIFIED", &slice("web", "TCP", [2]))?;
    let line = proxy.wait_until_applied();
    assert!(line.contains("1 servers drain"), "{line}");
    for _ in 0..2 {
        assert_eq!(connection.ask()?.server, pod_name(1));
        assert_eq!(world.who(From::Pod(4), "10.96.0.10", 80, 3), names([2]));
        drop(proxy);
        proxy = start(&[2])?;
    }
    // The drain ends with the connection, apart from those that the kernel still counts as
    // closing: an endpoint that comes back while it drains is only given its weight again.
    proxy.say("MODIFIED", &slice("web", "TCP", [1, 2]))?;
    let line = proxy.wait_until_applied();
    assert!(
        line.contains("changed: 0 virtual services, 1 servers"),
        "{line}"
    );
    assert_eq!(connection.ask()?.server, pod_name(1));
    assert_eq!(world.who(From::Pod(4), "10.96.0.10", 80, 4), names([1, 2]));
    Ok(())
}

fn what_another_program_changed_is_corrected() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&["--metrics", metrics::ADDRESS])?;
    proxy.say(
        "ADDED",
        &service("web", "TCP", 80, &["10.96.0.10"], json!({})),
    )?;
    proxy.say("ADDED", &slice("web", "TCP", [1, 2]))?;
    proxy.wait_until_applied();
    // The virtual services are looked at from time to time.
    lab::tool(
        "ipvsadm",
        ["-d", "-t", "10.96.0.10:80", "-r", "10.244.1.11:8080"],
    )?;
    let line = proxy.wait_for("looked: changed: 0 virtual services, 1 servers");
    assert!(line.contains("1 were changed by another program"), "{line}");
    let text = get(world.namespace(From::Node), metrics::ADDRESS)?;
    assert!(text.contains("\nservice_proxy_drift_total 1\n"), "{text}");
    // The rest is if asked for.
    lab::tool("ipset", ["flush", "SVCPROXY-CLUSTER-IP"])?;
    lab::tool(
        "ip",
        ["address", "delete", "10.96.0.10/32", "dev", "svcproxy0"],
    )?;
    lab::tool("iptables-legacy", ["-F", "SVCPROXY-INPUT"])?;
    proxy.signal(Signal::SIGHUP)?;
    let line = proxy.wait_until_applied();
    let all = "changed: 0 virtual services, 0 servers, 1 set entries, 1 addresses";
    assert!(line.contains(all), "{line}");
    let rules = lab::tool("iptables-legacy", ["-S", "SVCPROXY-INPUT"])?;
    assert!(rules.contains("-j REJECT"), "{rules}");
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 4), names([1, 2]));
    Ok(())
}

fn files_are_followed_side_by_side() -> Result {
    let world = World::new()?;
    let [services, slices] = ["services", "slices"].map(|name| format!("/tmp/files-{name}.json"));
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    let broken = format!("{:#}", web).replace("\"spec\"", "spec");
    std::fs::write(&services, format!("{broken}\n{web:#}\n"))?;
    std::fs::write(&slices, slice("web", "TCP", [1]).to_string())?;
    let mut proxy = Proxy::start(&[&services, &slices])?;
    proxy.wait_for("input 1: broken document, at line 9, column 3: key must be a string");
    proxy.wait_for("1 Services; changed: 1 virtual services, 1 servers");
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 1), names([1]));
    Ok(())
}

fn udp_goes_on_to_another_endpoint() -> Result {
    let world = World::new()?;
    let vip = ["10.96.0.10", "fd00:96::10"];
    let objects = |pods: &[usize]| {
        let dns = service("dns", "UDP", 53, &vip, json!({}));
        let pods = || pods.iter().copied();
        [
            dns,
            slice("dns", "UDP", pods()),
            slice6("dns", "UDP", pods()),
        ]
    };
    proxy::apply(&[], &objects(&[1]));
    let open = |address: &str| -> Result<UdpSocket> {
        let client = world.namespace(From::Client);
        let socket = client.run(|| UdpSocket::bind("[::]:0"))?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        socket.connect(address)?;
        Ok(socket)
    };
    // A datagram may be lost: the one by which the kernel sees that the server is gone is. An answer
    // may come too late, and be read as the next one.
    let ask = |socket: &UdpSocket, expected: &str| {
        eventually(|| -> Result {
            let mut bytes = [0; 100];
            socket.send(b"who are you?")?;
            let length = socket.recv(&mut bytes)?;
            let text = String::from_utf8_lossy(&bytes[..length]);
            match text.lines().next() == Some(expected) {
                true => Ok(()),
                false => Err(format!("{text} answers instead of {expected}").into()),
            }
        })
    };
    // A socket of IPv6 has an IPv4 address in this form.
    let sockets = [open("[::ffff:10.96.0.10]:53")?, open("[fd00:96::10]:53")?];
    for socket in &sockets {
        ask(socket, "pod 1")?;
    }
    proxy::apply(&[], &objects(&[2]));
    for socket in &sockets {
        ask(socket, "pod 2")?;
    }
    Ok(())
}

fn a_deleted_service_keeps_its_connections() -> Result {
    let world = World::new()?;
    let vip = ["10.96.0.10", "fd00:96::10"];
    let objects = |name: &str, addresses: &[&str]| {
        [
            service(name, "TCP", 80, addresses, json!({})),
            slice(name, "TCP", [1]),
            slice6(name, "TCP", [1]),
        ]
    };
    let start = || -> Result<Proxy> {
        let mut proxy = Proxy::start(&["--drain", "3600"])?;
        for object in objects("other", &["10.96.0.11", "fd00:96::11"]) {
            proxy.say("ADDED", &object)?;
        }
        proxy.wait_until_applied();
        Ok(proxy)
    };
    let mut proxy = start()?;
    let web = objects("web", &vip);
    for object in &web {
        proxy.say("ADDED", object)?;
    }
    proxy.wait_for("2 Services; changed: 2 virtual services, 2 servers");
    let client = world.namespace(From::Client);
    let connect = |address: &str| lab::net::connect(client, &socket(address, 80), PATIENCE);
    let mut connections = [connect(vip[0])?, connect(vip[1])?];
    for connection in &mut connections {
        assert_eq!(connection.ask()?.server, pod_name(1));
    }
    for object in &web {
        proxy.say("DELETED", object)?;
    }
    proxy.wait_for("1 Services; changed: ");
    // A program that listens on all addresses does not answer for the Service.
    let _listener = std::net::TcpListener::bind("[::]:80")?;
    for round in ["followed", "started again", "everything compared"] {
        for (connection, address) in connections.iter_mut().zip(vip) {
            assert_eq!(connection.ask()?.server, pod_name(1), "{round}");
            let unanswered = world.ask_in_vain(From::Client, address, 80);
            assert_eq!(unanswered, Unanswered::Refused, "{round}: {address}");
        }
        if round == "followed" {
            drop(proxy);
            proxy = start()?;
        } else {
            proxy.signal(Signal::SIGHUP)?;
            proxy.wait_until_applied();
        }
    }
    Ok(())
}

fn the_address_of_a_deleted_service_goes_when_its_drain_ends() -> Result {
    let world = World::new()?;
    let start = || -> Result<Proxy> {
        let mut proxy = Proxy::start(&["--drain", "2"])?;
        let other = service("other", "TCP", 80, &["10.96.0.11"], json!({}));
        proxy.say("ADDED", &other)?;
        proxy.wait_until_applied();
        Ok(proxy)
    };
    let is_there = || -> Result<[bool; 2]> {
        let addresses = lab::tool("ip", ["address", "show", "dev", "svcproxy0"])?;
        let entries = lab::tool("ipset", ["list", "SVCPROXY-SERVICE-IP"])?;
        Ok([addresses, entries].map(|it| it.contains("10.96.0.10")))
    };
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    let web = [web, slice("web", "TCP", [1])];
    for is_started_again in [false, true] {
        let mut proxy = start()?;
        for object in &web {
            proxy.say("ADDED", object)?;
        }
        proxy.wait_for("2 Services; changed: 1 virtual services, 1 servers");
        assert_eq!(is_there()?, [true, true]);
        let client = world.namespace(From::Client);
        let mut connection = lab::net::connect(client, "10.96.0.10:80", PATIENCE)?;
        connection.ask()?;
        for object in &web {
            proxy.say("DELETED", object)?;
        }
        proxy.wait_for("1 Services; changed: ");
        if is_started_again {
            drop(proxy);
            std::thread::sleep(Duration::from_secs(3));
            proxy = start()?;
        }
        eventually(|| match is_there() {
            Ok([false, false]) => Ok(()),
            found => Err(format!("started again: {is_started_again}: {found:?}")),
        })?;
        assert_eq!(lab::tool("ipvsadm", ["-S", "-n"])?, "");
        drop(proxy);
    }
    Ok(())
}

fn a_virtual_service_that_cannot_be_removed_keeps_what_it_needs() -> Result {
    let world = World::new()?;
    let record = "/tmp/cannot_be_written.json";
    let options = ["--record", record, "--drain", "0"];
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    let slice = slice("web", "TCP", [1]);
    proxy::apply(&options, &[web.clone(), slice.clone()]);
    // A program that changed nothing has not opened its record yet.
    let mut proxy = Proxy::start(&options)?;
    proxy.say("ADDED", &web)?;
    proxy.say("ADDED", &slice)?;
    proxy.wait_until_applied();
    // What cannot be recorded is not done.
    std::fs::remove_file(record)?;
    std::fs::create_dir(record)?;
    proxy.say("DELETED", &web)?;
    proxy.wait_for("cannot_be_written.json: ");
    assert_eq!(world.who(From::Client, "10.96.0.10", 80, 1), names([1]));
    let entries = lab::tool("ipset", ["list", "SVCPROXY-CLUSTER-IP"])?;
    assert!(entries.contains("10.96.0.10,tcp:80"), "{entries}");
    std::fs::remove_dir(record)?;
    // A look at the virtual services may remove it before everything is compared again.
    proxy.wait_for("changed: 1 virtual services");
    eventually(|| {
        let entries = lab::tool("ipset", ["list", "SVCPROXY-CLUSTER-IP"])?;
        let addresses = lab::tool("ip", ["address", "show", "dev", "svcproxy0"])?;
        let left = entries.contains("10.96.0.10,tcp:80") || addresses.contains("10.96.0.10");
        match left {
            false => Ok(()),
            true => Err(format!("{entries}{addresses}").into()),
        }
    })
}
