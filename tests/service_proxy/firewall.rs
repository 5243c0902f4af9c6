//! The firewall rules, when another program changes them and when it does not.

use lab::net::Unanswered;
use lab::test::eventually;
use lab::tool;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{service, slice, slice6, with_load_balancer};
use crate::proxy::{self, Proxy};
use crate::world::{CLIENT, From, PATIENCE, World, names};

crate::tests![
    rules_that_another_program_changed_are_put_back,
    rules_that_are_in_place_are_not_put_back,
    what_not_all_may_use_waits_for_its_rules,
    what_not_all_may_use_is_taken_back_without_its_rules,
    a_network_that_may_no_longer_use_an_address_is_out_at_once,
];

const VIP: [&str; 2] = ["10.96.0.10", "fd00:96::10"];

/// The program with each option that adds a rule, and a Service.
fn start() -> Result<Proxy> {
    let inside = "10.244.3.4/16,fd00:244::5/32";
    let mut proxy = Proxy::start(&["--cluster-cidr", inside])?;
    proxy.say("ADDED", &service("web", "TCP", 80, &VIP, json!({})))?;
    proxy.say("ADDED", &slice("web", "TCP", [1]))?;
    proxy.say("ADDED", &slice6("web", "TCP", [1]))?;
    proxy.wait_for("1 Services; changed: 2 virtual services, 2 servers");
    Ok(proxy)
}

/// Compares everything with the kernel.
fn look(proxy: &mut Proxy) -> Result {
    proxy.signal(Signal::SIGHUP)?;
    proxy.wait_until_applied();
    Ok(())
}

/// All rules, without or with how often each was used.
fn rules(program: &str, options: &[&str]) -> Result<String> {
    let saved = tool(&format!("{program}-save"), options)?;
    let lines = saved.lines().filter(|line| !line.starts_with('#'));
    // The kernel's own chains count packets.
    let without_count = |line: &str| match line.split_once(" [") {
        Some((chain, _)) if chain.starts_with(':') => format!("{chain}\n"),
        _ => format!("{line}\n"),
    };
    Ok(lines.map(without_count).collect())
}

fn rules_that_another_program_changed_are_put_back() -> Result {
    let _world = World::new()?;
    let mut proxy = start()?;
    let damages: [&[&str]; 10] = [
        &["-t nat -F SVCPROXY-SERVICES"],
        &["-D SVCPROXY-SOURCES -j DROP"],
        // The order decides who is masqueraded.
        &[
            "-t nat -D SVCPROXY-POSTROUTING -j MASQUERADE",
            "-t nat -I SVCPROXY-POSTROUTING -j MASQUERADE",
        ],
        &["-A SVCPROXY-INPUT -p tcp -j ACCEPT"],
        &["-R SVCPROXY-SOURCES 2 -j ACCEPT"],
        &["-t nat -D PREROUTING -j SVCPROXY-SERVICES"],
        &["-I FORWARD -j SVCPROXY-FORWARD"],
        &["-D INPUT -j SVCPROXY-INPUT", "-A INPUT -j SVCPROXY-INPUT"],
        &[
            "-D FORWARD -j SVCPROXY-FORWARD",
            "-F SVCPROXY-FORWARD",
            "-X SVCPROXY-FORWARD",
        ],
        // A whole table, and with it what others had there.
        &["-t nat -F", "-t nat -X"],
    ];
    for (program, foreign) in [
        ("iptables-legacy", "203.0.113.1"),
        ("ip6tables-legacy", "2001:db8:ffff::1"),
    ] {
        let run = |line: &str| tool(program, line.split_whitespace());
        run(&format!("-A INPUT -s {foreign} -j DROP"))?;
        let expected = rules(program, &[])?;
        for damage in damages {
            for line in damage {
                run(line)?;
            }
            assert_ne!(rules(program, &[])?, expected, "{damage:?}");
            look(&mut proxy)?;
            assert_eq!(rules(program, &[])?, expected, "{program}: {damage:?}");
        }
    }
    Ok(())
}

/// Putting a chain in place begins its counters anew.
fn rules_that_are_in_place_are_not_put_back() -> Result {
    let world = World::new()?;
    let mut proxy = start()?;
    let connection = |address: &str| -> Result {
        let client = world.namespace(From::Client);
        lab::net::connect(client, address, PATIENCE)?.ask()?;
        Ok(())
    };
    connection("10.96.0.10:80")?;
    connection("[fd00:96::10]:80")?;
    let used = |program: &str| -> Result<Vec<String>> {
        let rules = rules(program, &["--counters"])?;
        let own = rules.lines().filter(|line| line.contains("-A SVCPROXY"));
        let used = own.filter(|line| !line.starts_with("[0:0]"));
        let rules = used.filter_map(|line| line.split_once("] ").map(|it| it.1.to_owned()));
        Ok(rules.collect())
    };
    for program in ["iptables-legacy", "ip6tables-legacy"] {
        let before = used(program)?;
        assert!(before.len() > 2, "{program}: {before:?}");
        look(&mut proxy)?;
        let after = used(program)?;
        let lost: Vec<_> = before.iter().filter(|it| !after.contains(it)).collect();
        assert!(lost.is_empty(), "{program}: {lost:?}");
        let dry = [
            "--once",
            "--dry-run",
            "--cluster-cidr",
            "10.244.0.0/16,fd00:244::/32",
        ];
        let ended = proxy::run(&dry, &[service("web", "TCP", 80, &VIP, json!({}))])?;
        assert!(!ended.out.contains("tables"), "{}", ended.out);
    }
    Ok(())
}

const BALANCED: &str = "198.51.100.8";
/// A set that the rules need.
const FIREWALL: &str = "SVCPROXY-LOAD-BALANCER-FW";

/// A Service whose load balancer only these networks may use.
fn closed(name: &str, address: &str, balanced: &str, ranges: &[&str]) -> Value {
    let ranges = json!({ "loadBalancerSourceRanges": ranges });
    let service = service(name, "TCP", 80, &[address], ranges);
    with_load_balancer(service, &[balanced])
}

fn what_not_all_may_use_waits_for_its_rules() -> Result {
    let world = World::new()?;
    // The program cannot create a set with this name, and so not the rules that match on it.
    tool("ipset", ["create", FIREWALL, "hash:net"])?;
    let mut proxy = Proxy::start(&[])?;
    let others = closed("others", "10.96.0.10", BALANCED, &["203.0.113.0/24"]);
    proxy.say("ADDED", &others)?;
    let own = format!("{}/32", CLIENT[0]);
    let clients = closed("clients", "10.96.0.11", "198.51.100.9", &[&own]);
    proxy.say("ADDED", &clients)?;
    proxy.say("ADDED", &slice("others", "TCP", [1]))?;
    proxy.say("ADDED", &slice("clients", "TCP", [1]))?;
    proxy.wait_for("2 addresses that not all may use are not served");
    for address in [BALANCED, "198.51.100.9"] {
        world.ask_in_vain(From::Client, address, 80);
    }
    // All may use this one.
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 1), names([1]));

    // A rule that names the set, whatever its type, may be back before the set is gone.
    eventually(|| {
        tool("iptables-legacy", ["-F", "SVCPROXY-INPUT"])?;
        tool("ipset", ["destroy", FIREWALL])
    })?;
    proxy.wait_for("2 Services; changed: 2 virtual services, 2 servers");
    let unanswered = world.ask_in_vain(From::Client, BALANCED, 80);
    assert_eq!(unanswered, Unanswered::TimedOut);
    assert_eq!(world.who(From::Client, "198.51.100.9", 80, 1), names([1]));
    Ok(())
}

fn what_not_all_may_use_is_taken_back_without_its_rules() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&[])?;
    let others = closed("others", "10.96.0.10", BALANCED, &["203.0.113.0/24"]);
    proxy.say("ADDED", &others)?;
    proxy.say("ADDED", &slice("others", "TCP", [1]))?;
    proxy.wait_for("1 Services; changed: 2 virtual services, 2 servers");
    // Another program removes the rules, and keeps them from being put back.
    tool("iptables-legacy", ["-F", "SVCPROXY-INPUT"])?;
    tool("ipset", ["destroy", FIREWALL])?;
    tool("ipset", ["create", FIREWALL, "hash:net"])?;
    assert_eq!(world.who(From::Client, BALANCED, 80, 1), names([1]));
    proxy.signal(Signal::SIGHUP)?;
    proxy.wait_for("1 addresses that not all may use are not served");
    world.ask_in_vain(From::Client, BALANCED, 80);
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 1), names([1]));
    Ok(())
}

fn a_network_that_may_no_longer_use_an_address_is_out_at_once() -> Result {
    let world = World::new()?;
    let mut proxy = Proxy::start(&[])?;
    let of = |range: &str| closed("web", "10.96.0.10", BALANCED, &[range]);
    proxy.say("ADDED", &of("192.0.2.0/24"))?;
    proxy.say("ADDED", &slice("web", "TCP", [1]))?;
    proxy.wait_for("1 Services; changed: 2 virtual services, 2 servers");
    assert_eq!(world.who(From::Client, BALANCED, 80, 1), names([1]));
    proxy.say("MODIFIED", &of("203.0.113.0/24"))?;
    proxy.wait_until_applied();
    let unanswered = world.ask_in_vain(From::Client, BALANCED, 80);
    assert_eq!(unanswered, Unanswered::TimedOut);
    Ok(())
}
