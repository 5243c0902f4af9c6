//! Many operations at once: few system calls, and an exact outcome.

use ipvset::ipvs::Operations;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use ipvset::OnFailure;
use ipvset::ipvs::{
    Ipvs, Operation, RealServer, Scheduler, ServiceKey, SyncDaemon, SyncRole, Timeouts, Tunnel,
    VirtualService,
};
use nix::sys::socket::{
    AddressFamily, SockaddrLike, SockaddrStorage, getsockname, setsockopt, sockopt,
};

use crate::child::Role;
use crate::interface::{OVER_SOCKET_OPTIONS, OVER_TOKIO, tunnel_or_direct};
use crate::support::{Result, StopDaemons, at, multicast_device, saved, server, tests};

tests![
    eleven_thousand_requests_in_few_system_calls,
    eleven_thousand_failures,
    stops_after_the_datagram_with_a_failure,
    the_iterator_is_not_used_after_a_stop,
    an_iterator_that_ended_is_not_used_again,
    stops_at_a_refusal,
    goes_on_after_a_refusal,
    lost_replies_are_in_doubt,
    every_operation,
    put_in_order,
    removed_if_present,
    a_daemon_stopped_in_the_datagram_that_starts_it,
    no_operations,
];

const SERVICES: u32 = 1000;
const SERVERS: u32 = 10;
const FAILURES: usize = 37;

fn key(number: u32) -> ServiceKey {
    let address = Ipv4Addr::from_bits(0x0a64_0000 + number);
    ServiceKey::tcp(SocketAddr::new(address.into(), 80))
}

fn service(number: u32) -> VirtualService {
    VirtualService::new(key(number)).scheduler(Scheduler::RoundRobin)
}

/// Returns the operations that add a thousand services with ten servers each, with 37 of the
/// servers replaced by requests that must fail. Also returns the indices of these.
fn requests() -> (Vec<Operation>, Vec<usize>) {
    let mut operations = Vec::new();
    for number in 0..SERVICES {
        operations.push(Operation::AddService(service(number)));
        for other in 0..SERVERS {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + number * SERVERS + other + 1);
            let one = RealServer::new(SocketAddr::new(address.into(), 8080)).weight(other);
            operations.push(Operation::AddServer(key(number), one));
        }
    }
    // The failures are 27 services apart, and each replaces a different server of its service.
    let failing: Vec<_> = (0..FAILURES).map(|it| it * 27 * 11 + 1 + it % 10).collect();
    for index in &failing {
        operations[*index] = Operation::RemoveServer(key(0), at("10.255.255.254:1"));
    }
    (operations, failing)
}

/// The part of the child: executes the operations between two stops, and prints which failed.
pub(crate) fn execute_between_stops() -> Result<String> {
    let mut ipvs = Ipvs::connect()?;
    let (operations, _) = requests();
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
    let failures: Vec<_> = outcome
        .failures()
        .iter()
        .map(|it| format!("{} {}", it.index, it.error.is_not_found()))
        .collect();
    Ok(failures.join("\n"))
}

fn eleven_thousand_requests_in_few_system_calls() -> Result {
    let (operations, failing) = requests();
    assert_eq!(operations.len(), 11_000);
    let (calls, said) = Role::ManyOperations.counted()?;
    let expected: Vec<_> = failing.iter().map(|it| format!("{it} true")).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    eprintln!("{calls} system calls");
    match OVER_SOCKET_OPTIONS {
        // One for each request, and a few for memory.
        true => assert!((11_000..11_060).contains(&calls), "{calls} system calls"),
        // The handle of tokio also asks for the time and lets other tasks run, after each of some
        // 15 datagrams, since the tracer makes them slow. Without a vDSO, as in User Mode Linux,
        // the time takes a call.
        false if OVER_TOKIO => assert!(calls <= 150, "{calls} system calls"),
        false => assert!(calls <= 60, "{calls} system calls"),
    }

    // All other operations were executed.
    let mut ipvs = Ipvs::connect()?;
    let mut expected: BTreeMap<ServiceKey, Vec<RealServer>> = BTreeMap::new();
    for operation in operations {
        match operation {
            Operation::AddService(service) => drop(expected.insert(service.key, Vec::new())),
            Operation::AddServer(key, server) => {
                expected.entry(key).or_default().insert(0, server);
            }
            _ => {}
        }
    }
    let read = ipvs.verified_table()?;
    assert_eq!(read.len(), SERVICES as usize);
    for entry in read {
        let servers: Vec<_> = entry.servers.into_iter().map(|it| it.config).collect();
        assert_eq!(expected.get(&entry.service.key()), Some(&servers));
    }
    Ok(())
}

fn eleven_thousand_failures() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut operations = Operations::new();
    for number in 0..11_000 {
        operations.remove_service(key(number));
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    let indices = outcome.failures().iter().map(|it| it.index);
    assert!(indices.eq(0..11_000));
    for failure in outcome.failures() {
        assert!(failure.error.is_not_found());
        let number = u32::try_from(failure.index)?;
        assert_eq!(failure.input, Operation::RemoveService(key(number)));
        let text = format!("remove service {}: ", key(number));
        assert!(failure.error.to_string().starts_with(&text));
    }
    Ok(())
}

/// The rest of the datagram with the failure is executed, and nothing after it. Over socket
/// options, each operation is on its own.
fn stops_after_the_datagram_with_a_failure() -> Result {
    const COUNT: u32 = 20_000;
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&service(5))?;
    let mut operations = Operations::new();
    for number in 0..COUNT {
        operations.add_service(&service(number));
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Stop);
    let failed: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!(failed, [5]);
    assert!(outcome.failures()[0].error.is_already_exists());
    let untried = outcome.untried_from().ok_or("all were tried")?;
    match OVER_SOCKET_OPTIONS {
        true => assert_eq!(untried, 6),
        false => assert!(untried > 6 && untried < COUNT as usize, "{untried}"),
    }
    assert!(!outcome.is_complete());
    let there: BTreeSet<_> = ipvs.services()?.iter().map(|it| it.key()).collect();
    let sent: BTreeSet<_> = (0..u32::try_from(untried)?).map(key).collect();
    assert_eq!(there, sent);
    Ok(())
}

/// Operations after the one that stops it are not taken from the iterator.
fn the_iterator_is_not_used_after_a_stop() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&service(5))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..20_000 {
        sender.send(Operation::AddService(service(number)))?;
    }
    let outcome = ipvs.execute_all(receiver.try_iter(), OnFailure::Stop);
    let failed: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!(failed, [5]);
    let untried = outcome.untried_from().ok_or("all were tried")?;
    // One more operation was taken, which did not fit into the datagram, if there is one.
    let taken = u32::from(!OVER_SOCKET_OPTIONS);
    let number = u32::try_from(untried)?;
    let next = receiver.try_recv()?;
    assert_eq!(next, Operation::AddService(service(number + taken)));
    assert_eq!(ipvs.services()?.len(), untried);

    // An operation that is refused before it is sent also stops it. The operations before it are
    // executed.
    ipvs.flush()?;
    let half = Duration::from_millis(500);
    let refused = Operation::SetTimeouts(Timeouts::new().tcp(half));
    for (operations, found) in [
        (vec![Operation::AddService(service(1)), refused.clone()], 1),
        (vec![refused], 0),
    ] {
        let wrong = operations.len() - 1;
        let endless = operations.into_iter().cycle();
        let outcome = ipvs.execute_all(endless, OnFailure::Stop);
        assert_eq!(outcome.failures().len(), 1, "{outcome:?}");
        assert_eq!(outcome.failures()[0].index, wrong);
        assert_eq!(outcome.untried_from(), Some(wrong + 1));
        assert_eq!(ipvs.services()?.len(), found);
        ipvs.flush()?;
    }
    Ok(())
}

/// An iterator may return more items after it has ended.
fn an_iterator_that_ended_is_not_used_again() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut asked = 0;
    let source = std::iter::from_fn(|| {
        asked += 1;
        assert!(asked <= 4, "it has ended");
        (asked < 4).then(|| Operation::AddService(service(1)))
    });
    let outcome = ipvs.execute_all(source, OnFailure::Stop);
    match OVER_SOCKET_OPTIONS {
        true => {
            assert_eq!(outcome.failures().len(), 1);
            assert_eq!(outcome.untried_from(), Some(2));
        }
        // All were in one datagram.
        false => {
            assert_eq!(outcome.failures().len(), 2);
            assert_eq!(outcome.untried_from(), None);
        }
    }
    Ok(())
}

/// The operations before a refused one are executed, from `Operations` and from other iterators.
fn stops_at_a_refusal() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut operations = Operations::new();
    operations.add_service(&service(1));
    operations.add_service(&service(2).persistence_granularity(33));
    operations.add_service(&service(3));
    let outcome = ipvs.execute_all(operations, OnFailure::Stop);
    assert_eq!(outcome.failures().len(), 1);
    assert_eq!(outcome.failures()[0].index, 1);
    assert!(outcome.failures()[0].error.is_invalid_input());
    assert_eq!((outcome.applied(), outcome.untried_from()), (1, Some(2)));
    assert_eq!(saved()?, [format!("-A {}", service(1))]);
    Ok(())
}

fn goes_on_after_a_refusal() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut operations = Operations::new();
    operations.add_service(&service(2).persistence_granularity(33));
    operations.add_service(&service(1));
    operations.add_server(key(1), &server("224.0.0.1:80"));
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    let failed: Vec<_> = outcome.failures().iter().map(|it| it.index).collect();
    assert_eq!(failed, [0, 2]);
    let text = outcome.failures()[1].error.to_string();
    let start = "add server -t 10.100.0.1:80 -r 224.0.0.1:80: ";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(saved()?, [format!("-A {}", service(1))]);
    Ok(())
}

/// Returns the netlink sockets of this process.
fn netlink_sockets() -> Result<BTreeSet<RawFd>> {
    let mut sockets = BTreeSet::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let fd: RawFd = entry?.file_name().to_string_lossy().parse()?;
        let family = getsockname::<SockaddrStorage>(fd)
            .ok()
            .and_then(|it| it.family());
        if family == Some(AddressFamily::Netlink) {
            sockets.insert(fd);
        }
    }
    Ok(sockets)
}

/// The receive buffer of the handle's socket is made so small that the kernel must drop replies.
fn lost_replies_are_in_doubt() -> Result {
    let others = netlink_sockets()?;
    let mut ipvs = Ipvs::connect()?;
    let own = netlink_sockets()?;
    let own: Vec<_> = own.difference(&others).collect();
    let [own] = own[..] else {
        return Err(format!("{own:?} are new sockets").into());
    };
    // SAFETY: the handle outlives this value.
    let socket = unsafe { BorrowedFd::borrow_raw(*own) };
    setsockopt(&socket, sockopt::RcvBuf, &1)?;

    // Every second operation fails.
    let mut operations = Operations::new();
    for number in 0..20 {
        operations.add_service(&service(number));
        operations.remove_service(key(number + 1000));
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    let doubtful: BTreeSet<_> = outcome.in_doubt().map(|it| it.index).collect();
    let certain: Vec<_> = outcome
        .failures()
        .iter()
        .filter(|it| !it.error.is_replies_lost())
        .collect();
    // Only a few replies fit. Operations without a reply are in doubt, and no other failures are
    // reported.
    assert!(!doubtful.is_empty() && !certain.is_empty(), "{outcome:?}");
    for failure in &certain {
        assert!(failure.error.is_not_found(), "{:?}", failure.error);
        assert_eq!(failure.index % 2, 1, "{:?}", failure.error);
    }
    assert_eq!(doubtful.len() + certain.len(), 40);
    assert!(!outcome.is_complete());
    let text = outcome.in_doubt().next().map(|it| it.error.to_string());
    let text = text.unwrap_or_default();
    assert!(text.starts_with("add service -t 10.100.0.0:80: "), "{text}");
    assert!(text.contains("read back"), "{text}");

    // With a larger buffer, the handle lists the services: all operations were executed.
    setsockopt(&socket, sockopt::RcvBufForce, &(1 << 20))?;
    assert_eq!(ipvs.services()?.len(), 20);
    let mut operations = Operations::new();
    for number in 0..20 {
        operations.remove_service(key(number));
    }
    assert!(
        ipvs.execute_all(operations, OnFailure::Continue)
            .is_complete()
    );
    assert_eq!(ipvs.services()?, []);
    Ok(())
}

fn every_operation() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let mut ipvs = Ipvs::connect()?;
    let (one, other) = (server("10.1.0.1:80"), server("10.1.0.2:80"));
    let method = tunnel_or_direct(Tunnel::gue(6080));
    let gue = other.clone().forwarding(method).weight(9);
    let seconds = std::time::Duration::from_secs;
    let mut operations = Operations::new();
    operations
        .add_service(&service(1))
        .add_service(&service(2))
        .add_service(&service(3))
        .update_service(&service(1).scheduler(Scheduler::SourceHashing))
        .put_service(&service(4))
        .remove_service(key(2))
        .remove_service_if_present(key(2))
        .remove_service_if_present(key(3))
        .add_server(key(1), &one)
        .add_server(key(1), &other)
        .update_server(key(1), &gue)
        .put_server(key(4), &one)
        .put_server(key(4), &one.clone().weight(7))
        .remove_server(key(1), one.address)
        .remove_server_if_present(key(1), one.address)
        .remove_server_if_present(key(2), one.address)
        .push(Operation::ZeroService(key(1)))
        .push(Operation::Zero)
        .push(Operation::SetTimeouts(Timeouts::new().udp(seconds(17))))
        .push(Operation::StartDaemon(SyncDaemon::master("eth0")));
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    assert!(outcome.is_complete(), "{outcome:?}");
    let expected = [
        format!("-A {}", service(1).scheduler(Scheduler::SourceHashing)),
        format!("-A {}", service(4)),
        format!("-a {} {gue}", key(1)),
        format!("-a {} {}", key(4), one.weight(7)),
    ];
    assert_eq!(saved()?, expected);
    assert_eq!(ipvs.timeouts()?.udp, Some(seconds(17)));
    assert_eq!(ipvs.daemons()?[0].role, SyncRole::Master);
    let mut operations = Operations::new();
    operations
        .push(Operation::StopDaemon(SyncRole::Master))
        .flush();
    assert!(
        ipvs.execute_all(operations, OnFailure::Continue)
            .is_complete()
    );
    assert_eq!(saved()?, [""; 0]);
    assert_eq!(ipvs.daemons()?, []);
    Ok(())
}

/// The result is as if each operation was executed in order, although existing objects are changed
/// by a second datagram.
fn put_in_order() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&service(1))?;
    let one = server("10.1.0.1:80");
    ipvs.add_server(key(1), &one)?;
    let mut operations = Operations::new();
    operations
        .put_service(&service(1).scheduler(Scheduler::SourceHashing))
        .put_service(&service(1).scheduler(Scheduler::LeastConnection))
        .put_service(&service(2))
        .put_server(key(1), &one.clone().weight(2))
        .put_server(key(1), &one.clone().weight(3))
        .put_server(key(2), &one)
        .remove_server(key(2), one.address)
        .put_server(key(2), &one.clone().weight(5))
        .put_service(&service(3))
        .remove_service(key(3))
        .put_service(&service(3).scheduler(Scheduler::NeverQueue));
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    assert!(outcome.is_complete(), "{outcome:?}");
    let expected = [
        format!("-A {}", service(1).scheduler(Scheduler::LeastConnection)),
        format!("-A {}", service(2)),
        format!("-A {}", service(3).scheduler(Scheduler::NeverQueue)),
        format!("-a {} {}", key(1), one.clone().weight(3)),
        format!("-a {} {}", key(2), one.weight(5)),
    ];
    assert_eq!(saved()?, expected);
    // Ten thousand services at once, half of which exist.
    ipvs.flush()?;
    let mut operations = Operations::new();
    for number in (0..10_000).step_by(2) {
        operations.add_service(&service(number));
    }
    assert!(
        ipvs.execute_all(operations, OnFailure::Continue)
            .is_complete()
    );
    let mut operations = Operations::new();
    for number in 0..10_000 {
        operations.put_service(&service(number).scheduler(Scheduler::LeastConnection));
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    assert!(outcome.is_complete(), "{:?}", outcome.failures().first());
    let all = ipvs.services()?;
    assert_eq!(all.len(), 10_000);
    let changed = all
        .iter()
        .filter(|it| it.config.scheduler == Scheduler::LeastConnection);
    assert_eq!(changed.count(), 10_000);
    Ok(())
}

fn removed_if_present() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut operations = Operations::new();
    for number in 0..1000 {
        if number % 3 == 0 {
            operations.add_service(&service(number));
        }
    }
    for number in 0..1000 {
        operations.remove_server_if_present(key(number), at("10.1.0.1:80"));
        operations.remove_service_if_present(key(number));
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    assert!(outcome.is_complete(), "{:?}", outcome.failures().first());
    assert_eq!(ipvs.services()?, []);
    Ok(())
}

/// The kernel does not answer a request to stop a daemon that has not run yet.
fn a_daemon_stopped_in_the_datagram_that_starts_it() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let mut ipvs = Ipvs::connect()?;
    let mut operations = Operations::new();
    operations.push(Operation::StartDaemon(SyncDaemon::master("eth0")));
    operations.push(Operation::StopDaemon(SyncRole::Master));
    assert!(
        ipvs.execute_all(operations, OnFailure::Continue)
            .is_complete()
    );
    assert_eq!(ipvs.daemons()?, []);
    let mut operations = Operations::new();
    operations.push(Operation::StopDaemon(SyncRole::Backup));
    let outcome = ipvs.execute_all(operations, OnFailure::Continue);
    assert!(outcome.failures()[0].error.is_not_found(), "{outcome:?}");
    Ok(())
}

fn no_operations() -> Result {
    let mut ipvs = Ipvs::connect()?;
    assert!(ipvs.execute_all([], OnFailure::Stop).is_complete());
    assert_eq!(ipvs.services()?, []);
    Ok(())
}
