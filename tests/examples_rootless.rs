//! Runs the walkthrough as an ordinary user on the kernel in use, without User Mode Linux of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use lab::{Iptables, Needs};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The user `nobody`.
const NOBODY: u32 = 65534;

lab::tests![
    Needs::ipvs().and_devices(&["veth", "bridge", "dummy"]).guest();
    the_walkthrough_up_to_the_namespaces,
    the_whole_walkthrough,
    what_only_root_can_load_is_named,
];

/// Runs an example as an ordinary user. Only the running kernel, which is the guest's, is allowed.
fn run(example: &str) -> Result<Output> {
    // The folder of the examples may be closed to other users.
    let copy = PathBuf::from("/tmp").join(example);
    fs::copy(lab::tool::example(example)?, &copy)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    let output = Command::new(copy)
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .env_remove("IPVSET_UML")
        .env("IPVSET_KERNEL", "running")
        .output()?;
    Ok(output)
}

/// Returns what a run of an example printed if all of its requests had the expected outcome.
fn all_requests_succeed(example: &str, rows: usize) -> Result<String> {
    let output = run(example)?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{out}\n{err}");
    assert!(
        out.contains(&format!("All {rows} requests had the expected outcome.")),
        "{out}\n{err}"
    );
    assert!(out.contains("IP_VS_SO_SET_ADDDEST") && !out.contains("IPVS_CMD"));
    Ok(out)
}

/// Loads the modules that a user's kernel has to have loaded.
fn load() -> Result {
    lab::test::need("firewall rules", Iptables::new());
    for module in ["ip_vs", "br_netfilter", "xt_set"] {
        lab::module::load(module)?;
    }
    Ok(())
}

/// Fails if an ordinary user cannot write IPVS's settings in namespaces of its own.
fn setting() -> Result {
    let file = "/proc/sys/net/ipv4/vs/conntrack";
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "test", "-w", file])
        .uid(NOBODY)
        .gid(NOBODY)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{file} cannot be written").into())
    }
}

fn the_walkthrough_up_to_the_namespaces() -> Result {
    load()?;
    all_requests_succeed("namespace_access", 8)?;
    Ok(())
}

fn the_whole_walkthrough() -> Result {
    load()?;
    if lab::test::has("sysctls of IPVS in a user namespace", setting()).is_none() {
        // The lab says so before the first step.
        let output = run("hairpin")?;
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{err}");
        assert!(output.stdout.is_empty());
        assert!(
            err.contains("no setting net.ipv4.vs.conntrack, or hides it"),
            "{err}"
        );
        return Ok(());
    }
    all_requests_succeed("hairpin", 12)?;
    all_requests_succeed("round_robin", 30)?;
    Ok(())
}

fn what_only_root_can_load_is_named() -> Result {
    load()?;
    lab::tool("rmmod", ["br_netfilter"])?;
    let output = run("namespace_access")?;
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{err}");
    assert!(output.stdout.is_empty());
    assert!(
        err.contains("the module br_netfilter is not loaded"),
        "{err}"
    );
    Ok(())
}
