//! Adding, reading, changing and removing services with every option, also with `ipvsadm`.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipvset::ipvs::{
    Ipvs, PersistenceEngine, Scheduler, SchedulerFlags, ServiceKey, VirtualService,
};
use ipvset::{Family, Protocol};

use crate::interface::{OVER_SOCKET_OPTIONS, families, has, with_engine};
use crate::support::{
    Result, at, ipvsadm, kinds, mark, saved, schedulers, server, sorted_lines, tests,
};

tests![
    an_empty_table,
    every_kind_with_every_scheduler,
    the_tool_reads_and_writes_every_kind,
    flags_of_schedulers,
    one_packet,
    persistence,
    persistence_engines,
    a_partial_update_keeps_the_rest,
    a_full_update_changes_everything,
    put_adds_or_changes,
    removed_if_present,
    every_port_of_an_address,
    odd_addresses,
    flushed,
];

fn an_empty_table() -> Result {
    let mut ipvs = Ipvs::connect()?;
    assert_eq!(ipvs.services()?, []);
    ipvs.flush()?;
    ipvs.zero()?;
    Ok(())
}

/// Like `TestService` of moby, and also with SCTP and every scheduler.
fn every_kind_with_every_scheduler() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    for key in kinds() {
        for scheduler in &schedulers {
            let service = VirtualService::new(key).scheduler(*scheduler);
            ipvs.add_service(&service)?;
            assert_eq!(ipvs.service(key)?.config, service);
            let others = schedulers.iter().filter(|it| *it != scheduler);
            for other in others.chain([scheduler]) {
                let changed = service.clone().scheduler(*other);
                ipvs.update_service(&changed)?;
                assert_eq!(ipvs.service(key)?.config, changed);
            }
            let all = ipvs.services()?;
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].config, service);
            ipvs.remove_service(key)?;
            assert!(ipvs.service(key).is_err_and(|it| it.is_not_found()));
            assert_eq!(ipvs.services()?, []);
        }
    }
    Ok(())
}

/// The tool reads what the crate writes, and the other way round.
fn the_tool_reads_and_writes_every_kind() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let mut services = Vec::new();
    for (number, scheduler) in (1..).zip(&schedulers) {
        for key in kinds() {
            // Each service has its own key.
            let key = match key {
                ServiceKey::Address {
                    protocol,
                    mut address,
                    ..
                } => {
                    address.set_port(number);
                    ServiceKey::address(protocol, address)
                }
                key => mark(number.into(), key.family()),
            };
            services.push(VirtualService::new(key).scheduler(*scheduler));
        }
    }
    for service in &services {
        ipvs.add_service(service)?;
    }
    let mut expected: Vec<_> = services.iter().map(|it| format!("-A {it}")).collect();
    expected.sort();
    assert_eq!(saved()?, expected);
    let read = sorted_lines(
        &ipvs
            .services()?
            .iter()
            .map(|it| format!("-A {it}\n"))
            .collect::<String>(),
    );
    assert_eq!(read, expected);

    ipvs.flush()?;
    lab::tool_with_input("ipvsadm", ["-R"], &expected.join("\n"))?;
    for service in &services {
        assert_eq!(ipvs.service(service)?.config, *service);
    }
    assert_eq!(ipvs.services()?.len(), services.len());
    Ok(())
}

fn flags_of_schedulers() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for (scheduler, words, flags) in [
        (
            Scheduler::SourceHashing,
            "sh-fallback",
            SchedulerFlags::SH_FALLBACK,
        ),
        (Scheduler::SourceHashing, "sh-port", SchedulerFlags::SH_PORT),
        (
            Scheduler::SourceHashing,
            "sh-fallback,sh-port",
            SchedulerFlags::SH_FALLBACK | SchedulerFlags::SH_PORT,
        ),
        (
            Scheduler::MaglevHashing,
            "mh-fallback",
            SchedulerFlags::MH_FALLBACK,
        ),
        (Scheduler::MaglevHashing, "mh-port", SchedulerFlags::MH_PORT),
        (
            Scheduler::MaglevHashing,
            "mh-fallback,mh-port",
            SchedulerFlags::MH_FALLBACK | SchedulerFlags::MH_PORT,
        ),
    ] {
        for key in ["10.0.0.1:80", "[fd00::1]:80"].map(|it| ServiceKey::tcp(at(it))) {
            if !has(&key) {
                continue;
            }
            let service = VirtualService::new(key)
                .scheduler(scheduler)
                .scheduler_flags(flags);
            ipvs.add_service(&service)?;
            assert_eq!(ipvs.service(&service)?.config, service);
            let line = format!("-A {key} -s {scheduler} -b {words}");
            assert_eq!(saved()?, [line.as_str()]);
            assert_eq!(format!("-A {service}"), line);
            ipvs.flush()?;
            ipvsadm(&line)?;
            assert_eq!(ipvs.service(&service)?.config, service);
            ipvs.flush()?;
        }
    }
    // The tool can set flags for a scheduler that ignores them. The crate reads them.
    ipvsadm("-A -t 10.0.0.1:80 -s rr -b flag-1,flag-3")?;
    let all = SchedulerFlags::FLAG_1 | SchedulerFlags::FLAG_3;
    let key = ServiceKey::tcp(at("10.0.0.1:80"));
    assert_eq!(ipvs.service(key)?.config.scheduler_flags, all);
    // Other properties of such a service can still be changed.
    ipvs.set_scheduler(key, Scheduler::WeightedRoundRobin)?;
    assert_eq!(ipvs.service(key)?.config.scheduler_flags, all);
    Ok(())
}

/// One-packet scheduling works with UDP, and not with TCP. (From the tests of gnlpy.)
fn one_packet() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in [
        ServiceKey::udp(at("10.0.0.1:53")),
        ServiceKey::udp(at("[fd00::1]:53")),
        mark(5, Family::Ipv4),
        mark(5, Family::Ipv6),
    ]
    .into_iter()
    .filter(has)
    {
        let service = VirtualService::new(key).one_packet();
        ipvs.add_service(&service)?;
        assert_eq!(ipvs.service(key)?.config, service);
        let line = format!("-A {service}");
        assert_eq!(saved()?, [line.as_str()]);
        assert!(line.ends_with(" -o"), "{line}");
        ipvs.flush()?;
        ipvsadm(&line)?;
        assert_eq!(ipvs.service(key)?.config, service);
        ipvs.flush()?;
    }
    // The kernel stores it, although it has no effect.
    let tcp = VirtualService::tcp(at("10.0.0.1:53")).one_packet();
    assert_eq!(tcp.warnings().len(), 1);
    ipvs.add_service(&tcp)?;
    assert_eq!(ipvs.service(&tcp)?.config, tcp);
    Ok(())
}

fn persistence() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let seconds = Duration::from_secs;
    let v4 = || VirtualService::tcp(at("10.0.0.1:80"));
    let v6 = || VirtualService::tcp(at("[fd00::1]:80"));
    let mark6 = || VirtualService::new(mark(9, Family::Ipv6));
    for (service, options) in [
        (v4().persistent(seconds(1)), "-p 1"),
        (v4().persistent(seconds(360)), "-p 360"),
        // The longest timeout that the tool accepts: 31 days.
        (v4().persistent(seconds(31 * 86400)), "-p 2678400"),
        (v4().persistence_granularity(24), "-p 360 -M 255.255.255.0"),
        (
            v4().persistence_granularity(31),
            "-p 360 -M 255.255.255.254",
        ),
        (
            v4().persistence_mask(Ipv4Addr::new(255, 0, 255, 0))
                .persistent(seconds(10)),
            "-p 10 -M 255.0.255.0",
        ),
        (v6().persistent(seconds(300)), "-p 300"),
        (v6().persistence_granularity(1), "-p 360 -M 1"),
        (v6().persistence_granularity(64), "-p 360 -M 64"),
        (v6().persistence_granularity(127), "-p 360 -M 127"),
        (mark6().persistence_granularity(64), "-p 360 -M 64"),
    ]
    .into_iter()
    .filter(|(service, _)| has(&service.key))
    {
        ipvs.add_service(&service)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        let line = format!("-A {} -s wlc {options}", service.key);
        assert_eq!(saved()?, [line.as_str()]);
        assert_eq!(format!("-A {service}"), line);
        ipvs.flush()?;
        ipvsadm(&line)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        ipvs.flush()?;
    }
    // The longest timeout that every kernel stores correctly. The tool refuses it.
    let longest = v4().persistent(ipvset::ipvs::Persistence::MAX_TIMEOUT);
    ipvs.add_service(&longest)?;
    assert_eq!(ipvs.service(&longest)?.config, longest);
    ipvs.remove_service(&longest)?;
    // With a granularity of 0, all clients are treated as one.
    let everybody = v4().persistence_granularity(0);
    ipvs.add_service(&everybody)?;
    assert_eq!(ipvs.service(&everybody)?.config, everybody);
    Ok(())
}

fn persistence_engines() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for address in ["10.0.0.1:5060", "[fd00::1]:5060"] {
        let service = VirtualService::udp(at(address))
            .persistent(Duration::from_secs(60))
            .persistence_engine(PersistenceEngine::Sip);
        ipvs.add_service(&service)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        let line = format!("-A -u {address} -s wlc -p 60 --pe sip");
        assert_eq!(saved()?, [line.as_str()]);
        assert_eq!(format!("-A {service}"), line);
        ipvs.flush()?;
        ipvsadm(&line)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        // A full update without an engine removes it.
        let mut without = service.clone();
        without.persistence_engine = None;
        ipvs.update_service(&without)?;
        assert_eq!(ipvs.service(&service)?.config, without);
        ipvs.flush()?;
    }
    Ok(())
}

/// Returns a service with every option.
fn full() -> VirtualService {
    let full = VirtualService::udp(at("10.0.0.1:5060"))
        .scheduler(Scheduler::SourceHashing)
        .scheduler_flags(SchedulerFlags::SH_PORT)
        .persistent(Duration::from_secs(60))
        .persistence_granularity(24)
        .one_packet();
    with_engine(full)
}

fn a_partial_update_keeps_the_rest() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let key = full().key;
    ipvs.add_service(&full())?;
    ipvs.add_server(key, &server("10.1.0.1:5060").weight(7))?;
    let servers = ipvs.servers(key)?;

    ipvs.set_scheduler(key, Scheduler::MaglevHashing)?;
    let mut expected = full().scheduler(Scheduler::MaglevHashing);
    assert_eq!(ipvs.service(key)?.config, expected);

    // Only the flags in the mask change.
    let (fallback, port) = (SchedulerFlags::MH_FALLBACK, SchedulerFlags::MH_PORT);
    ipvs.set_scheduler_flags(key, fallback, SchedulerFlags::all())?;
    expected.scheduler_flags = fallback | port;
    assert_eq!(ipvs.service(key)?.config, expected);
    ipvs.set_scheduler_flags(key, port, SchedulerFlags::empty())?;
    expected.scheduler_flags = fallback;
    assert_eq!(ipvs.service(key)?.config, expected);

    let written = ipvs.change_service(key, |it| it.one_packet = false)?;
    expected.one_packet = false;
    assert_eq!(written, expected);
    assert_eq!(ipvs.service(key)?.config, expected);

    assert_eq!(ipvs.servers(key)?, servers);
    Ok(())
}

fn a_full_update_changes_everything() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let bare = VirtualService::new(full().key);
    ipvs.add_service(&full())?;
    ipvs.update_service(&bare)?;
    assert_eq!(ipvs.service(&bare)?.config, bare);
    ipvs.update_service(&full())?;
    assert_eq!(ipvs.service(&bare)?.config, full());
    Ok(())
}

/// An existing service is changed. (From the tests of Keepalived.)
fn put_adds_or_changes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    ipvs.put_service(&full())?;
    let bare = VirtualService::new(full().key);
    ipvs.put_service(&bare)?;
    assert_eq!(ipvs.service(&bare)?.config, bare);
    let one = server("10.1.0.1:5060").weight(2);
    ipvs.put_server(&bare, &one)?;
    let other = one.clone().weight(5).direct_routing();
    ipvs.put_server(&bare, &other)?;
    assert_eq!(ipvs.server(&bare, one.address)?.config, other);
    assert_eq!(ipvs.servers(&bare)?.len(), 1);
    Ok(())
}

fn removed_if_present() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::tcp(at("10.0.0.1:80"));
    let one = server("10.1.0.1:80");
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &one)?;
    for _ in 0..2 {
        ipvs.remove_server_if_present(&service, one.address)?;
        assert_eq!(ipvs.servers(&service)?, []);
    }
    for _ in 0..2 {
        ipvs.remove_service_if_present(&service)?;
        assert_eq!(ipvs.services()?, []);
    }
    ipvs.remove_server_if_present(&service, one.address)?;
    Ok(())
}

/// A persistent service of port 0. (mqliang/libipvs panics on it.)
fn every_port_of_an_address() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in ["10.0.0.1:0", "[fd00::1]:0"].map(|it| ServiceKey::tcp(at(it))) {
        if !has(&key) {
            continue;
        }
        let service = VirtualService::new(key).persistent(Duration::from_secs(5));
        ipvs.add_service(&service)?;
        let one = match service.key.family() {
            Family::Ipv4 => server("10.1.0.1:0"),
            Family::Ipv6 => server("[fd01::1]:0"),
        };
        ipvs.add_server(&service, &one)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        assert_eq!(ipvs.servers(&service)?[0].config, one);
        assert_eq!(
            saved()?,
            [format!("-A {service}"), format!("-a {} {one}", service.key)]
        );
        ipvs.flush()?;
    }
    Ok(())
}

/// The limits of the address space, and addresses that a comparison by subtraction would sort
/// wrongly.
fn odd_addresses() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let mut services = Vec::new();
    for address in [
        "0.0.0.0:1",
        "255.255.255.255:65535",
        "127.0.0.1:80",
        "224.0.0.1:80",
        "1.2.3.4:80",
        "200.2.3.4:80",
        "[::]:1",
        "[::1]:80",
        "[::ffff:10.0.0.1]:80",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        "[ff02::1]:80",
    ] {
        let service = VirtualService::tcp(at(address)).scheduler(Scheduler::RoundRobin);
        if !has(&service.key) {
            continue;
        }
        ipvs.add_service(&service)?;
        assert_eq!(ipvs.service(&service)?.config, service);
        services.push(service);
    }
    for service in &services {
        ipvs.remove_service(service)?;
        assert!(ipvs.service(service).is_err_and(|it| it.is_not_found()));
    }
    if OVER_SOCKET_OPTIONS {
        return Ok(());
    }
    // The kernel accepts any protocol over netlink, although no packet ever matches.
    let odd = VirtualService::new(ServiceKey::address(
        Protocol::from_number(1),
        at("10.0.0.1:80"),
    ));
    assert_eq!(odd.warnings().len(), 1);
    ipvs.add_service(&odd)?;
    assert_eq!(ipvs.service(&odd)?.config, odd);
    Ok(())
}

/// Like the tests of moby and gnlpy, and also with servers.
fn flushed() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in kinds() {
        ipvs.add_service(&VirtualService::new(key))?;
        let one = match key.family() {
            Family::Ipv4 => server("10.1.0.1:5000"),
            Family::Ipv6 => server("[fd01::1]:5000"),
        };
        ipvs.add_server(key, &one)?;
    }
    assert_eq!(saved()?.len(), 8 * families().len());
    ipvs.flush()?;
    assert_eq!(ipvs.services()?, []);
    assert_eq!(saved()?, [""; 0]);
    for key in kinds() {
        assert!(ipvs.servers(key).is_err_and(|it| it.is_not_found()));
    }
    Ok(())
}
