//! Runs the examples that a program can begin with, which use nothing but the crate.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use lab::{Namespace, Needs};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

lab::tests![
    Needs::ipvs().and_sets(&["hash:ip", "hash:ip,port,ip"]);
    the_readme_shows_the_first_example,
    first_steps,
    many_changes,
    block_addresses,
    watch_table,
    on_tokio,
    in_namespace,
    genetlink_services,
];

fn example(name: &str) -> Result<Command> {
    Ok(Command::new(lab::tool::example(name)?))
}

/// Runs an example, which must succeed, and returns its output.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    Ok(String::from_utf8(output.stdout)?)
}

fn services() -> Result<String> {
    Ok(lab::tool("ipvsadm", ["-S", "-n"])?)
}

fn the_readme_shows_the_first_example() {
    let source = include_str!("../examples/first_steps.rs");
    let (about, code) = source.split_once("\n\n").expect("a comment, then code");
    assert!(about.starts_with("//!"));
    assert!(include_str!("../README.md").contains(&format!("```rust,no_run\n{code}```\n")));
}

fn first_steps() -> Result {
    let out = output(&mut example("first_steps")?)?;
    assert!(out.starts_with("-t 10.100.100.100:8080: added"), "{out}");
    assert_eq!(
        services()?,
        "-A -t 10.100.100.100:8080 -s rr\n\
         -a -t 10.100.100.100:8080 -r 10.0.0.11:8080 -m -w 1\n\
         -a -t 10.100.100.100:8080 -r 10.0.0.21:8080 -m -w 1\n"
    );
    let header = lab::tool("ipset", ["list", "-terse", "LOOP-BACK"])?;
    assert!(header.contains("Number of entries: 1000000\n"), "{header}");
    let last = "10.15.66.64,tcp:8080,10.15.66.64";
    lab::tool("ipset", ["test", "LOOP-BACK", last])?;
    Ok(())
}

fn many_changes() -> Result {
    let out = output(&mut example("many_changes")?)?;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "200 changes were made");
    assert!(
        lines[1].starts_with("change 200, -A -t 10.100.0.7:80"),
        "{out}"
    );
    assert_eq!(lines.len(), 2, "{out}");
    assert_eq!(services()?.lines().count(), 200);
    Ok(())
}

fn block_addresses() -> Result {
    let out = output(&mut example("block_addresses")?)?;
    assert_eq!(
        out,
        "blocked: 2 added, created\n\
         blocked: 1 added, 1 removed, 1 kept, in place\n"
    );
    let saved = lab::tool("ipset", ["save", "blocked", "-sorted"])?;
    let entries: Vec<_> = saved.lines().skip(1).map(str::trim_end).collect();
    assert_eq!(
        entries,
        [
            "add blocked 192.0.2.2 packets 0 bytes 0",
            "add blocked 192.0.2.3 packets 0 bytes 0"
        ]
    );
    Ok(())
}

fn watch_table() -> Result {
    let mut watch = example("watch_table")?.stdout(Stdio::piped()).spawn()?;
    let printed = watch.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(printed).lines();
    let mut next = || -> Result<String> { Ok(lines.next().ok_or("the example ended")??) };
    let outcome = (|| -> Result<[String; 4]> {
        let begin = next()?;
        lab::tool("ipvsadm", ["-A", "-t", "10.0.0.1:80"])?;
        let added = next()?;
        lab::tool("ipvsadm", ["-a", "-t", "10.0.0.1:80", "-r", "10.0.0.2:80"])?;
        let changed = next()?;
        lab::tool("ipvsadm", ["-D", "-t", "10.0.0.1:80"])?;
        Ok([begin, added, changed, next()?])
    })();
    watch.kill()?;
    watch.wait()?;
    assert_eq!(
        outcome?,
        [
            "0 services",
            "-t 10.0.0.1:80 added",
            "-t 10.0.0.1:80 changed",
            "-t 10.0.0.1:80 removed"
        ]
    );
    Ok(())
}

fn on_tokio() -> Result {
    let out = output(&mut example("on_tokio")?)?;
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "-t 10.100.100.100:8080 -s wlc",
            "blocked hash:ip family inet"
        ],
        "{out}"
    );
    assert_eq!(services()?.lines().count(), 2);
    lab::tool("ipset", ["test", "blocked", "192.0.2.1"])?;
    Ok(())
}

fn in_namespace() -> Result {
    let pod = Namespace::named("pod")?;
    pod.run(|| lab::tool("ipvsadm", ["-A", "-t", "10.0.0.1:80", "-s", "rr"]))?;
    pod.run(|| lab::tool("ipset", ["create", "blocked", "hash:ip"]))?;
    let out = output(example("in_namespace")?.arg("pod"))?;
    assert_eq!(out, "-t 10.0.0.1:80 -s rr\nblocked\n");
    assert_eq!(services()?, "");
    Ok(())
}

fn genetlink_services() -> Result {
    let out = output(&mut example("genetlink_services")?)?;
    assert_eq!(out, "-t 10.100.100.100:8080 -s rr\n");
    Ok(())
}
