//! Runs the examples of the walkthrough as a user does.

use std::path::PathBuf;
use std::process::{Command, Output};

lab::tests![
    on_the_machine;
    every_request_of_the_walkthrough_has_the_expected_outcome,
    each_example_ends_at_its_own_step,
    leaving_out_a_command_fails,
    a_module_that_is_left_out_is_missed,
    the_shell_sees_the_finished_environment,
    help_is_printed_and_a_wrong_option_is_status_2,
];

fn program(name: &str) -> PathBuf {
    lab::tool::example(name).unwrap_or_else(|error| panic!("{error}"))
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program(name)).args(arguments).output();
    let output = output.expect("the example can be started");
    lab::test::need("firewall rules", rules(&output));
    output
}

/// Returns an error if the example ended because its kernel has no firewall rules. The example must report this
/// before it starts.
fn rules(output: &Output) -> Result<(), String> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if !err.contains("it cannot do firewall rules") {
        return Ok(());
    }
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert_eq!((out.as_str(), err.lines().count()), ("", 1), "{err}");
    Err(err.trim_end().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks that each of this many requests had the expected outcome.
#[track_caller]
fn all_requests_succeed(name: &str, rows: usize) -> String {
    let output = run(name, &[]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{name}: {}\n{out}\n{err}",
        output.status
    );
    assert_eq!(out.matches("[ok]").count(), rows, "{out}");
    assert!(
        out.contains(&format!("All {rows} requests had the expected outcome.")),
        "{out}"
    );
    out
}

fn every_request_of_the_walkthrough_has_the_expected_outcome() {
    let out = all_requests_succeed("round_robin", 30);
    // The servers of the Service answer in turn.
    let answers: Vec<_> = out
        .split("\n6 Second server")
        .nth(1)
        .expect("step 6 is printed")
        .split("  $ curl ")
        .skip(1)
        .map(|request| request.split("\n\n").next().unwrap_or_default())
        .map(|request| request.contains("answered by leah   [ok]"))
        .collect();
    assert_eq!(answers, [true, false, true, false]);
}

fn each_example_ends_at_its_own_step() {
    for (name, rows) in [
        ("environment", 4),
        ("virtual_service", 5),
        ("namespace_access", 8),
        ("hairpin", 12),
        ("loopback_set", 18),
    ] {
        all_requests_succeed(name, rows);
    }
}

fn leaving_out_a_command_fails() {
    let output = run("hairpin", &["--leave-out", "vs.conntrack"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    assert_eq!(out.matches("[ok]").count(), 11, "{out}");
    let differs = "1 of 12 requests differ:\n  \
                   dustin -> 10.100.100.100:8080: expected answered by dustin, but times out";
    assert!(err.contains(differs), "{err}");
}

fn a_module_that_is_left_out_is_missed() {
    let output = run("namespace_access", &["--leave-out", "modprobe"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    assert!(err.contains("bridge-nf-call-iptables"), "{err}");
}

fn the_shell_sees_the_finished_environment() {
    use std::io::Write;
    use std::process::Stdio;

    let mut child = Command::new(program("hairpin"))
        .arg("--shell")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example can be started");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // An example that ended early does not read its input, and prints the reason.
    let _ = stdin.write_all(b"echo in the shell; ipvsadm -Sn; ip netns list; exit 0\n");
    drop(stdin);
    let output = child.wait_with_output().expect("the example ends");
    lab::test::need("firewall rules", rules(&output));
    let out = text(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", text(&output.stderr));
    let shell = out
        .split("in the shell")
        .nth(1)
        .unwrap_or_else(|| panic!("{out}"));
    assert!(
        shell.contains("-a -t 10.100.100.100:8080 -r 10.0.0.11:8080 -m -w 1"),
        "{out}"
    );
    assert!(
        shell.contains("netns_dustin") && shell.contains("netns_leah"),
        "{out}"
    );
}

fn help_is_printed_and_a_wrong_option_is_status_2() {
    let help = run("hairpin", &["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("--leave-out"));
    let wrong = run("hairpin", &["--hepl"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("unknown option --hepl"));
}
