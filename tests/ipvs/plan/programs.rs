//! Several programs that keep their parts of one table at the same time.

use ipvset::Namespace;
use ipvset::ipvs::plan::{AddressRange, Keeper, Planner, Policy, Scope, WantedTable};
use ipvset::ipvs::{Ipvs, RealServer, ServiceKey, VirtualService};

use crate::generated::Dice;
use crate::support::{Result, is_long, tests};

tests![each_ends_with_its_own_part];

/// Returns the rounds of each program: usually as many as take a few seconds.
fn rounds() -> u32 {
    if is_long() { 1_000 } else { 60 }
}

/// Returns services at 10.`program`.0.0/16, another selection each time.
fn part(program: u8, dice: &mut Dice) -> Result<WantedTable> {
    let mut table = WantedTable::new();
    for number in 0..40 {
        if dice.in_three() {
            continue;
        }
        let service = VirtualService::tcp(([10, program, 0, number], 80).into());
        let servers = (0..1 + dice.throw(4) as u8)
            .map(|it| RealServer::new(([10, 8, program, it], 80).into()));
        let weighted = servers
            .map(|it| it.weight(dice.throw(3)))
            .collect::<Vec<_>>();
        table.insert(service, weighted)?;
    }
    Ok(table)
}

/// Two programs have a scope each, which exclude each other. The third has the default one: what
/// it names.
fn each_ends_with_its_own_part() -> Result {
    let here = Namespace::current()?;
    let own = |program: u8| -> Result<Scope> {
        let network = format!("10.{program}.0.0/16").parse()?;
        Ok(Scope::addresses(AddressRange::new(network)))
    };
    let scopes = [own(1)?, own(2)?, Scope::default()];
    let mut programs = Vec::new();
    std::thread::scope(|scope| -> Result {
        let running: Vec<_> = (1..)
            .zip(scopes)
            .map(|(program, its)| {
                let here = &here;
                scope.spawn(move || keep_part(program, here, its))
            })
            .collect();
        for program in running {
            programs.push(program.join().map_err(|_| "a program panicked")??);
        }
        Ok(())
    })?;
    let mut ipvs = Ipvs::connect()?;
    for (keeper, wanted) in &mut programs {
        // A reading while others change the table can lack something, so there may be a rest.
        assert!(ipvs.keep(keeper, &*wanted)?.report.is_success());
    }
    let table = WantedTable::from_entries(&ipvs.table()?)?;
    for (program, (_, wanted)) in (1..).zip(&programs) {
        for service in wanted.iter() {
            let is = table.get(service.key()).ok_or("a service is missing")?;
            assert_eq!(is.config(), service.config());
            assert_eq!(sorted(is.servers()), sorted(service.servers()));
        }
        let is_own = |key: &ServiceKey| {
            let start = format!("10.{program}.");
            key.socket_address()
                .is_some_and(|it| it.to_string().starts_with(&start))
        };
        let there = table.iter().filter(|it| is_own(&it.key())).count();
        match program {
            // It removes no service that it does not name any more.
            3 => assert!(there >= wanted.len()),
            _ => assert_eq!(there, wanted.len()),
        }
    }
    Ok(())
}

/// Wants something else in each round. Returns the keeper, and what is wanted at the end.
fn keep_part(program: u8, here: &Namespace, scope: Scope) -> Result<(Keeper, WantedTable)> {
    let mut ipvs = Ipvs::connect_in(here)?;
    // This thread is in the namespace of the test, too, and so is its `/proc`.
    let planner = Planner::new().scope(scope);
    let mut keeper = Keeper::new(planner.policy(Policy::without_drain()));
    let mut dice = Dice(program.into());
    let mut table = WantedTable::new();
    for _ in 0..rounds() {
        table = part(program, &mut dice)?;
        let kept = ipvs.keep(&mut keeper, &table)?;
        assert!(kept.report.is_success(), "{}", kept.report);
    }
    Ok((keeper, table))
}

fn sorted(servers: &[ipvset::ipvs::plan::WantedServer]) -> Vec<RealServer> {
    let mut servers: Vec<_> = servers.iter().map(|it| it.config.clone()).collect();
    servers.sort_by_key(|it| it.address);
    servers
}
