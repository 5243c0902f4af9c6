//! All servers of a service are replaced.

use std::time::Duration;

use ipvset::Family;
use ipvset::ipvs::plan::{Keeper, Planner, Policy, WaitFor};

use super::requests::during;
use super::{Program, round_robin};
use crate::interface::families;
use crate::support::{Result, is_long};
use crate::traffic::network::{Answers, Network, PATIENCE, Resetting};

/// The name of a test and the test.
type Case = (&'static str, fn() -> Result);

pub(super) fn tests() -> Vec<lab::test::Test> {
    let limit = Duration::from_secs(900);
    let all: [Case; 2] = [
        (
            "traffic::drains::replacement::a_replacement_loses_no_client",
            a_replacement_loses_no_client,
        ),
        (
            "traffic::drains::replacement::removing_and_adding_loses_clients",
            removing_and_adding_loses_clients,
        ),
    ];
    let test = |(name, run)| crate::interface::test(name, run);
    let all = all.into_iter().filter_map(test);
    all.map(|it| it.limit(limit)).collect()
}

const CLIENTS: usize = 2;

/// The most connections that stay open.
const MOST: usize = 200;

/// Returns the number of short requests altogether.
fn requests() -> usize {
    if is_long() { 4000 } else { 400 }
}

/// Opens connections that stay open, with the number of the server of each. Each of these servers
/// has one.
fn connect(
    network: &Network,
    family: Family,
    servers: &[usize],
) -> Result<Vec<(usize, Resetting)>> {
    let count = if is_long() { 50 } else { 12 };
    let mut connections = Vec::<(usize, Resetting)>::new();
    // The requests beside these can take a server's turn again and again.
    let lacks = |connections: &[(usize, Resetting)]| {
        let has = |server: &usize| connections.iter().any(|it| it.0 == *server);
        connections.len() < MOST && !servers.iter().all(has)
    };
    while connections.len() < count || lacks(&connections) {
        let mut connection = Resetting::new(network, connections.len() % CLIENTS, family)?;
        connections.push((connection.ask()?, connection));
    }
    Ok(connections)
}

/// Fails unless all connections are open.
fn ask_all(connections: &mut [(usize, Resetting)]) -> Result {
    for (number, connection) in connections {
        assert_eq!(connection.ask()?, *number);
    }
    Ok(())
}

/// No request fails and no connection is cut while all servers of two services are replaced, twice:
/// one by one, and all at once. Each old server is gone when its last connection has ended.
fn a_replacement_loses_no_client() -> Result {
    let network = Network::new(CLIENTS, 6, Answers::ThroughDirector)?;
    let families = families();
    let mut programs = Vec::new();
    for family in families {
        let mut program = Program::new(round_robin(*family), Policy::new())?;
        // Each keeps its own service.
        program.keeper = Keeper::new(Planner::new());
        program.bring(&[0, 1, 2])?;
        programs.push((*family, program));
    }
    let all = requests();
    let requests = during(&network, families, PATIENCE, |requests| {
        for (wait_for, old, steps) in [
            (
                WaitFor::ActiveAndInactive,
                [0, 1, 2],
                &[[3, 1, 2], [3, 4, 2], [3, 4, 5]][..],
            ),
            // The kernel keeps what clients have closed for ten seconds.
            (WaitFor::Active, [3, 4, 5], &[[0, 1, 2]]),
        ] {
            let mut long = Vec::new();
            for (family, program) in &mut programs {
                let planner = Planner::new().policy(Policy::new().wait_for(wait_for));
                let record = program.keeper.record().clone();
                program.keeper = Keeper::new(planner).with_record(record);
                let connections = connect(&network, *family, &old)?;
                for number in old {
                    assert!(connections.iter().any(|it| it.0 == number));
                }
                long.push(connections);
            }
            requests.wait_for_answers(all / 8);
            for step in steps {
                for (_, program) in &mut programs {
                    program.bring(step)?;
                }
                requests.wait_for_answers(all / 2 / steps.len());
                long.iter_mut().try_for_each(|it| ask_all(it))?;
            }
            // Each has connections.
            for (_, program) in &mut programs {
                program.look()?;
                let weights = program.weights()?;
                let drain = weights.iter().filter(|it| *it.1 == 0).map(|it| *it.0);
                assert_eq!(drain.collect::<Vec<_>>(), old, "{weights:?}");
            }
            for leaving in [&old[..1], &old[1..]] {
                for connections in &mut long {
                    connections.retain(|it| !leaving.contains(&it.0));
                }
                for (_, program) in &mut programs {
                    program.end_drains(leaving)?;
                }
                long.iter_mut().try_for_each(|it| ask_all(it))?;
            }
        }
        Ok(())
    })?;
    assert_eq!(requests.failed(), [""; 0]);
    assert!(requests.answered() >= all);
    Ok(())
}

/// What the test above finds if servers are removed and added.
fn removing_and_adding_loses_clients() -> Result {
    let network = Network::new(CLIENTS, 6, Answers::ThroughDirector)?;
    let family = Family::Ipv4;
    let mut program = Program::new(round_robin(family), Policy::new())?;
    program.bring(&[0, 1, 2])?;
    let impatience = Duration::from_millis(500);
    let requests_before = requests() / 8;
    let requests = during(&network, &[family], impatience, |requests| {
        let mut long = connect(&network, family, &[0, 1, 2])?;
        requests.wait_for_answers(requests_before);
        for number in [0, 1, 2] {
            let old = program.server(number).address;
            program.ipvs.remove_server(&program.service, old)?;
        }
        requests.wait_for_a_failure();
        for number in [3, 4, 5] {
            let new = program.server(number);
            program.ipvs.add_server(&program.service, &new)?;
        }
        requests.wait_for_answers(requests_before);
        // Each that is cut takes this time.
        for (number, connection) in long.iter_mut().take(6) {
            connection.set_patience(impatience)?;
            assert!(connection.ask().is_err(), "server {number}");
        }
        Ok(())
    })?;
    assert_ne!(requests.failed(), [""; 0]);
    Ok(())
}
