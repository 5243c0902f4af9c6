//! A kernel without IPVS: an error of its own, never a success.
//!
//! The guest's kernel has IPVS as a module, which connecting would load; so the module loader is
//! switched off first. That is a setting of the whole machine, hence no kernel but a guest's will
//! do.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use ipvset::ErrorKind;
use ipvset::ipvs::{Ipvs, VirtualService};
use lab::test::Test;
use lab::{Namespace, Needs, sysctl};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const LOADER: &str = "kernel.modprobe";
/// Which kernel the lab is to take.
const KERNEL: &str = "IPVSET_KERNEL";

fn main() -> ExitCode {
    if env::var_os(KERNEL).is_none() && std::process::id() != 1 {
        let error = match env::current_exe() {
            Ok(this) => Command::new(this)
                .args(env::args_os().skip(1))
                .env(KERNEL, "uml")
                .exec(),
            Err(error) => error,
        };
        eprintln!("start again with {KERNEL}=uml: {error}");
        return ExitCode::FAILURE;
    }
    let tests = vec![Test::new("no_ipvs", no_ipvs)];
    lab::test::main(&Needs::namespaces(), tests)
}

/// Fails unless the error says that there is no IPVS, and what to do.
fn expect_unavailable(connected: ipvset::Result<Ipvs>) {
    let error = connected.expect_err("it connected");
    let text = error.to_string();
    assert!(error.is_unavailable(), "{text}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.operation(), "connect to IPVS");
    for words in [
        "connect to IPVS: ",
        "this kernel has no IPVS",
        "modprobe ip_vs",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!error.permission_denied() && !error.is_not_found());
}

fn no_ipvs() -> Result {
    let is_guest = std::fs::read_to_string("/proc/cpuinfo")?.contains("User Mode Linux");
    if !is_guest || Path::new("/sys/module/ip_vs").exists() {
        let why = format!("this takes a guest's kernel, and IPVS as a module: unset {KERNEL}");
        return Err(why.into());
    }
    let loader = sysctl::read(LOADER)?;
    sysctl::write(LOADER, "/bin/false")?;
    expect_unavailable(Ipvs::connect());
    expect_unavailable(Ipvs::connect_in(&ipvset::Namespace::current()?));
    let there = Namespace::new()?;
    expect_unavailable(Ipvs::connect_in(&ipvset::Namespace::open(there.path())?));

    // It was really that: with the loader, the same call loads the module and connects.
    sysctl::write(LOADER, &loader)?;
    let mut ipvs = Ipvs::connect()?;
    assert!(Path::new("/sys/module/ip_vs").exists());
    ipvs.add_service(&VirtualService::tcp("10.0.0.1:80".parse()?))?;
    assert_eq!(ipvs.services()?.len(), 1);
    ipvs.flush()?;

    // A handle that outlives the module: the kernel forgot the number of the family.
    drop(there);
    lab::tool(&loader, ["-r", "ip_vs_wlc"])?;
    lab::tool(&loader, ["-r", "ip_vs"])?;
    sysctl::write(LOADER, "/bin/false")?;
    let error = ipvs.services().expect_err("it listed services");
    assert!(error.is_unavailable(), "{error}");
    let error = ipvs
        .add_service(&VirtualService::tcp("10.0.0.1:80".parse()?))
        .expect_err("it added a service");
    assert!(
        !error.already_exists() && !error.permission_denied(),
        "{error}"
    );
    expect_unavailable(Ipvs::connect());
    sysctl::write(LOADER, &loader)?;
    Ok(())
}
