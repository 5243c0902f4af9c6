//! Each failure returns the error that its predicate names, with the operation and the object in
//! its text, and changes nothing.

use std::time::Duration;

use caps::{CapSet, Capability};
use ipvset::Family;
use ipvset::Missing;
use ipvset::OnFailure;
use ipvset::ipvs::{
    ControlInterface, Ipvs, Operation, PersistenceEngine, RealServer, Scheduler, SchedulerFlags,
    ServiceKey, SyncDaemon, SyncRole, Timeouts, Tunnel, VirtualService,
};

use crate::child::Role;
use crate::interface::{OVER_SOCKET_OPTIONS, families, has};
use crate::support::{
    Result, StopDaemons, at, expect_error, mark, multicast_device, saved, server, tests,
};

tests![
    adding_a_service_that_exists,
    operations_on_a_missing_service,
    a_server_of_a_missing_service,
    an_unknown_scheduler,
    an_unknown_persistence_engine,
    errors_say_what_is_missing,
    on_a_kernel_without_the_socket_options,
    a_server_twice,
    a_missing_server,
    an_address_that_only_the_kernel_refuses,
    refused_input_is_not_sent,
    another_family_and_a_sync_daemon,
    invalid_sync_daemons,
    without_the_capability,
    in_a_user_namespace,
    in_a_user_namespace_without_a_network,
];

fn web() -> VirtualService {
    VirtualService::tcp(at("10.0.0.1:80")).scheduler(Scheduler::RoundRobin)
}

fn adding_a_service_that_exists() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in [
        web().key,
        ServiceKey::udp(at("[fd00::1]:53")),
        mark(7, Family::Ipv4),
        mark(7, Family::Ipv6),
    ]
    .into_iter()
    .filter(has)
    {
        let service = VirtualService::new(key);
        ipvs.add_service(&service)?;
        let again = ipvs.add_service(&service.clone().scheduler(Scheduler::RoundRobin));
        expect_error(
            again,
            "already_exists",
            "add service",
            &key.to_string(),
            &["the service exists already"],
        );
        assert_eq!(ipvs.service(key)?.config, service);
    }
    assert_eq!(ipvs.services()?.len(), 2 * families().len());
    Ok(())
}

fn operations_on_a_missing_service() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&VirtualService::udp(at("10.0.0.1:80")))?;
    let before = saved()?;
    for key in [
        ServiceKey::tcp(at("10.0.0.1:80")),
        ServiceKey::udp(at("10.0.0.1:81")),
        ServiceKey::udp(at("10.0.0.2:80")),
        ServiceKey::tcp(at("[fd00::1]:80")),
        mark(7, Family::Ipv6),
    ]
    .into_iter()
    .filter(has)
    {
        let object = key.to_string();
        let words = &["there is no such service"];
        let expect = |outcome: ipvset::Result<()>, operation: &str| {
            expect_error(outcome, "is_not_found", operation, &object, words);
        };
        expect(ipvs.remove_service(key), "remove service");
        expect(
            ipvs.update_service(&VirtualService::new(key)),
            "update service",
        );
        expect(ipvs.zero_service(key), "zero counters of service");
        expect(ipvs.service(key).map(drop), "read service");
        expect(
            ipvs.change_service(key, |it| it.scheduler = Scheduler::RoundRobin)
                .map(drop),
            "read service",
        );
        expect(
            ipvs.set_scheduler(key, Scheduler::RoundRobin),
            "read service",
        );
        ipvs.remove_service_if_present(key)?;
    }
    assert_eq!(saved()?, before);
    Ok(())
}

fn a_server_of_a_missing_service() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let (key, server) = (web().key, server("10.1.0.1:80"));
    let object = "-t 10.0.0.1:80 -r 10.1.0.1:80";
    let words = &["there is no such service"];
    for (outcome, operation) in [
        (ipvs.add_server(key, &server), "add server"),
        (ipvs.update_server(key, &server), "update server"),
        (ipvs.put_server(key, &server), "add or update server"),
        (ipvs.remove_server(key, server.address), "remove server"),
    ] {
        expect_error(outcome, "is_not_found", operation, object, words);
    }
    ipvs.remove_server_if_present(key, server.address)?;
    // The kernel itself returns an empty list for these.
    let listed = ipvs.servers(key);
    assert!(
        listed.as_ref().is_err_and(|it| it.is_not_found()),
        "{listed:?}"
    );
    let read = ipvs.server(key, server.address);
    assert!(read.as_ref().is_err_and(|it| it.is_not_found()), "{read:?}");
    let weight = ipvs.set_weight(key, server.address, 7);
    assert!(
        weight.as_ref().is_err_and(|it| it.is_not_found()),
        "{weight:?}"
    );
    for error in [listed.unwrap_err(), read.unwrap_err(), weight.unwrap_err()] {
        let text = error.to_string();
        assert!(
            text.contains("-t 10.0.0.1:80") && text.contains("no such service"),
            "{text}"
        );
    }
    assert_eq!(saved()?, [""; 0]);
    Ok(())
}

fn an_unknown_scheduler() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let unknown = Scheduler::new("unheard-of")?;
    let added = ipvs.add_service(&web().scheduler(unknown));
    let words = &["the kernel has no scheduler `unheard-of`"];
    expect_error(
        added,
        "is_not_found",
        "add service",
        "-t 10.0.0.1:80",
        words,
    );
    assert_eq!(ipvs.services()?, []);

    ipvs.add_service(&web())?;
    ipvs.add_server(web().key, &server("10.1.0.1:80"))?;
    let before = saved()?;
    for outcome in [
        ipvs.update_service(&web().scheduler(unknown)),
        ipvs.set_scheduler(web().key, unknown),
    ] {
        expect_error(
            outcome,
            "is_not_found",
            "update service",
            "-t 10.0.0.1:80",
            words,
        );
        assert_eq!(saved()?, before);
    }
    Ok(())
}

fn an_unknown_persistence_engine() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::udp(at("10.0.0.1:5060"))
        .persistent(Duration::from_secs(60))
        .persistence_engine(PersistenceEngine::new("unheard-of")?);
    expect_error(
        ipvs.add_service(&service),
        "is_not_found",
        "add service",
        "-u 10.0.0.1:5060",
        &["no persistence engine `unheard-of`"],
    );
    assert_eq!(ipvs.services()?, []);
    Ok(())
}

/// Tests single operations and many at once.
fn errors_say_what_is_missing() -> Result {
    use Operation as O;
    let mut ipvs = Ipvs::connect()?;
    let unknown = Scheduler::new("unheard-of")?;
    let engine = PersistenceEngine::new("unheard-of")?;
    let (web, other) = (web(), VirtualService::tcp(at("10.0.0.2:80")));
    let with_engine = web
        .clone()
        .persistent(Duration::from_secs(9))
        .persistence_engine(engine);
    let missing = server("10.1.0.1:80");
    let daemon = SyncDaemon::master("nothing0");
    ipvs.add_service(&web)?;
    let mut operations = vec![
        (O::UpdateService(other.clone()), Missing::Service),
        (O::RemoveService(other.key), Missing::Service),
        (O::ZeroService(other.key), Missing::Service),
        (O::AddServer(other.key, missing.clone()), Missing::Service),
        (
            O::RemoveServer(other.key, missing.address),
            Missing::Service,
        ),
        (
            O::UpdateService(web.clone().scheduler(unknown)),
            Missing::Scheduler,
        ),
        (
            O::PutService(web.clone().scheduler(unknown)),
            Missing::Scheduler,
        ),
        (
            O::AddService(other.clone().scheduler(unknown)),
            Missing::Scheduler,
        ),
        (O::UpdateService(with_engine), Missing::SchedulerOrEngine),
        (O::UpdateServer(web.key, missing.clone()), Missing::Server),
        (O::RemoveServer(web.key, missing.address), Missing::Server),
        (O::StopDaemon(SyncRole::Master), Missing::Daemon),
        (O::StartDaemon(daemon), Missing::Interface),
    ];
    operations.retain(|(_, it)| !OVER_SOCKET_OPTIONS || *it != Missing::SchedulerOrEngine);
    for (operation, missing) in &operations {
        let error = ipvs.execute(operation).expect_err(operation.name());
        assert_eq!(error.missing(), Some(*missing), "{error}");
        assert!(error.is_not_found(), "{error}");
    }
    let all = operations.iter().map(|(operation, _)| operation.clone());
    let outcome = ipvs.execute_all(all, OnFailure::Continue);
    assert_eq!(outcome.failures().len(), operations.len());
    for (failure, (_, missing)) in outcome.failures().iter().zip(&operations) {
        assert_eq!(failure.error.missing(), Some(*missing), "{failure:?}");
    }
    let service = ipvs.service(other.key).expect_err("service");
    assert_eq!(service.missing(), Some(Missing::Service));
    let servers = ipvs.servers(other.key).expect_err("servers");
    assert_eq!(servers.missing(), Some(Missing::Service));
    let server = ipvs.server(web.key, missing.address).expect_err("server");
    assert_eq!(server.missing(), Some(Missing::Server));
    let twice = ipvs.add_service(&web).expect_err("it exists");
    assert_eq!(twice.missing(), None);
    Ok(())
}

/// Linux supports extended ACKs since 4.12, and capped ones since 4.3.
fn on_a_kernel_without_the_socket_options() -> Result {
    let (refused, said) = Role::WithoutOptions.without_socket_options()?;
    assert_eq!(refused, 2, "both options were requested");
    assert_eq!(said.trim_end(), "1 service, 1 failure of 3");
    Ok(())
}

fn a_server_twice() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web())?;
    let one = server("10.1.0.1:80").weight(3);
    ipvs.add_server(web().key, &one)?;
    expect_error(
        ipvs.add_server(web().key, &one.clone().weight(4)),
        "already_exists",
        "add server",
        "-t 10.0.0.1:80 -r 10.1.0.1:80",
        &["the service has this server already"],
    );
    assert_eq!(ipvs.server(web().key, one.address)?.config, one);
    // Another port makes another server.
    ipvs.add_server(web().key, &server("10.1.0.1:81"))?;
    Ok(())
}

fn a_missing_server() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web())?;
    ipvs.add_server(web().key, &server("10.1.0.1:80"))?;
    let before = saved()?;
    for wrong in ["10.1.0.1:81", "10.1.0.2:80"] {
        let object = format!("-t 10.0.0.1:80 -r {wrong}");
        let wrong = RealServer::new(at(wrong));
        let address = wrong.address;
        for (outcome, operation) in [
            (ipvs.update_server(web().key, &wrong), "update server"),
            (ipvs.remove_server(web().key, address), "remove server"),
            (ipvs.server(web().key, address).map(drop), "read server"),
            (ipvs.set_weight(web().key, address, 2), "read server"),
            (ipvs.set_thresholds(web().key, address, 2, 1), "read server"),
        ] {
            let words = &["the service has no such server"];
            expect_error(outcome, "is_not_found", operation, &object, words);
        }
        ipvs.remove_server_if_present(web().key, address)?;
    }
    assert_eq!(saved()?, before);
    Ok(())
}

/// Addresses that are broadcast addresses in the machine's routes, which the crate does not know,
/// and IPv6 link-local addresses of other machines.
fn an_address_that_only_the_kernel_refuses() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web())?;
    let web6 = VirtualService::tcp(at("[fd00::1]:80"));
    let both = [
        (web().key, "127.255.255.255:80"),
        (web6.key, "[fe80::1]:80"),
    ];
    for (key, wrong) in both.into_iter().filter(|(key, _)| has(key)) {
        ipvs.put_service(&VirtualService::new(key))?;
        expect_error(
            ipvs.add_server(key, &server(wrong)),
            "is_invalid_input",
            "add server",
            &format!("{key} -r {wrong}"),
            &["routes"],
        );
        assert_eq!(ipvs.servers(key)?, []);
    }
    Ok(())
}

fn refused_input_is_not_sent() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web())?;
    let before = saved()?;
    let tcp = |address| VirtualService::tcp(at(address));
    let own = SchedulerFlags::from_bits_retain(1);
    for (wrong, word) in [
        (tcp("10.0.0.2:80").scheduler_flags(own), "0x1"),
        (tcp("[fd00::2%5]:80"), "scope"),
        (
            tcp("10.0.0.2:80").persistent(Duration::from_millis(1500)),
            "1.5s",
        ),
    ] {
        let outcome = ipvs.add_service(&wrong);
        let object = wrong.key.to_string();
        expect_error(outcome, "is_invalid_input", "add service", &object, &[word]);
    }
    for (wrong, word) in [
        (server("10.1.0.1:80").weight(u32::MAX), "4294967295"),
        (server("[fd00::1]:80"), "tunnel"),
        (server("10.1.0.1:80").lower_threshold(2), "2"),
        (server("10.1.0.1:80").tunnel(Tunnel::gue(0)), "GUE"),
    ] {
        let outcome = ipvs.add_server(web().key, &wrong);
        let object = format!("-t 10.0.0.1:80 -r {}", wrong.address);
        expect_error(outcome, "is_invalid_input", "add server", &object, &[word]);
    }
    let outcome = ipvs.set_timeouts(&Timeouts::new().udp(Duration::ZERO));
    expect_error(outcome, "is_invalid_input", "set timeouts", "", &["UDP"]);
    assert_eq!(saved()?, before);
    Ok(())
}

/// The kernel allows only one of the two, because the messages of a sync daemon have no room for
/// the other family.
fn another_family_and_a_sync_daemon() -> Result {
    let _stop = StopDaemons;
    multicast_device("eth0")?;
    let mut ipvs = Ipvs::connect()?;
    ipvs.add_service(&web())?;
    let other = server("[fd00::1]:80").tunnel(Tunnel::Ipip);
    let daemon = SyncDaemon::master("eth0");

    ipvs.start_daemon(&daemon)?;
    expect_error(
        ipvs.add_server(web().key, &other),
        "is_invalid_input",
        "add server",
        "-t 10.0.0.1:80 -r [fd00::1]:80",
        &["another family", "sync daemon"],
    );
    ipvs.stop_daemon(SyncRole::Master)?;
    ipvs.add_server(web().key, &other)?;
    expect_error(
        ipvs.start_daemon(&daemon),
        "is_invalid_input",
        "start sync daemon",
        "master",
        &["another family"],
    );
    Ok(())
}

fn invalid_sync_daemons() -> Result {
    let _stop = StopDaemons;
    let mut ipvs = Ipvs::connect()?;
    let outcome = ipvs.start_daemon(&SyncDaemon::backup("not-there"));
    let words = &["`not-there`"];
    expect_error(
        outcome,
        "is_not_found",
        "start sync daemon",
        "backup",
        words,
    );
    let outcome = ipvs.stop_daemon(SyncRole::Backup);
    let words = &["no such daemon runs"];
    expect_error(outcome, "is_not_found", "stop sync daemon", "backup", words);

    multicast_device("eth0")?;
    let daemon = SyncDaemon::master("eth0").sync_id(3);
    ipvs.start_daemon(&daemon)?;
    let outcome = ipvs.start_daemon(&daemon);
    let words = &["runs already"];
    expect_error(
        outcome,
        "already_exists",
        "start sync daemon",
        "master",
        words,
    );
    Ok(())
}

/// A thread that dropped CAP_NET_ADMIN gets no new handle. One that was opened before is refused
/// everything.
fn without_the_capability() -> Result {
    let mut before = Ipvs::connect()?;
    before.add_service(&web())?;
    caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN)?;
    for refused in [
        Ipvs::connect(),
        Ipvs::connect_over(ControlInterface::SocketOptions),
    ] {
        let words = &["the program lacks CAP_NET_ADMIN", "unshare -Urn"];
        expect_error(refused, "permission_denied", "connect to IPVS", "", words);
    }
    let refused = Ipvs::connect_over(ControlInterface::Netlink);
    let words = &["CAP_NET_ADMIN in the initial user namespace"];
    expect_error(refused, "permission_denied", "connect to IPVS", "", words);
    {
        let ipvs = &mut before;
        let words = &["this needs CAP_NET_ADMIN", "the initial user namespace"];
        let expect = |outcome: ipvset::Result<()>, operation, object| {
            expect_error(outcome, "permission_denied", operation, object, words);
        };
        let key = web().key;
        expect(ipvs.add_service(&web()), "add service", "-t 10.0.0.1:80");
        expect(ipvs.remove_service(key), "remove service", "-t 10.0.0.1:80");
        expect(
            ipvs.add_server(key, &server("10.1.0.1:80")),
            "add server",
            "-t 10.0.0.1:80 -r 10.1.0.1:80",
        );
        // IPVS refuses each request of a datagram separately.
        let adding = Operation::AddService(web());
        let outcome = ipvs.execute_all(std::iter::repeat_n(adding, 3), OnFailure::Continue);
        assert_eq!(outcome.failures().len(), 3);
        for failure in outcome.into_failures() {
            let error = Err(failure.error);
            expect(error, "add service", "-t 10.0.0.1:80");
        }
        expect(ipvs.services().map(drop), "read services", "");
        expect(
            ipvs.service(key).map(drop),
            "read service",
            "-t 10.0.0.1:80",
        );
        expect(
            ipvs.servers(key).map(drop),
            "read servers of",
            "-t 10.0.0.1:80",
        );
        expect(ipvs.info().map(drop), "read version", "");
        expect(ipvs.timeouts().map(drop), "read timeouts", "");
        expect(ipvs.daemons().map(drop), "read sync daemons", "");
        expect(ipvs.flush(), "remove all services", "");
        expect(ipvs.zero(), "zero all counters", "");
    }
    caps::raise(None, CapSet::Effective, Capability::CAP_NET_ADMIN)?;
    // The handle is still usable.
    assert_eq!(before.services()?.len(), 1);
    Ok(())
}

/// The root of a user namespace has every capability there, but netlink checks the initial user
/// namespace.
fn in_a_user_namespace() -> Result {
    let said = Role::Rootless.in_user_namespace()?;
    assert_eq!(
        said.trim_end(),
        "socket options: 1 service\n\
         netlink: permission_denied: connect to IPVS: IPVS's netlink interface needs \
         CAP_NET_ADMIN in the initial user namespace, whatever the network namespace; its socket \
         options do not (Operation not permitted (os error 1))"
    );
    Ok(())
}

/// The root of a user namespace in a network namespace of another one.
fn in_a_user_namespace_without_a_network() -> Result {
    let said = Role::Rootless.in_user_namespace_alone()?;
    assert_eq!(
        said.trim_end(),
        "permission_denied: connect to IPVS: the program has CAP_NET_ADMIN in its own user \
         namespace, but another one owns the network namespace: a container needs a network \
         namespace of its own, and `unshare -Urn` makes one together with a user namespace \
         (Operation not permitted (os error 1))"
    );
    Ok(())
}
