//! A kernel without IPVS has its own error.
//!
//! The guest's kernel has IPVS as a module, which connecting would load. So the test turns off the
//! module loader first. This setting affects the whole machine, so the test needs a guest.

use ipvset::OnFailure;
use ipvset::ipvs::Operations;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use ipvset::ErrorKind;
use ipvset::ipvs::plan::{Keeper, Planner, Scope, WantedTable};
use ipvset::ipvs::proc::{Proc, sysctl as sysctls};
use ipvset::ipvs::{
    ControlInterface, Ipvs, Operation, RealServer, Scheduler, SyncDaemon, SyncRole, Timeouts,
    VirtualService,
};
use lab::test::Test;
use lab::{Namespace, Needs, sysctl};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const LOADER: &str = "kernel.modprobe";
/// The variable that selects the kernel of the lab.
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

/// Fails unless the error says that the kernel has no IPVS, and what to do.
fn expect_unavailable(connected: ipvset::Result<Ipvs>) {
    let error = connected.expect_err("it connected");
    let text = error.to_string();
    assert!(error.is_unavailable(), "{text}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.operation(), "connect to IPVS");
    for words in [
        "connect to IPVS: ",
        "the kernel has no IPVS",
        "modprobe ip_vs",
        "root",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!error.is_permission_denied() && !error.is_not_found());
}

/// Fails unless the error of each file in `/proc` says that the kernel has no IPVS.
fn expect_no_files() {
    let proc = Proc::new();
    for error in [
        proc.snapshot().map(drop).expect_err("snapshot"),
        proc.totals().map(drop).expect_err("totals"),
        proc.connections().map(drop).expect_err("connections"),
        proc.sysctls().map(drop).expect_err("sysctls"),
        proc.get(sysctls::CONNTRACK).map(drop).expect_err("sysctl"),
    ] {
        let text = error.to_string();
        assert!(error.is_unavailable(), "{text}");
        assert!(text.contains("IPVS is not loaded"), "{text}");
    }
}

fn no_ipvs() -> Result {
    let is_guest = std::fs::read_to_string("/proc/cpuinfo")?.contains("User Mode Linux");
    if !is_guest || Path::new("/sys/module/ip_vs").exists() {
        let why = format!("this takes a guest's kernel, and IPVS as a module: unset {KERNEL}");
        return Err(why.into());
    }
    let loader = sysctl::read(LOADER)?;
    sysctl::write(LOADER, "/bin/false")?;
    for interface in [ControlInterface::Netlink, ControlInterface::SocketOptions] {
        expect_unavailable(Ipvs::connect_over(interface));
    }
    expect_unavailable(Ipvs::connect());
    expect_unavailable(Ipvs::connect_in(&ipvset::Namespace::current()?));
    let there = Namespace::new()?;
    expect_unavailable(Ipvs::connect_in(&ipvset::Namespace::open(there.path())?));
    expect_no_files();

    // With the loader, the same call loads the module and connects.
    sysctl::write(LOADER, &loader)?;
    let mut ipvs = match lab::test::has("ip_vs that is loaded when asked for", Ipvs::connect()) {
        Some(ipvs) => ipvs,
        None => {
            lab::module::load("ip_vs")?;
            Ipvs::connect()?
        }
    };
    assert!(Path::new("/sys/module/ip_vs").exists());
    ipvs.add_service(&VirtualService::tcp("10.0.0.1:80".parse()?))?;
    assert_eq!(ipvs.services()?.len(), 1);
    ipvs.flush()?;

    // So does a keeper, which goes on when the module is back.
    let mut keeper = Keeper::new(Planner::new().scope(Scope::everything()));
    let mut wanted = WantedTable::new();
    let web = VirtualService::tcp("10.0.0.1:80".parse()?).scheduler(Scheduler::RoundRobin);
    wanted.insert(web, [RealServer::new("10.1.0.1:80".parse()?)])?;
    assert!(ipvs.keep(&mut keeper, &wanted)?.report.is_success());

    // The handles outlive the module. The kernel no longer knows the number of the family, nor
    // IPVS's socket options.
    let mut options = Ipvs::connect_over(ControlInterface::SocketOptions)?;
    drop(there);
    ipvs.flush()?;
    for module in ["ip_vs_rr", "ip_vs_wlc", "ip_vs"] {
        lab::tool(&loader, ["-r", module])?;
    }
    sysctl::write(LOADER, "/bin/false")?;
    expect_gone(&mut ipvs)?;
    expect_gone(&mut options)?;
    expect_no_files();
    expect_unavailable(Ipvs::connect());
    let error = ipvs.keep(&mut keeper, &wanted).expect_err("it kept");
    assert!(error.is_unavailable(), "{error}");

    sysctl::write(LOADER, &loader)?;
    lab::module::load("ip_vs")?;
    // The kernel may give the family another number. A handle over socket options goes on.
    if let Err(error) = ipvs.keep(&mut keeper, &wanted) {
        let text = error.to_string();
        assert!(error.is_unavailable(), "{text}");
        assert!(text.contains("connect again"), "{text}");
        assert_eq!(options.services()?, []);
    }
    for mut handle in [Ipvs::connect()?, options] {
        let kept = handle.keep(&mut keeper, &wanted)?;
        assert!(kept.report.is_success(), "{}", kept.report);
        let table = handle.table()?;
        assert_eq!((table.len(), table[0].servers.len()), (1, 1), "{table:?}");
        handle.flush()?;
    }
    Ok(())
}

/// Fails unless every call on the handle reports that the kernel has no IPVS any more.
fn expect_gone(ipvs: &mut Ipvs) -> Result {
    let web = VirtualService::tcp("10.0.0.1:80".parse()?).scheduler(Scheduler::RoundRobin);
    let server = RealServer::new("10.1.0.1:80".parse()?);
    let (key, address) = (web.key, server.address);
    let operations = [
        Operation::AddService(web.clone()),
        Operation::UpdateService(web.clone()),
        Operation::PutService(web.clone()),
        Operation::RemoveService(key),
        Operation::RemoveServiceIfPresent(key),
        Operation::AddServer(key, server.clone()),
        Operation::UpdateServer(key, server.clone()),
        Operation::PutServer(key, server),
        Operation::RemoveServer(key, address),
        Operation::RemoveServerIfPresent(key, address),
        Operation::Flush,
        Operation::Zero,
        Operation::ZeroService(key),
        Operation::SetTimeouts(Timeouts::default().tcp(Duration::from_secs(9))),
        Operation::StartDaemon(SyncDaemon::master("lo")),
        Operation::StopDaemon(SyncRole::Master),
    ];
    let mut errors = Vec::new();
    for operation in &operations {
        errors.push(ipvs.execute(operation).expect_err(operation.name()));
    }
    let mut batch = Operations::new();
    batch.extend(operations.clone());
    let outcome = ipvs.execute_all(batch, OnFailure::Continue);
    assert_eq!(outcome.failures().len(), operations.len(), "{outcome:?}");
    errors.extend(outcome.into_failures().into_iter().map(|it| it.error));
    errors.extend([
        ipvs.services().map(drop).expect_err("services"),
        ipvs.service(key).map(drop).expect_err("service"),
        ipvs.servers(key).map(drop).expect_err("servers"),
        ipvs.server(key, address).map(drop).expect_err("server"),
        ipvs.table().map(drop).expect_err("table"),
        ipvs.timeouts().map(drop).expect_err("timeouts"),
        ipvs.daemons().map(drop).expect_err("daemons"),
        ipvs.info().map(drop).expect_err("info"),
        ipvs.set_weight(key, address, 1).expect_err("weight"),
    ]);
    for error in errors {
        let text = error.to_string();
        assert!(error.is_unavailable(), "{text}");
        assert!(text.contains("no IPVS any more"), "{text}");
    }
    Ok(())
}
