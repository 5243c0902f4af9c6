//! Handles in other network namespaces by path, name, file descriptor and process. The calling
//! thread stays in its namespace.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use caps::{CapSet, Capability};
use ipvset::Namespace;
use ipvset::ipvs::{Ipvs, VirtualService};

use crate::child::Role;
use crate::support::{Result, at, predicates, tests};

tests![
    by_path,
    by_file_descriptor,
    by_name,
    by_process,
    the_namespace_of_the_calling_thread,
    a_handle_stays_in_its_namespace,
    after_a_panic,
    files_that_are_not_namespaces,
    a_name_stays_in_its_folder,
    where_no_thread_can_start,
    without_the_capability,
    many_at_once,
];

/// Returns the namespace of the calling thread.
fn own() -> Result<PathBuf> {
    Ok(fs::read_link("/proc/thread-self/ns/net")?)
}

fn web(number: u8) -> VirtualService {
    VirtualService::tcp(at(&format!("10.0.0.{number}:80")))
}

/// Adds a service over the handle, and checks that it exists there and not here.
fn expect_elsewhere(namespace: &Namespace, there: &lab::Namespace) -> Result {
    let before = own()?;
    let mut ipvs = Ipvs::connect_in(namespace)?;
    assert_eq!(own()?, before);
    ipvs.add_service(&web(1))?;
    assert_eq!(own()?, before);
    assert_eq!(Ipvs::connect()?.services()?, []);
    assert_eq!(ipvs.services()?.len(), 1);
    let saved = there.tool("ipvsadm", ["-S", "-n"])?;
    assert_eq!(saved.trim_end(), format!("-A {}", web(1)));
    ipvs.flush()?;
    Ok(())
}

fn by_path() -> Result {
    let there = lab::Namespace::new()?;
    expect_elsewhere(&Namespace::open(there.path())?, &there)
}

fn by_file_descriptor() -> Result {
    let there = lab::Namespace::new()?;
    let fd: OwnedFd = there.as_fd().try_clone_to_owned()?;
    expect_elsewhere(&Namespace::from(fd), &there)?;
    expect_elsewhere(&Namespace::from(File::open(there.path())?), &there)
}

fn by_name() -> Result {
    let there = lab::Namespace::named("ipvs-tests")?;
    expect_elsewhere(&Namespace::named("ipvs-tests")?, &there)?;
    drop(there);
    let gone = Namespace::named("ipvs-tests").expect_err("it is gone");
    let text = gone.to_string();
    assert!(
        text.contains("ipvs-tests") && text.contains("/run/netns"),
        "{text}"
    );
    Ok(())
}

fn by_process() -> Result {
    let there = lab::Namespace::new()?;
    let mut process = there.command("sleep")?.arg("100").spawn()?;
    let outcome = Namespace::of_process(process.id())
        .map_err(Into::into)
        .and_then(|namespace| expect_elsewhere(&namespace, &there));
    process.kill()?;
    process.wait()?;
    outcome
}

fn the_namespace_of_the_calling_thread() -> Result {
    let mut here = Ipvs::connect()?;
    let mut same = Ipvs::connect_in(&Namespace::current()?)?;
    same.add_service(&web(1))?;
    assert_eq!(here.services()?, same.services()?);
    assert_eq!(here.services()?.len(), 1);
    Ok(())
}

/// A handle can be used from a thread in any namespace.
fn a_handle_stays_in_its_namespace() -> Result {
    let (one, other) = (lab::Namespace::new()?, lab::Namespace::new()?);
    let mut ipvs = Ipvs::connect_in(&Namespace::open(one.path())?)?;
    other.run(|| ipvs.add_service(&web(1)))?;
    assert_eq!(one.run(Ipvs::connect)?.services()?.len(), 1);
    assert_eq!(other.run(Ipvs::connect)?.services()?, []);
    Ok(())
}

fn after_a_panic() -> Result {
    let before = own()?;
    let there = lab::Namespace::new()?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let namespace = Namespace::open(there.path()).expect("the namespace");
        let mut ipvs = Ipvs::connect_in(&namespace).expect("a handle");
        ipvs.add_service(&web(1)).expect("a service");
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(own()?, before);
    assert_eq!(Ipvs::connect()?.services()?, []);
    assert_eq!(there.run(Ipvs::connect)?.services()?.len(), 1);
    Ok(())
}

fn files_that_are_not_namespaces() -> Result {
    let before = own()?;
    assert!(Namespace::open("/not/there").is_err());
    for wrong in ["/proc/self/exe", "/proc/thread-self/ns/mnt"] {
        let error = Ipvs::connect_in(&Namespace::open(wrong)?).expect_err(wrong);
        assert_eq!(error.errno(), Some(nix::libc::EINVAL), "{error}");
        assert_eq!(error.operation(), "connect to IPVS");
        let text = error.to_string();
        assert!(
            text.contains(wrong) && text.contains("not a network namespace"),
            "{text}"
        );
        assert_eq!(own()?, before);
    }
    Ok(())
}

fn a_name_stays_in_its_folder() -> Result {
    for wrong in [
        "../../proc/self/ns/net",
        "..",
        ".",
        "",
        "a/b",
        "/proc/self/ns/net",
    ] {
        let outcome = Namespace::named(wrong);
        assert!(outcome.is_err(), "{wrong:?} is {outcome:?}");
    }
    Ok(())
}

fn where_no_thread_can_start() -> Result {
    let said = Role::NoThread.as_nobody()?;
    assert!(said.starts_with("Io: connect to IPVS: "), "{said}");
    assert!(said.contains("thread"), "{said}");
    Ok(())
}

/// Entering a namespace needs CAP_SYS_ADMIN.
fn without_the_capability() -> Result {
    let before = own()?;
    let there = lab::Namespace::new()?;
    let namespace = Namespace::open(there.path())?;
    caps::drop(None, CapSet::Effective, Capability::CAP_SYS_ADMIN)?;
    let error = Ipvs::connect_in(&namespace).expect_err("without CAP_SYS_ADMIN");
    assert_eq!(predicates(&error), ["permission_denied"], "{error}");
    assert_eq!(own()?, before);
    // It can still use its own namespace.
    assert_eq!(Ipvs::connect()?.services()?, []);
    Ok(())
}

fn many_at_once() -> Result {
    let before = own()?;
    let namespaces: Vec<_> = (0..20)
        .map(|_| lab::Namespace::new())
        .collect::<lab::Result<_>>()?;
    let mut handles = Vec::new();
    for there in &namespaces {
        handles.push(Ipvs::connect_in(&Namespace::open(there.path())?)?);
    }
    for (number, ipvs) in (1..).zip(&mut handles) {
        ipvs.add_service(&web(number))?;
    }
    for (number, ipvs) in (1..).zip(&mut handles) {
        let services: Vec<_> = ipvs.services()?.into_iter().map(|it| it.config).collect();
        assert_eq!(services, [web(number)]);
    }
    assert_eq!(own()?, before);
    Ok(())
}
