//! The files of IPVS in /proc, compared with netlink and with traffic.

use ipvset::OnFailure;
use ipvset::ipvs::Operations;
use std::collections::BTreeSet;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipvset::Namespace;
use ipvset::ipvs::proc::sysctl::{
    self, ConnectionReuse, DefenseMode, SyncThreshold, Sysctl, Value,
};
use ipvset::ipvs::proc::{
    Connection, ConnectionState, Origin, Proc, Snapshot, SnapshotForwarding, SnapshotKey,
    SnapshotServer,
};
use ipvset::ipvs::{
    ForwardingMethod, Ipvs, PersistenceEngine, RealServer, Scheduler, ServiceKey, SyncDaemon,
    Tunnel, VirtualService,
};
use ipvset::{Family, Protocol};
use lab::test::eventually;

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// Addresses of this machine, for services and servers.
const OWN: [&str; 4] = ["10.9.9.9/32", "10.0.0.2/32", "fd09::9/128", "fd00::2/128"];

fn addresses() -> Result {
    for address in OWN {
        lab::tool("ip", ["address", "add", address, "dev", "lo"])?;
    }
    Ok(())
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

/// Opens a connection through IPVS. Returns both ends, which keep it open.
fn connect(to: &str, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let mut client = TcpStream::connect_timeout(&at(to), Duration::from_secs(60))?;
    let (mut server, _) = listener.accept()?;
    client.write_all(b"x")?;
    server.read_exact(&mut [0])?;
    Ok((client, server))
}

fn connections() -> Result<Vec<Connection>> {
    Ok(Proc::new().connections()?.collect::<ipvset::Result<_>>()?)
}

fn connections_are_listed() -> Result {
    addresses()?;
    let mut ipvs = Ipvs::connect()?;
    let plain = VirtualService::tcp(at("10.9.9.9:80")).scheduler(Scheduler::RoundRobin);
    ipvs.add_service(&plain)?;
    ipvs.add_server(&plain, &RealServer::new(at("10.0.0.2:8080")))?;
    let sticky = VirtualService::tcp(at("[fd09::9]:80"))
        .scheduler(Scheduler::RoundRobin)
        .persistent(Duration::from_secs(300))
        .persistence_granularity(64);
    ipvs.add_service(&sticky)?;
    ipvs.add_server(&sticky, &RealServer::new(at("[fd00::2]:8080")))?;
    assert!(connections()?.is_empty());

    let servers = (
        TcpListener::bind("10.0.0.2:8080")?,
        TcpListener::bind("[fd00::2]:8080")?,
    );
    let (client, _server) = connect("10.9.9.9:80", &servers.0)?;
    let (client6, _server6) = connect("[fd09::9]:80", &servers.1)?;

    let seen = connections()?;
    assert_eq!(seen.len(), 3, "{seen:?}");
    let find = |client: SocketAddr| seen.iter().find(|it| it.client == client).ok_or("missing");
    let v4 = find(client.local_addr()?)?;
    assert_eq!(v4.protocol, Protocol::TCP);
    assert_eq!(v4.virtual_address, at("10.9.9.9:80"));
    assert_eq!(v4.destination, at("10.0.0.2:8080"));
    assert_eq!(v4.state, ConnectionState::Established);
    assert!(v4.expires_in > Duration::from_secs(800) && !v4.is_template());
    let v6 = find(client6.local_addr()?)?;
    assert_eq!(v6.virtual_address, at("[fd09::9]:80"));
    assert_eq!(v6.destination, at("[fd00::2]:8080"));
    let template = seen
        .iter()
        .find(|it| it.is_template())
        .ok_or("no template")?;
    assert_eq!(template.virtual_address, at("[fd09::9]:80"));
    assert!(
        template.client.to_string().ends_with("::]:0"),
        "masked: {template:?}"
    );

    let synced: Vec<_> = Proc::new()
        .synced_connections()?
        .collect::<ipvset::Result<_>>()?;
    assert_eq!(synced.len(), 3);
    assert!(synced.iter().all(|it| it.origin == Some(Origin::Local)));
    assert!(seen.iter().all(|it| it.origin.is_none()));
    Ok(())
}

fn the_engine_data_is_the_call_id() -> Result {
    addresses()?;
    let mut ipvs = Ipvs::connect()?;
    let sip = VirtualService::udp(at("10.9.9.9:5060"))
        .scheduler(Scheduler::RoundRobin)
        .persistent(Duration::from_secs(60))
        .persistence_engine(PersistenceEngine::Sip);
    ipvs.add_service(&sip)?;
    ipvs.add_server(&sip, &RealServer::new(at("10.0.0.2:5060")))?;
    let client = UdpSocket::bind("10.0.0.2:0")?;
    let request = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2\r\nFrom: <sip:a@b>\r\n\
        To: <sip:a@b>\r\nCall-ID: 1234567890@example.com\r\nCSeq: 1 OPTIONS\r\n\r\n";
    client.send_to(request.as_bytes(), at("10.9.9.9:5060"))?;
    let found = connections()?;
    let data: Vec<_> = found
        .iter()
        .filter_map(|it| it.engine_data.as_ref())
        .collect();
    assert_eq!(data.len(), 1, "{found:?}");
    assert_eq!(data[0].engine, PersistenceEngine::Sip);
    assert_eq!(data[0].data, b"1234567890@example.com");
    Ok(())
}

fn a_backup_lists_the_connections_of_the_master() -> Result {
    addresses()?;
    let backup = lab::Namespace::new()?;
    lab::link::veth_into("sync0", "sync0", &backup)?;
    lab::tool("ip", ["address", "add", "10.7.7.1/24", "dev", "sync0"])?;
    lab::link::up("sync0")?;
    backup.tool("ip", ["address", "add", "10.7.7.2/24", "dev", "sync0"])?;
    backup.run(|| lab::link::up("sync0"))?;

    let there = Namespace::open(backup.path())?;
    let mut other = Ipvs::connect_in(&there)?;
    other.start_daemon(&SyncDaemon::backup("sync0").sync_id(5))?;
    let mut ipvs = Ipvs::connect()?;
    ipvs.start_daemon(&SyncDaemon::master("sync0").sync_id(5))?;
    let proc = Proc::new();
    let threshold = SyncThreshold {
        threshold: 0,
        period: 1,
    };
    proc.set(sysctl::SYNC_THRESHOLD, &threshold)?;
    assert_eq!(proc.get(sysctl::SYNC_THRESHOLD)?, threshold);

    let service = VirtualService::tcp(at("10.9.9.9:80")).scheduler(Scheduler::RoundRobin);
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &RealServer::new(at("10.0.0.2:8080")))?;
    let server = TcpListener::bind("10.0.0.2:8080")?;
    let (client, _server) = connect("10.9.9.9:80", &server)?;

    let proc = Proc::in_namespace(there);
    let told = eventually(|| -> Result<_> {
        let told: Vec<_> = proc.synced_connections()?.collect::<ipvset::Result<_>>()?;
        if told.is_empty() {
            return Err("the backup received nothing".into());
        }
        Ok(told)
    })?;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].client, client.local_addr()?);
    assert_eq!(told[0].destination, at("10.0.0.2:8080"));
    assert_eq!(told[0].origin, Some(Origin::Synced));
    Ok(())
}

/// Returns services of each kind that the snapshot shows, with servers of each forwarding method.
fn table() -> Vec<(VirtualService, Vec<RealServer>)> {
    let mark = 7.try_into().expect("not zero");
    let minute = Duration::from_secs(60);
    vec![
        (
            VirtualService::tcp(at("10.9.9.9:80")).scheduler(Scheduler::WeightedRoundRobin),
            vec![
                RealServer::new(at("10.0.0.2:8080")).weight(0),
                RealServer::new(at("10.0.0.2:80"))
                    .direct_routing()
                    .weight(100),
                RealServer::new(at("10.0.0.3:80")).tunnel(Tunnel::gue(6080)),
                RealServer::new(at("[fd00::2]:80"))
                    .tunnel(Tunnel::Ipip)
                    .weight(2_147_483_647),
                RealServer::new(at("10.0.0.4:81")).local_node(),
            ],
        ),
        (
            VirtualService::udp(at("10.9.9.9:53"))
                .one_packet()
                .persistent(minute),
            vec![],
        ),
        (
            VirtualService::sctp(at("[fd09::9]:90")).persistence_granularity(64),
            vec![RealServer::new(at("[fd00::2]:90")).direct_routing()],
        ),
        (
            VirtualService::tcp(at("[fd09::9]:0")).persistent(minute),
            vec![],
        ),
        (
            VirtualService::firewall_mark(mark, Family::Ipv4).one_packet(),
            vec![RealServer::new(at("10.0.0.2:0"))],
        ),
        (
            VirtualService::firewall_mark(mark, Family::Ipv6),
            vec![RealServer::new(at("[fd00::2]:0"))],
        ),
        (
            VirtualService::firewall_mark(u32::MAX.try_into().expect("not zero"), Family::Ipv4),
            vec![],
        ),
    ]
}

fn fill(ipvs: &mut Ipvs) -> Result {
    addresses()?;
    for address in ["10.0.0.1/24", "fd00::1/64"] {
        lab::tool("ip", ["address", "add", address, "dev", "lo"])?;
    }
    for (service, servers) in table() {
        ipvs.add_service(&service)?;
        for server in servers {
            ipvs.add_server(&service, &server)?;
        }
    }
    Ok(())
}

/// What both the snapshot and netlink tell of a service, and its servers.
type Shown = (SnapshotKey, Scheduler, Option<bool>, bool, Vec<ShownServer>);
type ShownServer = (SocketAddr, u32, SnapshotForwarding);

fn shown(snapshot: &Snapshot) -> Vec<Shown> {
    let server = |it: &SnapshotServer| (it.address, it.weight, it.forwarding);
    snapshot
        .iter()
        .map(|(service, servers)| {
            let is_persistent = service.persistence.is_some();
            let servers = servers.iter().map(server).collect();
            (
                service.key,
                service.scheduler,
                service.one_packet,
                is_persistent,
                servers,
            )
        })
        .collect()
}

fn reported(ipvs: &mut Ipvs) -> Result<Vec<Shown>> {
    let server = |config: RealServer| (config.address, config.weight, config.forwarding.into());
    let mut all = Vec::new();
    for service in ipvs.services()? {
        let servers = ipvs.servers(&service)?.into_iter();
        let servers = servers.map(|it| server(it.config)).collect();
        let config = service.config;
        let is_persistent = config.persistence.is_some();
        // The kernel does not show it for an IPv6 address.
        let one_packet = match config.key {
            ServiceKey::Address { address, .. } if address.is_ipv6() => None,
            _ => Some(config.one_packet),
        };
        all.push((
            (&config.key).into(),
            config.scheduler,
            one_packet,
            is_persistent,
            servers,
        ));
    }
    Ok(all)
}

fn sorted(mut services: Vec<Shown>) -> Vec<Shown> {
    services.sort();
    services
}

fn the_snapshot_is_equal_to_the_table() -> Result {
    let mut ipvs = Ipvs::connect()?;
    fill(&mut ipvs)?;
    let proc = Proc::new();
    let snapshot = proc.snapshot()?;
    assert_eq!(snapshot.info(), ipvs.info()?);
    let (shown, reported) = (shown(&snapshot), reported(&mut ipvs)?);
    assert_eq!(shown.len(), table().len());
    // Both list the same table in the same order, unless the kernel enlarges it between the two.
    if lab::test::has("tables that grow", proc.get(sysctl::SVC_LFACTOR)).is_none() {
        assert_eq!(shown, reported);
    }
    assert_eq!(sorted(shown), sorted(reported));
    Ok(())
}

fn the_snapshot_finds_changes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    fill(&mut ipvs)?;
    let proc = Proc::new();
    let before = proc.snapshot()?;
    let mut now = Snapshot::default();
    proc.snapshot_into(&mut now)?;
    // The order may differ, because the kernel enlarges the table meanwhile since Linux 7.1.
    assert!(now.changes_since(&before).is_empty(), "{now:?} {before:?}");
    assert_eq!((now.len(), now.info()), (before.len(), before.info()));

    let changes = table();
    let (web, servers) = &changes[0];
    ipvs.set_weight(web, servers[0].address, 9)?;
    ipvs.remove_service(&changes[2].0)?;
    ipvs.add_service(&VirtualService::tcp(at("10.9.9.9:443")))?;
    proc.snapshot_into(&mut now)?;
    let difference = now.changes_since(&before);
    let key = |address: &str, protocol| {
        let address = at(address);
        move |it: &SnapshotKey| {
            matches!(it, SnapshotKey::Address { protocol: p, address: a, .. }
                if *p == protocol && *a == address)
        }
    };
    assert!(
        difference
            .added
            .iter()
            .all(key("10.9.9.9:443", Protocol::TCP))
    );
    assert!(
        difference
            .removed
            .iter()
            .all(key("[fd09::9]:90", Protocol::SCTP))
    );
    assert!(
        difference
            .changed
            .iter()
            .all(key("10.9.9.9:80", Protocol::TCP))
    );
    let counts = [
        difference.added.len(),
        difference.removed.len(),
        difference.changed.len(),
    ];
    assert_eq!(counts, [1, 1, 1], "{difference:?}");

    ipvs.flush()?;
    proc.snapshot_into(&mut now)?;
    assert!(now.is_empty());
    Ok(())
}

fn totals_are_counted() -> Result {
    addresses()?;
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::tcp(at("10.9.9.9:80")).scheduler(Scheduler::RoundRobin);
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &RealServer::new(at("10.0.0.2:8080")))?;
    let server = TcpListener::bind("10.0.0.2:8080")?;
    let _open = (
        connect("10.9.9.9:80", &server)?,
        connect("10.9.9.9:80", &server)?,
    );
    let proc = Proc::new();
    let cpus = proc.per_cpu()?;
    assert_eq!(cpus.iter().map(|it| it.connections).sum::<u64>(), 2);
    let packets = cpus.iter().map(|it| it.incoming_packets).sum::<u64>();
    let bytes = cpus.iter().map(|it| it.incoming_bytes).sum::<u64>();
    assert!(packets >= 6 && bytes > 40 * packets, "{cpus:?}");
    // The totals are up to two seconds old.
    let totals = eventually(|| -> Result<_> {
        let totals = proc.totals()?;
        if totals.connections != 2 {
            return Err(format!("{totals:?}").into());
        }
        Ok(totals)
    })?;
    assert!(totals.incoming_bytes > 0);
    Ok(())
}

/// Returns true if the kernel has the sysctl. Fails if it lacks one that its version has, so that a
/// misspelt name is not taken for that of a newer kernel.
fn exists<T: Value>(sysctl: Sysctl<T>) -> Result<bool> {
    let name = sysctl.name();
    let (major, minor) = match name {
        "run_estimation" => (5, 16),
        "est_cpulist" | "est_nice" => (6, 2),
        "conn_lfactor" | "svc_lfactor" => (7, 1),
        "conn_max" => (7, 2),
        _ => (0, 0),
    };
    let proc = Proc::new();
    match proc.sysctls()?.iter().any(|it| it == name) {
        true => Ok(true),
        false if lab::sysctl::kernel_is_at_least(major, minor)? => {
            Err(format!("{name} is missing").into())
        }
        false => {
            assert!(proc.get(sysctl).is_err_and(|it| it.is_unavailable()));
            Ok(false)
        }
    }
}

fn every_sysctl_is_read() -> Result {
    fn read<T: Value>(sysctl: Sysctl<T>) -> Result {
        if exists(sysctl)? {
            Proc::new().get(sysctl)?;
        }
        Ok(())
    }
    let mut ipvs = Ipvs::connect()?;
    // Their modules have sysctls of their own.
    for (port, scheduler) in [
        (80, Scheduler::LocalityBasedLeastConnection),
        (81, Scheduler::LocalityBasedLeastConnectionWithReplication),
    ] {
        let service = VirtualService::tcp(SocketAddr::from(([10, 9, 9, 9], port)));
        ipvs.add_service(&service.scheduler(scheduler))?;
    }
    read(sysctl::AM_DROPRATE)?;
    read(sysctl::AMEMTHRESH)?;
    read(sysctl::CONN_LFACTOR)?;
    read(sysctl::CONN_MAX)?;
    read(sysctl::CONN_REUSE_MODE)?;
    read(sysctl::DROP_ENTRY)?;
    read(sysctl::DROP_PACKET)?;
    read(sysctl::EST_CPULIST)?;
    read(sysctl::EST_NICE)?;
    read(sysctl::LBLC_EXPIRATION)?;
    read(sysctl::LBLCR_EXPIRATION)?;
    read(sysctl::SECURE_TCP)?;
    read(sysctl::SVC_LFACTOR)?;
    read(sysctl::SYNC_PERSIST_MODE)?;
    read(sysctl::SYNC_PORTS)?;
    read(sysctl::SYNC_QLEN_MAX)?;
    read(sysctl::SYNC_REFRESH_PERIOD)?;
    read(sysctl::SYNC_RETRIES)?;
    read(sysctl::SYNC_SOCK_SIZE)?;
    read(sysctl::SYNC_THRESHOLD)?;
    read(sysctl::SYNC_VERSION)
}

fn switches_can_be_changed() -> Result {
    let proc = Proc::new();
    let switch = |sysctl: Sysctl<bool>| -> Result {
        if !exists(sysctl)? {
            return Ok(());
        }
        for on in [true, false] {
            proc.set(sysctl, &on)?;
            assert_eq!(proc.get(sysctl)?, on, "{sysctl:?}");
            assert_eq!(proc.get_text(sysctl.name())?, u8::from(on).to_string());
        }
        Ok(())
    };
    for sysctl in [
        sysctl::BACKUP_ONLY,
        sysctl::CACHE_BYPASS,
        sysctl::CONNTRACK,
        sysctl::EXPIRE_NODEST_CONN,
        sysctl::EXPIRE_QUIESCENT_TEMPLATE,
        sysctl::IGNORE_TUNNELED,
        sysctl::NAT_ICMP_SEND,
        sysctl::PMTU_DISC,
        sysctl::RUN_ESTIMATION,
        sysctl::SCHEDULE_ICMP,
        sysctl::SLOPPY_SCTP,
        sysctl::SLOPPY_TCP,
        sysctl::SNAT_REROUTE,
    ] {
        switch(sysctl)?;
    }
    Ok(())
}

/// Sets both limits. Checks that the crate and the kernel refuse the values beyond them.
fn limits(sysctl: Sysctl<i32>, low: i32, high: i32) -> Result {
    if !exists(sysctl)? {
        return Ok(());
    }
    let proc = Proc::new();
    for value in [low, high] {
        proc.set(sysctl, &value)?;
        assert_eq!(proc.get(sysctl)?, value);
    }
    for wrong in [low - 1, high + 1] {
        let own = proc.set(sysctl, &wrong).unwrap_err();
        assert!(own.is_invalid_input() && own.to_string().contains(&wrong.to_string()));
        let kernel = proc
            .set_text(sysctl.name(), &wrong.to_string())
            .unwrap_err();
        assert!(kernel.is_invalid_input(), "{kernel}");
        assert_eq!(proc.get(sysctl)?, high);
    }
    Ok(())
}

fn values_have_the_kernels_limits() -> Result {
    limits(sysctl::SYNC_RETRIES, 0, 3)?;
    limits(sysctl::SYNC_VERSION, 0, 1)?;
    limits(sysctl::EST_NICE, -20, 19)?;
    limits(sysctl::CONN_LFACTOR, -8, 8)?;
    limits(sysctl::SVC_LFACTOR, -8, 8)?;
    let proc = Proc::new();
    for mode in [DefenseMode::Always, DefenseMode::Off] {
        for sysctl in [sysctl::DROP_ENTRY, sysctl::DROP_PACKET, sysctl::SECURE_TCP] {
            proc.set(sysctl, &mode)?;
            assert_eq!(proc.get(sysctl)?, mode);
        }
    }
    for ports in [64, 1] {
        proc.set(sysctl::SYNC_PORTS, &ports)?;
        assert_eq!(proc.get(sysctl::SYNC_PORTS)?, ports);
    }
    for wrong in ["0", "3", "-1"] {
        assert!(
            proc.set_text("sync_ports", wrong)
                .unwrap_err()
                .is_invalid_input()
        );
    }
    let week = Duration::from_secs(7 * 24 * 3600);
    proc.set(sysctl::SYNC_REFRESH_PERIOD, &week)?;
    assert_eq!(proc.get(sysctl::SYNC_REFRESH_PERIOD)?, week);
    let reuse = ConnectionReuse::RESCHEDULE | ConnectionReuse::FIN_WAIT;
    proc.set(sysctl::CONN_REUSE_MODE, &reuse)?;
    assert_eq!(proc.get_text("conn_reuse_mode")?, "3");
    let wrong = SyncThreshold {
        threshold: 3,
        period: 3,
    };
    assert!(
        proc.set(sysctl::SYNC_THRESHOLD, &wrong)
            .unwrap_err()
            .is_invalid_input()
    );
    assert!(
        proc.set_text("sync_threshold", "3 3")
            .unwrap_err()
            .is_invalid_input()
    );
    for (number, value) in [
        (sysctl::AMEMTHRESH, 2048),
        (sysctl::AM_DROPRATE, 20),
        (sysctl::SYNC_SOCK_SIZE, 65536),
    ] {
        proc.set(number, &value)?;
        assert_eq!(proc.get(number)?, value);
    }
    proc.set(sysctl::SYNC_QLEN_MAX, &1000)?;
    assert_eq!(proc.get(sysctl::SYNC_QLEN_MAX)?, 1000);
    Ok(())
}

fn sysctls_of_a_scheduler_exist_with_it() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let scheduler = Scheduler::LocalityBasedLeastConnection;
    ipvs.add_service(&VirtualService::tcp(at("10.9.9.9:80")).scheduler(scheduler))?;
    let proc = Proc::new();
    assert!(proc.sysctls()?.contains(&"lblc_expiration".to_string()));
    let hour = Duration::from_secs(3600);
    proc.set(sysctl::LBLC_EXPIRATION, &hour)?;
    assert_eq!(proc.get(sysctl::LBLC_EXPIRATION)?, hour);
    Ok(())
}

fn each_namespace_has_its_own_files() -> Result {
    let other = lab::Namespace::new()?;
    let open = || Namespace::open(other.path());
    let (here, there) = (Proc::new(), Proc::in_namespace(open()?));
    there.set(sysctl::CONNTRACK, &true)?;
    assert!(there.get(sysctl::CONNTRACK)?);
    assert!(!here.get(sysctl::CONNTRACK)?);
    assert_eq!(there.sysctls()?, here.sysctls()?);
    let mut ipvs = Ipvs::connect_in(&open()?)?;
    ipvs.add_service(&VirtualService::tcp(at("10.9.9.9:80")))?;
    assert_eq!(there.snapshot()?.len(), 1);
    assert!(here.snapshot()?.is_empty());
    Ok(())
}

fn missing_files_are_unavailable() -> Result {
    let proc = Proc::new();
    let error = proc.get_text("no_such_thing").unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(error.object_name(), Some("net.ipv4.vs.no_such_thing"));
    for wrong in ["", "../ip_forward", "a/b", "a\0"] {
        assert!(proc.get_text(wrong).unwrap_err().is_invalid_input());
        assert!(proc.set_text(wrong, "1").unwrap_err().is_invalid_input());
    }
    let shown = ForwardingMethod::Tunnel(Tunnel::gre());
    assert!(ipvset::ipvs::proc::SnapshotForwarding::Tunnel.shows(shown));
    Ok(())
}

/// Adds services with numbered addresses.
fn add_many(ipvs: &mut Ipvs, count: u32) -> Result {
    let mut batch = Operations::new();
    for number in 0..count {
        let address = std::net::Ipv4Addr::from_bits(0x6400_0000 + number);
        let service = VirtualService::tcp((address, 80).into());
        batch.add_service(&service.scheduler(Scheduler::RoundRobin));
    }
    ipvs.execute_all(batch, OnFailure::Continue).into_result()?;
    Ok(())
}

/// Skips the test on a kernel whose tables have a fixed size.
fn need_tables_that_grow() -> Proc {
    let proc = Proc::new();
    lab::test::need("tables that grow", proc.get(sysctl::SVC_LFACTOR));
    proc
}

/// Calls a function repeatedly while the kernel repeatedly resizes a table.
fn while_resized(factor: Sysctl<i32>, mut work: impl FnMut() -> Result) -> Result {
    let proc = Proc::in_namespace(Namespace::current()?);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result {
        let resizer = scope.spawn(|| -> ipvset::Result<()> {
            while !done.load(Ordering::Relaxed) {
                for value in [-8, 8] {
                    proc.set(factor, &value)?;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Ok(())
        });
        let outcome = (0..50).try_for_each(|_| work());
        done.store(true, Ordering::Relaxed);
        match resizer.join() {
            Ok(resized) => resized?,
            Err(_) => return Err("the thread that resizes panicked".into()),
        }
        outcome
    })
}

fn a_snapshot_is_complete_right_after_many_additions() -> Result {
    const COUNT: u32 = 10_000;
    let mut ipvs = Ipvs::connect()?;
    for count in [20, 200, COUNT] {
        add_many(&mut ipvs, count)?;
        let snapshot = Proc::new().snapshot()?;
        let keys: BTreeSet<_> = snapshot.iter().map(|(service, _)| service.key).collect();
        assert_eq!(
            (keys.len(), snapshot.len()),
            (count as usize, count as usize)
        );
        ipvs.flush()?;
    }
    Ok(())
}

fn a_snapshot_is_complete_while_the_kernel_resizes_the_table() -> Result {
    const COUNT: usize = 300;
    let mut ipvs = Ipvs::connect()?;
    add_many(&mut ipvs, 300)?;
    let proc = need_tables_that_grow();
    let mut whole = 0;
    while_resized(sysctl::SVC_LFACTOR, || match proc.snapshot() {
        Ok(snapshot) => {
            let keys: BTreeSet<_> = snapshot.iter().map(|(service, _)| service.key).collect();
            whole += 1;
            match (keys.len(), snapshot.len()) {
                (COUNT, COUNT) => Ok(()),
                other => Err(format!("{other:?} services").into()),
            }
        }
        Err(error) if error.is_inconsistent() => Ok(()),
        Err(error) => Err(error.into()),
    })?;
    eprintln!("{whole} of 50 snapshots were whole");
    assert_eq!(proc.snapshot()?.len(), COUNT);
    Ok(())
}

/// Opens connections that the kernel keeps for some minutes.
fn make_connections(count: u16) -> Result {
    addresses()?;
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::udp(at("10.9.9.9:53")).scheduler(Scheduler::RoundRobin);
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &RealServer::new(at("10.0.0.2:53")))?;
    for port in 0..count {
        let client = UdpSocket::bind(SocketAddr::from(([10, 0, 0, 2], 10_000 + port)))?;
        client.send_to(b"x", at("10.9.9.9:53"))?;
    }
    Ok(())
}

/// Each reading starts just before the kernel resizes the table.
fn connections_are_complete_or_an_error() -> Result {
    const COUNT: usize = 2000;
    make_connections(2000)?;
    let proc = Proc::new();
    assert_eq!(connections()?.len(), COUNT);
    need_tables_that_grow();
    let (mut whole, mut not) = (0, 0);
    for factor in [-8, 8].iter().cycle().take(50) {
        proc.set(sysctl::CONN_LFACTOR, factor)?;
        let read: ipvset::Result<Vec<_>> = match proc.connections() {
            Ok(connections) => connections.collect(),
            Err(error) => Err(error),
        };
        match read {
            Ok(read) if read.len() == COUNT => whole += 1,
            Ok(read) => return Err(format!("{} connections", read.len()).into()),
            Err(error) if error.is_inconsistent() => not += 1,
            Err(error) => return Err(error.into()),
        }
    }
    eprintln!("{whole} of 50 readings were whole, {not} said that they were not");
    Ok(())
}

fn a_table_that_changed_under_its_reader_is_an_error_at_the_end() -> Result {
    const COUNT: u64 = 2000;
    make_connections(2000)?;
    let proc = need_tables_that_grow();
    let before = proc.status()?;
    assert_eq!((before.connections, before.services), (COUNT, 1));
    let mut readers = [proc.connections()?, proc.synced_connections()?];
    for reader in &mut readers {
        reader.next().ok_or("no connection")??;
    }
    proc.set(sysctl::CONN_LFACTOR, &8)?;
    eventually(|| match proc.status()? {
        now if now.connection_table.load_factor == Some(8) => Ok(()),
        now => Err(Box::<dyn Error>::from(format!("{now:?}"))),
    })?;
    for reader in readers {
        let last = reader.last().ok_or("nothing more")?;
        assert!(last.unwrap_err().is_inconsistent());
    }
    assert_eq!(connections()?.len() as u64, COUNT);
    Ok(())
}

/// Calls a function on a thread with the permissions of an ordinary user.
fn as_ordinary_user<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let nobody = nix::unistd::Uid::from_raw(65534);
    let done = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            nix::unistd::setfsgid(nix::unistd::Gid::from_raw(65534));
            nix::unistd::setfsuid(nobody);
            work()
        });
        thread.join()
    });
    done.map_err(|_| "the thread panicked".into())
}

/// Only root can read the status. For other users, the crate reads twice and compares.
fn complete_for_users_who_cannot_read_the_status() -> Result {
    make_connections(2000)?;
    let mut ipvs = Ipvs::connect()?;
    add_many(&mut ipvs, 300)?;
    let proc = need_tables_that_grow();
    let (status, services, snapshot, reader) = as_ordinary_user(|| {
        let proc = Proc::new();
        let services = Ipvs::connect().and_then(|mut ipvs| ipvs.services());
        (proc.status(), services, proc.snapshot(), proc.connections())
    })?;
    assert!(status.unwrap_err().is_permission_denied());
    assert_eq!((services?.len(), snapshot?.len()), (301, 301));
    let mut reader = reader?;
    reader.next().ok_or("no connection")??;
    let small = proc.status()?.connection_table.buckets;
    proc.set(sysctl::CONN_LFACTOR, &8)?;
    eventually(|| match proc.status()? {
        now if now.connection_table.buckets != small => Ok(()),
        now => Err(Box::<dyn Error>::from(format!("{now:?}"))),
    })?;
    let last = reader.last().ok_or("nothing more")?;
    assert!(last.unwrap_err().is_inconsistent());
    Ok(())
}

fn each_namespace_has_its_own_status() -> Result {
    let mut ipvs = Ipvs::connect()?;
    add_many(&mut ipvs, 3)?;
    let proc = Proc::new();
    if lab::test::has("tables that grow", proc.get(sysctl::SVC_LFACTOR)).is_none() {
        assert!(proc.status().unwrap_err().is_unavailable());
        return Ok(());
    }
    let there = proc.status()?;
    assert_eq!((there.services, there.connections), (3, 0));
    let table = there.service_table;
    assert_eq!(table.chains.iter().sum::<u64>(), table.buckets);
    assert_eq!(table.load_factor, Some(proc.get(sysctl::SVC_LFACTOR)?));
    let other = lab::Namespace::new()?;
    let other = Proc::in_namespace(Namespace::open(other.path())?).status()?;
    assert_eq!((other.services, other.service_table.buckets), (0, 0));
    Ok(())
}

lab::tests![
    lab::Needs::ipvs().and_devices(&["veth"]);
    connections_are_listed,
    the_engine_data_is_the_call_id,
    a_backup_lists_the_connections_of_the_master,
    the_snapshot_is_equal_to_the_table,
    the_snapshot_finds_changes,
    totals_are_counted,
    every_sysctl_is_read,
    switches_can_be_changed,
    values_have_the_kernels_limits,
    sysctls_of_a_scheduler_exist_with_it,
    each_namespace_has_its_own_files,
    missing_files_are_unavailable,
    a_snapshot_is_complete_right_after_many_additions,
    a_snapshot_is_complete_while_the_kernel_resizes_the_table,
    connections_are_complete_or_an_error,
    a_table_that_changed_under_its_reader_is_an_error_at_the_end,
    complete_for_users_who_cannot_read_the_status,
    each_namespace_has_its_own_status,
];
