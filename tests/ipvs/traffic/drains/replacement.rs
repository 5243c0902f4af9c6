//! All servers of a service are replaced.

use std::time::Duration;

use ipvset::Family;
use ipvset::ipvs::plan::Policy;

use super::requests::during;
use super::{Program, round_robin};
use crate::support::Result;
use crate::traffic::network::{Answers, Network, PATIENCE, Resetting};

/// The name of a test and the test.
type Case = (&'static str, fn() -> Result);

pub(super) fn tests() -> Vec<lab::test::Test> {
    let limit = Duration::from_secs(900);
    let all: [Case; 3] = [
        (
            "traffic::drains::replacement::a_replacement_loses_no_client_of_ipv4",
            || a_replacement_loses_no_client(Family::Ipv4),
        ),
        (
            "traffic::drains::replacement::a_replacement_loses_no_client_of_ipv6",
            || a_replacement_loses_no_client(Family::Ipv6),
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
const REQUESTS: usize = 2000;
const CONNECTIONS: usize = 50;

/// Opens connections that stay open, with the number of the server of each.
fn connect(network: &Network, family: Family) -> Result<Vec<(usize, Resetting)>> {
    let connect = |number: usize| {
        let mut connection = Resetting::new(network, number % CLIENTS, family)?;
        Ok((connection.ask()?, connection))
    };
    (0..CONNECTIONS).map(connect).collect()
}

/// Fails unless all connections are open.
fn ask_all(connections: &mut [(usize, Resetting)]) -> Result {
    for (number, connection) in connections {
        assert_eq!(connection.ask()?, *number);
    }
    Ok(())
}

/// No request fails and no connection is cut while all servers are replaced, twice: one by one,
/// and all at once. Each old server is gone when its last connection has ended.
fn a_replacement_loses_no_client(family: Family) -> Result {
    let network = Network::new(CLIENTS, 6, Answers::ThroughDirector)?;
    let mut program = Program::new(round_robin(family), Policy::new())?;
    program.bring(&[0, 1, 2])?;
    let requests = during(&network, family, PATIENCE, |requests| {
        for (old, steps) in [
            ([0, 1, 2], &[[3, 1, 2], [3, 4, 2], [3, 4, 5]][..]),
            ([3, 4, 5], &[[0, 1, 2]]),
        ] {
            let mut long = connect(&network, family)?;
            for number in old {
                assert!(long.iter().any(|it| it.0 == number));
            }
            requests.wait_for_answers(REQUESTS / 8);
            for step in steps {
                program.bring(step)?;
                requests.wait_for_answers(REQUESTS / 2 / steps.len());
                ask_all(&mut long)?;
            }
            // Each has connections.
            program.look()?;
            let weights = program.weights()?;
            let drain = weights.iter().filter(|it| *it.1 == 0).map(|it| *it.0);
            assert_eq!(drain.collect::<Vec<_>>(), old, "{weights:?}");
            for leaving in [&old[..1], &old[1..]] {
                long.retain(|it| !leaving.contains(&it.0));
                program.end_drains(leaving)?;
                ask_all(&mut long)?;
            }
        }
        Ok(())
    })?;
    assert_eq!(requests.failed(), [""; 0]);
    assert!(requests.answered() >= REQUESTS);
    Ok(())
}

/// What the test above finds if servers are removed and added.
fn removing_and_adding_loses_clients() -> Result {
    let network = Network::new(CLIENTS, 6, Answers::ThroughDirector)?;
    let family = Family::Ipv4;
    let mut program = Program::new(round_robin(family), Policy::new())?;
    program.bring(&[0, 1, 2])?;
    let impatience = Duration::from_millis(500);
    let requests = during(&network, family, impatience, |requests| {
        let mut long = connect(&network, family)?;
        requests.wait_for_answers(REQUESTS / 8);
        for number in [0, 1, 2] {
            let old = program.server(number).address;
            program.ipvs.remove_server(&program.service, old)?;
        }
        requests.wait_for_a_failure();
        for number in [3, 4, 5] {
            let new = program.server(number);
            program.ipvs.add_server(&program.service, &new)?;
        }
        requests.wait_for_answers(REQUESTS / 8);
        for (number, connection) in &mut long {
            connection.set_patience(impatience)?;
            assert!(connection.ask().is_err(), "server {number}");
        }
        Ok(())
    })?;
    assert_ne!(requests.failed(), [""; 0]);
    Ok(())
}
