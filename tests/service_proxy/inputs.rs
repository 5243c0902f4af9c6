//! The command line, inputs that end too early, and how the program ends.

use std::fs::{self, File};
use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{service, slice, with_load_balancer, with_node_port};
use crate::foreign::state;
use crate::proxy::{self, Proxy};
use crate::world::{From, World, names};

crate::tests![
    options_are_followed,
    a_wrong_command_line_changes_nothing,
    two_watches_are_followed_at_once,
    what_an_input_did_not_say_does_not_count_as_gone,
    signals_end_the_program_and_leave_everything,
    what_was_not_understood_is_told_in_the_exit_status,
];

fn web() -> [Value; 2] {
    let web = service("web", "TCP", 80, &["10.96.0.10"], json!({}));
    [web, slice("web", "TCP", [1, 2])]
}

fn list(objects: &[Value]) -> String {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    format!("{list:#}\n")
}

fn options_are_followed() -> Result {
    let _world = World::new()?;
    let [web, slice] = web();
    let web = with_load_balancer(web, &["198.51.100.8"]);
    let objects = [with_node_port(web, 30080), slice];
    let plan = |options: &[&str]| -> Result<String> {
        let options: Vec<_> = ["--once", "--dry-run"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        let ended = proxy::run(&options, &objects)?;
        assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
        Ok(ended.out)
    };
    // An option, a line that it adds to the plan, and a line that it removes.
    let cases: [(&[&str], &str, &str); 6] = [
        (
            &["--scheduler", "lc"],
            "-A -t 10.96.0.10:80 -s lc",
            "-A -t 10.96.0.10:80 -s rr",
        ),
        (
            &["--exclude", "198.51.100.0/24"],
            "",
            "-A -t 198.51.100.8:80 ",
        ),
        (
            &["--nodeport-addresses", "203.0.113.0/24"],
            "",
            "-A -t 192.0.2.10:30080 ",
        ),
        (
            &["--masquerade-all"],
            "-A SVCPROXY-CLUSTER-IP -j SVCPROXY-MARK\n",
            "",
        ),
        (
            &["--cluster-cidr", "10.244.0.0/16,fd00:244::/32"],
            "-A SVCPROXY-CLUSTER-IP -s fd00:244::/32 -j RETURN\n",
            "",
        ),
        (
            &["--strict-arp"],
            "+ net.ipv4.conf.all.arp_announce = 2\n",
            "",
        ),
    ];
    let without = plan(&[])?;
    for (options, added, removed) in cases {
        let with = plan(options)?;
        assert!(with.contains(added), "{options:?}: {with}");
        assert!(added.is_empty() || !without.contains(added), "{options:?}");
        assert!(without.contains(removed), "{options:?}: {without}");
        assert!(removed.is_empty() || !with.contains(removed), "{options:?}");
    }
    Ok(())
}

fn a_wrong_command_line_changes_nothing() -> Result {
    let _world = World::new()?;
    let expected = state()?;
    for (options, reason) in [
        (&["--nod", "node"][..], "unknown option --nod"),
        (&["--scheduler"], "--scheduler requires a value"),
        (&["--drain", "soon"], "--drain soon: "),
        (&["--exclude", "10.96.0.0/33"], "--exclude 10.96.0.0/33: "),
        (&["--node-ip", "192.0.2.1,here"], "--node-ip here: "),
        (&["--metrics", "9714"], "--metrics 9714: "),
    ] {
        let ended = proxy::run(options, &web())?;
        assert_eq!(ended.status, 2, "{ended:?}");
        let told = format!("service_proxy: {reason}");
        assert!(ended.err.starts_with(&told), "{ended:?}");
    }
    let ended = proxy::run(&["--help"], &[])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    assert!(ended.out.starts_with("Usage: service_proxy "), "{ended:?}");
    assert_eq!(state()?, expected);
    Ok(())
}

/// As with two `kubectl`s, of which each watches one kind and begins anew with a list.
fn two_watches_are_followed_at_once() -> Result {
    let world = World::new()?;
    let pipes = ["services", "slices"].map(|it| format!("/tmp/watch-{it}"));
    for pipe in &pipes {
        lab::tool("mkfifo", [pipe])?;
    }
    let mut proxy = Proxy::start(&["--drain", "0", &pipes[0], &pipes[1]])?;
    let open = |pipe| File::options().write(true).open(pipe);
    let (mut services, mut slices) = (open(&pipes[0])?, open(&pipes[1])?);
    let added = |object: &Value| format!("{:#}\n", json!({ "type": "ADDED", "object": object }));
    let [service, slice_of_two] = web();
    write!(services, "{}", added(&service))?;
    // Half of an event of one watch does not disturb the other one.
    let event = added(&slice_of_two);
    let (begin, end) = event.split_at(event.len() / 2);
    write!(slices, "{begin}")?;
    let other = service_named("other");
    write!(services, "{}", added(&other))?;
    write!(slices, "{end}")?;
    proxy.wait_for("2 Services; changed: 1 virtual services, 2 servers");
    assert_eq!(world.who(From::Pod(3), "10.96.0.10", 80, 4), names([1, 2]));

    write!(slices, "{}", list(&[slice("web", "TCP", [2])]))?;
    proxy.wait_for("2 Services; changed: 0 virtual services, 1 servers");
    write!(services, "{}", list(&[other]))?;
    proxy.wait_for("1 Services; changed: 1 virtual services");
    // The end of one watch is not that of the other.
    drop(services);
    write!(slices, "{}", list(&[slice("other", "TCP", [3])]))?;
    proxy.wait_for("1 Services; changed: 1 virtual services, 1 servers");
    assert_eq!(world.who(From::Pod(1), "10.96.0.11", 80, 1), names([3]));
    drop(slices);
    proxy.wait_for("the input has ended");
    Ok(())
}

fn service_named(name: &str) -> Value {
    service(name, "TCP", 80, &["10.96.0.11"], json!({}))
}

fn what_an_input_did_not_say_does_not_count_as_gone() -> Result {
    let _world = World::new()?;
    let [service, slice] = web();
    proxy::apply(&[], &[service.clone(), slice.clone()]);
    let expected = state()?;
    let [services, slices] = ["services", "slices"].map(|it| format!("/tmp/early-{it}.json"));
    fs::write(&services, list(&[service]))?;
    let whole = list(&[slice]);
    let within = whole.find("endpoints").ok_or("no endpoints")?;
    for (slices_say, what) in [
        (None, "a file that is not there"),
        (Some(""), "nothing"),
        (Some("\n{"), "the beginning of a document"),
        (Some("error: the server is not ready\n"), "no document"),
        (Some(&whole[..within]), "the beginning of a list"),
    ] {
        let _ = fs::remove_file(&slices);
        if let Some(text) = slices_say {
            fs::write(&slices, text)?;
        }
        let ended = proxy::run(&["--once", &services, &slices], &[])?;
        assert_eq!(state()?, expected, "{what}: {ended:?}");
        let told = "input 2 did not say everything, so nothing is changed";
        assert!(ended.err.contains(told), "{what}: {ended:?}");
        assert_eq!(ended.status, 1, "{what}: {ended:?}");
    }
    // Who follows the inputs is no better off, even if everything is to be compared.
    let mut proxy = Proxy::start(&[&services, &slices])?;
    proxy.wait_for("input 2 did not say everything");
    proxy.signal(Signal::SIGHUP)?;
    proxy.signal(Signal::SIGTERM)?;
    assert_eq!(proxy.wait()?, Some(0));
    assert_eq!(state()?, expected);
    // A list without objects says everything.
    fs::write(&slices, list(&[]))?;
    let ended = proxy::run(&["--once", &services, &slices], &[])?;
    assert_eq!((ended.status, ended.err.as_str()), (0, ""), "{ended:?}");
    assert_ne!(state()?, expected);
    Ok(())
}

fn signals_end_the_program_and_leave_everything() -> Result {
    let _world = World::new()?;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut proxy = Proxy::start(&["--drain", "0"])?;
        for object in web() {
            proxy.say("ADDED", &object)?;
        }
        proxy.wait_until_applied();
        let expected = state()?;
        assert!(expected.contains("-a -t 10.96.0.10:80"), "{expected}");
        proxy.signal(signal)?;
        assert_eq!(proxy.wait()?, Some(0), "{signal}");
        assert_eq!(state()?, expected, "{signal}");
    }
    Ok(())
}

fn what_was_not_understood_is_told_in_the_exit_status() -> Result {
    let _world = World::new()?;
    let mut wrong = service("wrong", "TCP", 80, &["10.96.0"], json!({}));
    let [service, slice] = web();
    let ended = proxy::run(
        &["--once"],
        &[service.clone(), wrong.clone(), slice.clone()],
    )?;
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.starts_with("1 Services; "), "{ended:?}");
    assert!(ended.err.contains("Service default/wrong: "), "{ended:?}");
    // A broken document.
    wrong["kind"] = json!(7);
    let ended = proxy::run(&["--once"], &[service, wrong, slice])?;
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.starts_with("1 Services; "), "{ended:?}");
    Ok(())
}
