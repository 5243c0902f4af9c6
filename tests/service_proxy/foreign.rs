//! What is not the proxy's stays as it is.

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::Result;
use crate::cluster::{service, slice, slice6, with_load_balancer, with_node_port};
use crate::proxy::{self, Proxy};
use crate::world::World;

crate::tests![
    what_others_made_stays_and_cleanup_leaves_nothing,
    the_rules_do_not_grow_with_services,
    a_dry_run_changes_nothing,
    a_server_of_another_program_is_no_failure,
];

/// All that the proxy could touch, as text.
pub fn state() -> Result<String> {
    let mut text = String::new();
    for line in [
        "ipvsadm -S -n",
        "ipset save -sorted",
        "ip -o address show",
        "sysctl net.ipv4.vs net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.bridge \
         net.ipv4.conf.all",
        "iptables-legacy -S",
        "iptables-legacy -t nat -S",
        "ip6tables-legacy -S",
        "ip6tables-legacy -t nat -S",
    ] {
        let mut words = line.split_whitespace();
        let output = Command::new(words.next().expect("a program"))
            .args(words)
            .output()?;
        assert!(output.status.success(), "{line}: {output:?}");
        let output = String::from_utf8_lossy(&output.stdout);
        // The kernel makes these addresses itself, when a cable is plugged in.
        let lines = output.lines().filter(|line| !line.contains("scope link"));
        text += &format!("# {line}\n");
        text.extend(lines.flat_map(|line| [line, "\n"]));
    }
    Ok(text)
}

fn objects() -> Vec<serde_json::Value> {
    let spec = json!({
        "externalIPs": ["198.51.100.7", "2001:db8:1::7"],
        "loadBalancerSourceRanges": ["192.0.2.0/24", "::/0"],
        "sessionAffinity": "ClientIP",
    });
    let web = service("web", "TCP", 80, &["10.96.0.10", "fd00:96::10"], spec);
    let web = with_load_balancer(web, &["198.51.100.8", "2001:db8:1::8"]);
    vec![
        with_node_port(web, 30080),
        slice("web", "TCP", [1, 2, 5]),
        slice6("web", "TCP", [1, 2, 5]),
    ]
}

fn run(line: &str) -> Result {
    let mut words = line.split_whitespace();
    lab::tool(words.next().expect("a program"), words)?;
    Ok(())
}

/// Adds what the proxy must not touch.
pub fn add_foreign() -> Result {
    for line in [
        "ipvsadm -A -t 10.96.0.99:80 -s wlc",
        "ipvsadm -a -t 10.96.0.99:80 -r 10.244.1.11:80 -g -w 7",
        "ipset create MINE hash:ip",
        "ipset add MINE 10.0.0.1",
        "ipset create SVCPROXYMINE hash:ip",
        "iptables-legacy -A INPUT -s 203.0.113.1 -j DROP",
        "iptables-legacy -t nat -N MINE",
        "iptables-legacy -t nat -A POSTROUTING -s 203.0.113.1 -j MASQUERADE",
        "ip link add mine type dummy",
        "ip address add 10.96.0.98/32 dev mine",
    ] {
        run(line)?;
    }
    Ok(())
}

fn what_others_made_stays_and_cleanup_leaves_nothing() -> Result {
    let _world = World::new()?;
    add_foreign()?;
    let before = state()?;
    proxy::apply(&["--strict-arp"], &objects());
    let during = state()?;
    assert_ne!(before, during);
    for line in before.lines().filter(|line| !line.starts_with("net.")) {
        assert!(during.contains(line), "{line} is gone:\n{during}");
    }
    for setting in [
        "net.ipv4.ip_forward = 1",
        "net.ipv6.conf.all.forwarding = 1",
        "net.ipv4.vs.conntrack = 1",
        "net.ipv4.vs.expire_nodest_conn = 1",
        "net.ipv4.vs.expire_quiescent_template = 1",
        "net.bridge.bridge-nf-call-iptables = 1",
        "net.bridge.bridge-nf-call-ip6tables = 1",
        "net.ipv4.conf.all.arp_ignore = 1",
        "net.ipv4.conf.all.arp_announce = 2",
    ] {
        assert!(during.lines().any(|line| line == setting), "{setting}");
    }
    let ended = proxy::run(&["--cleanup"], &[])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    assert_eq!(state()?, before);
    // A second time there is nothing to do.
    let ended = proxy::run(&["--cleanup"], &[])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    assert_eq!(state()?, before);
    Ok(())
}

fn the_rules_do_not_grow_with_services() -> Result {
    let _world = World::new()?;
    let rules = || -> Result<usize> {
        let state = state()?;
        Ok(state
            .lines()
            .filter(|line| line.starts_with("-A ") && line.contains("SVCPROXY"))
            .count())
    };
    proxy::apply(&[], &objects());
    let few = rules()?;
    assert!(few > 20, "{few}");
    let many = (1..=200).flat_map(|number| {
        let name = format!("s{number}");
        let address = format!("10.96.1.{number}");
        let service = service(&name, "TCP", 80, &[&address], json!({}));
        [
            with_node_port(service, 30000 + number),
            slice(&name, "TCP", [1, 2]),
        ]
    });
    proxy::apply(&[], &many.collect::<Vec<_>>());
    assert_eq!(rules()?, few);
    Ok(())
}

fn a_dry_run_changes_nothing() -> Result {
    let _world = World::new()?;
    let before = state()?;
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects() });
    let ended = proxy::run(&["--once", "--dry-run"], &[list])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    for line in [
        "+ create SVCPROXY-CLUSTER-IP hash:ip,port\n",
        "+ add SVCPROXY6-LOOP-BACK fd00:244:1::11,tcp:8080,fd00:244:1::11\n",
        "+ address add 198.51.100.8/32 dev svcproxy0\n",
        "- net.ipv4.vs.conntrack = 0\n+ net.ipv4.vs.conntrack = 1\n",
        "+ -a -t 10.96.0.10:80 -r 10.244.1.11:8080 -m -w 1  # is missing\n",
        "-I PREROUTING -j SVCPROXY-SERVICES\n",
    ] {
        assert!(
            ended.out.contains(line),
            "{line} is missing:\n{}",
            ended.out
        );
    }
    assert_eq!(state()?, before);
    Ok(())
}

fn a_server_of_another_program_is_no_failure() -> Result {
    let _world = World::new()?;
    let mut proxy = Proxy::start(&[])?;
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    proxy.say("ADDED", &web)?;
    proxy.say("ADDED", &slice("web", "TCP", [1]))?;
    proxy.wait_until_applied();
    run("ipvsadm -a -t 10.96.0.10:80 -r 10.244.1.99:80 -m -w 7")?;
    let is_there = || -> Result<bool> {
        let saved = lab::tool("ipvsadm", ["-S", "-n"])?;
        Ok(saved.contains("-r 10.244.1.99:80 -m -w 7"))
    };
    proxy.signal(Signal::SIGHUP)?;
    proxy.wait_until_applied();
    assert!(is_there()?);
    // Nor is its service, which it keeps.
    proxy.say("DELETED", &web)?;
    proxy.wait_until_applied();
    assert!(is_there()?);
    Ok(())
}
