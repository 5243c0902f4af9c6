//! Inputs that end too early, and how the program ends.

use std::fs::{self, File};
use std::io::Write;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{service, slice};
use crate::foreign::state;
use crate::proxy::{self, Proxy};
use crate::world::{From, World, names};

crate::tests![
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
