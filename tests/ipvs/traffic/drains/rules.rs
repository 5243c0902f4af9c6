//! What a drain does with each kind of service.

use std::net::SocketAddr;
use std::time::Duration;

use ipvset::Family;
use ipvset::ipvs::plan::{AtOnce, ObjectState, Policy, Reason, WaitFor, WantedTable, Warning};
use ipvset::ipvs::{Scheduler, SchedulerFlags, VirtualService};
use lab::sysctl;

use super::{Program, drains, round_robin};
use crate::interface::{families, need_sysctls};
use crate::support::{Result, eventually, tests};
use crate::traffic::network::{
    Answers, Asker, IMPATIENCE, Network, PATIENCE, PORT, Resetting, Transport, number, server,
    service, virtual_address,
};

tests![
    a_server_that_returns_keeps_its_connections,
    a_full_server_drains_and_returns,
    persistent_clients_come_back_until_the_time_is_up,
    persistent_clients_leave_with_expire_quiescent_template,
    a_drain_can_wait_for_persistence_templates,
    source_hashing_gets_its_fallback_flag_for_the_time,
    maglev_hashing_gets_its_fallback_flag_for_the_time,
    without_the_fallback_flag_clients_are_refused,
    destination_hashing_removes_at_once,
    one_packet_services_remove_at_once,
    udp_servers_are_removed_at_once_or_drain,
    an_unwanted_service_drains,
];

/// Less than a connection that was reset is kept.
const SHORT: Duration = Duration::from_secs(3);

fn network(clients: usize, servers: usize) -> Result<Network> {
    Network::new(clients, servers, Answers::ThroughDirector)
}

fn tcp(family: Family) -> (Transport, Family) {
    (Transport::Tcp, family)
}

fn a_server_that_returns_keeps_its_connections() -> Result {
    let network = network(1, 2)?;
    for family in families().iter().copied() {
        let mut program = Program::new(round_robin(family), Policy::new())?;
        program.bring(&[0])?;
        let mut connection = Resetting::new(&network, 0, family)?;
        assert_eq!(connection.ask()?, 0);
        let kept = program.bring(&[1])?;
        assert!(drains(&kept, program.object(0)), "{}", kept.report);
        for _ in 0..3 {
            assert_eq!(network.ask(0, tcp(family))?, 1);
            assert_eq!(connection.ask()?, 0);
            program.look()?;
        }
        program.bring(&[0])?;
        assert_eq!(program.weights()?, [(0, 1), (1, 0)].into());
        assert_eq!(connection.ask()?, 0);
        let server = program.object(0).server.ok_or("a server")?;
        let server = program.ipvs.server(&program.service, server)?;
        assert_eq!(server.active_connections, 1, "{server:?}");
        assert_eq!(network.ask(0, tcp(family))?, 0);
        program.ipvs.flush()?;
    }
    Ok(())
}

/// Thresholds stay as they are during a drain.
fn a_full_server_drains_and_returns() -> Result {
    let network = network(1, 2)?;
    for family in families().iter().copied() {
        let mut program = Program::new(round_robin(family), Policy::new())?;
        let full = program.server(0).upper_threshold(2).lower_threshold(1);
        program.bring_to(vec![full.clone()])?;
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut connection = Resetting::new(&network, 0, family)?;
            assert_eq!(connection.ask()?, 0);
            held.push(connection);
        }
        program.bring(&[1])?;
        assert_eq!(program.weights()?, [(0, 0), (1, 1)].into());
        let drained = program.ipvs.server(&program.service, full.address)?;
        assert_eq!(drained.config, full.clone().weight(0));
        assert_eq!(network.ask(0, tcp(family))?, 1);
        program.bring_to(vec![full.clone(), program.server(1)])?;
        for connection in &mut held {
            assert_eq!(connection.ask()?, 0);
            // It is full, and gets no more.
            assert_eq!(network.ask(0, tcp(family))?, 1);
        }
        drop(held);
        eventually(|| match network.ask(0, tcp(family))? {
            0 => Ok(()),
            number => Err(format!("server {number} answers").into()),
        })?;
        program.ipvs.flush()?;
    }
    Ok(())
}

/// Returns the numbers of two servers: the one to which client 0 is bound, and the other.
fn bind(network: &Network, family: Family) -> Result<(usize, usize)> {
    let mut connection = Resetting::new(network, 0, family)?;
    let number = connection.ask()?;
    Ok((number, 1 - number))
}

fn persistent_clients_come_back_until_the_time_is_up() -> Result {
    let network = network(2, 2)?;
    for family in families().iter().copied() {
        let service = round_robin(family).persistent(Duration::from_secs(300));
        let policy = Policy::new().drain_time(SHORT);
        let mut program = Program::new(service.clone(), policy)?;
        program.bring(&[0, 1])?;
        let (bound, other) = bind(&network, family)?;
        let kept = program.bring(&[other])?;
        let warning = |it: &Warning| matches!(it, Warning::ClientsComeBack { .. });
        assert!(kept.report.warnings.iter().any(warning), "{kept:?}");
        // A new connection of the bound client goes to the draining server. That of another
        // client does not.
        let mut connection = Resetting::new(&network, 0, family)?;
        assert_eq!(connection.ask()?, bound);
        for _ in 0..2 {
            assert_eq!(Resetting::new(&network, 1, family)?.ask()?, other);
        }
        let mut cut = Vec::new();
        eventually(|| {
            cut.extend(program.look()?.cut);
            match program.weights()?.len() {
                1 => Ok(()),
                _ => Err("the server drains still".into()),
            }
        })?;
        let [cut] = &cut[..] else {
            return Err(format!("{cut:?}").into());
        };
        assert_eq!(cut.server, program.object(bound));
        assert!(cut.connections > 0, "{cut:?}");
        // The client is not refused afterwards.
        assert_eq!(Resetting::new(&network, 0, family)?.ask()?, other);
        program.ipvs.flush()?;
    }
    Ok(())
}

fn persistent_clients_leave_with_expire_quiescent_template() -> Result {
    let network = network(1, 2)?;
    need_sysctls();
    sysctl::write("net.ipv4.vs.expire_quiescent_template", "1")?;
    for family in families().iter().copied() {
        let service = round_robin(family).persistent(Duration::from_secs(300));
        let mut program = Program::new(service, Policy::new())?;
        program.bring(&[0, 1])?;
        let (bound, other) = bind(&network, family)?;
        let kept = program.bring(&[other])?;
        let warning = |it: &Warning| matches!(it, Warning::ClientsComeBack { .. });
        assert!(!kept.report.warnings.iter().any(warning), "{kept:?}");
        assert_eq!(Resetting::new(&network, 0, family)?.ask()?, other);
        program.end_drains(&[bound])?;
        assert_eq!(Resetting::new(&network, 0, family)?.ask()?, other);
        program.ipvs.flush()?;
    }
    Ok(())
}

fn a_drain_can_wait_for_persistence_templates() -> Result {
    let network = network(1, 2)?;
    let family = Family::Ipv4;
    let service = round_robin(family).persistent(Duration::from_secs(20));
    let policy = Policy::new().wait_for(WaitFor::All);
    let mut program = Program::new(service, policy)?;
    program.bring(&[0, 1])?;
    let (bound, other) = bind(&network, family)?;
    program.bring(&[other])?;
    let address = program.server(bound).address;
    // Connections are gone after ten seconds, the template later.
    let mut waited = false;
    eventually(|| {
        let server = match program.ipvs.server(&program.service, address) {
            Err(error) if error.is_not_found() => return Ok(()),
            server => server?,
        };
        program.look()?;
        let connections = server.active_connections + server.inactive_connections;
        waited |= connections == 0 && server.persistent_connections == 1;
        Err(format!("{server:?}").into())
    })?;
    assert!(waited);
    assert_eq!(Resetting::new(&network, 0, family)?.ask()?, other);
    Ok(())
}

fn source_hashing_gets_its_fallback_flag_for_the_time() -> Result {
    gets_its_fallback_flag(Scheduler::SourceHashing, SchedulerFlags::SH_FALLBACK)
}

fn maglev_hashing_gets_its_fallback_flag_for_the_time() -> Result {
    gets_its_fallback_flag(Scheduler::MaglevHashing, SchedulerFlags::MH_FALLBACK)
}

fn gets_its_fallback_flag(scheduler: Scheduler, flag: SchedulerFlags) -> Result {
    let network = network(2, 3)?;
    for family in families().iter().copied() {
        let service = round_robin(family).scheduler(scheduler);
        let mut program = Program::new(service, Policy::new())?;
        program.bring(&[0, 1, 2])?;
        let mut connection = Resetting::new(&network, 0, family)?;
        let own = connection.ask()?;
        let others: Vec<_> = (0..3).filter(|it| *it != own).collect();
        program.bring(&others)?;
        let flags = program
            .ipvs
            .service(&program.service)?
            .config
            .scheduler_flags;
        assert_eq!(flags, flag, "{family}");
        // The client that the scheduler sends to the draining server gets another one.
        for _ in 0..3 {
            for client in 0..2 {
                let number = Resetting::new(&network, client, family)?.ask()?;
                assert!(others.contains(&number), "{number}");
            }
            assert_eq!(connection.ask()?, own);
            program.look()?;
        }
        drop(connection);
        program.end_drains(&[own])?;
        let flags = program
            .ipvs
            .service(&program.service)?
            .config
            .scheduler_flags;
        assert_eq!(flags, SchedulerFlags::empty(), "{family}");
        for client in 0..2 {
            let number = Resetting::new(&network, client, family)?.ask()?;
            assert!(others.contains(&number), "{number}");
        }
        program.ipvs.flush()?;
    }
    Ok(())
}

fn without_the_fallback_flag_clients_are_refused() -> Result {
    let network = network(1, 2)?;
    for scheduler in [Scheduler::SourceHashing, Scheduler::MaglevHashing] {
        for family in families().iter().copied() {
            let service = round_robin(family).scheduler(scheduler);
            let policy = Policy::new().set_fallback(false);
            let mut program = Program::new(service, policy)?;
            program.bring(&[0, 1])?;
            let mut connection = Resetting::new(&network, 0, family)?;
            let own = connection.ask()?;
            let kept = program.bring(&[1 - own])?;
            let warning = |it: &Warning| matches!(it, Warning::RefusesClients { .. });
            assert!(kept.report.warnings.iter().any(warning), "{kept:?}");
            network.expect_nobody(0, tcp(family))?;
            assert_eq!(connection.ask()?, own);
            program.ipvs.flush()?;
        }
    }
    Ok(())
}

fn destination_hashing_removes_at_once() -> Result {
    let network = network(1, 2)?;
    for family in families().iter().copied() {
        let service = round_robin(family).scheduler(Scheduler::DestinationHashing);
        let mut program = Program::new(service, Policy::new())?;
        program.bring(&[0, 1])?;
        let mut connection = Resetting::new(&network, 0, family)?;
        let own = connection.ask()?;
        let kept = program.bring(&[1 - own])?;
        let warned =
            kept.report.warnings.iter().any(
                |it| matches!(it, Warning::CannotDrain { connections, .. } if *connections == 1),
            );
        assert!(warned, "{kept:?}");
        assert_eq!(
            program.weights()?.into_keys().collect::<Vec<_>>(),
            [1 - own]
        );
        assert_eq!(network.ask(0, tcp(family))?, 1 - own);
        connection.set_patience(IMPATIENCE)?;
        assert!(network.in_vain(0, || connection.ask())?.is_err());
        program.ipvs.flush()?;
    }
    Ok(())
}

/// Returns the reason why the plan removes a server at once.
fn at_once(program: &mut Program, servers: &[usize]) -> Result<Option<AtOnce>> {
    let servers = servers.iter().map(|it| program.server(*it));
    let mut wanted = WantedTable::new();
    wanted.insert(program.service.clone(), servers)?;
    let keeper = &program.keeper;
    let plan = program
        .ipvs
        .plan(keeper.planner(), &wanted, keeper.record())?;
    let reasons = plan.steps().iter().map(|it| it.reason());
    Ok(reasons.into_iter().find_map(|it| match it {
        Reason::Unwanted(at_once) => Some(at_once),
        _ => None,
    }))
}

/// (Answers bypass the director, which has no connection to return them.)
fn one_packet_services_remove_at_once() -> Result {
    let network = Network::new(1, 3, Answers::Directly)?;
    for family in families().iter().copied() {
        let key = service(Transport::Udp, family);
        let config = VirtualService::new(key).scheduler(Scheduler::RoundRobin);
        // The policy does not matter.
        let policy = Policy::new().drain_udp(true);
        let mut program = Program::new(config.one_packet(), policy)?;
        let direct = |it: usize| server(family, it, PORT).direct_routing();
        program.bring_to((0..3).map(direct).collect())?;
        let address = SocketAddr::new(virtual_address(family, 1), PORT);
        let client = Asker::new(&network, 0, address.ip(), PATIENCE)?;
        let ask = |times: usize| -> Result<Vec<usize>> {
            let mut numbers = Vec::new();
            for _ in 0..times {
                numbers.push(number(&client.ask(address)?)?);
            }
            numbers.sort_unstable();
            Ok(numbers)
        };
        assert_eq!(ask(3)?, [0, 1, 2]);
        assert_eq!(at_once(&mut program, &[])?, Some(AtOnce::OnePacket));
        let kept = program.bring_to([1, 2].map(direct).into())?;
        let removed = |state: &ObjectState| matches!(state, ObjectState::Removed);
        assert!(kept.report.objects.iter().any(|it| removed(&it.state)));
        // The same port goes on without a packet lost.
        assert_eq!(ask(6)?, [1, 1, 1, 2, 2, 2]);
        program.ipvs.flush()?;
    }
    Ok(())
}

fn udp_servers_are_removed_at_once_or_drain() -> Result {
    let network = network(1, 2)?;
    need_sysctls();
    sysctl::write("net.ipv4.vs.expire_nodest_conn", "1")?;
    for family in families().iter().copied() {
        for drain in [false, true] {
            let key = service(Transport::Udp, family);
            let config = VirtualService::new(key).scheduler(Scheduler::RoundRobin);
            let policy = Policy::new().drain_udp(drain).drain_time(SHORT);
            let mut program = Program::new(config, policy)?;
            program.bring(&[0])?;
            let address = SocketAddr::new(virtual_address(family, 1), PORT);
            let client = Asker::new(&network, 0, address.ip(), PATIENCE)?;
            assert_eq!(number(&client.ask(address)?)?, 0);
            assert_eq!(
                at_once(&mut program, &[1])?,
                (!drain).then_some(AtOnce::Udp)
            );
            program.bring(&[1])?;
            if drain {
                assert_eq!(program.weights()?, [(0, 0), (1, 1)].into());
                assert_eq!(number(&client.ask(address)?)?, 0);
                let other = network.ask(0, (Transport::Udp, family))?;
                assert_eq!(other, 1);
                // The flow never pauses, so only the time ends the drain.
                program.end_drains(&[0])?;
            }
            assert_eq!(program.weights()?, [(1, 1)].into());
            // The kernel may drop the packet that makes the connection expire.
            let other = eventually(|| {
                let client = client.with_patience(IMPATIENCE)?;
                number(&client.ask(address)?)
            })?;
            assert_eq!(other, 1);
            program.ipvs.flush()?;
        }
    }
    Ok(())
}

fn an_unwanted_service_drains() -> Result {
    let network = network(1, 1)?;
    for family in families().iter().copied() {
        let mut program = Program::new(round_robin(family), Policy::new())?;
        program.bring(&[0])?;
        let mut connection = Resetting::new(&network, 0, family)?;
        connection.ask()?;
        program.wanted = WantedTable::new();
        for _ in 0..3 {
            program.look()?;
            assert_eq!(program.weights()?, [(0, 0)].into());
            assert_eq!(connection.ask()?, 0);
            network.expect_nobody(0, tcp(family))?;
        }
        drop(connection);
        eventually(|| {
            program.look()?;
            match program.ipvs.services()?.len() {
                0 => Ok(()),
                _ => Err("the service is there still".into()),
            }
        })?;
    }
    Ok(())
}
