//! Whole tables: `ipvsadm -S -n` prints what the crate writes, the crate reads what `ipvsadm -R`
//! restores, and the crate reads tables while they change.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipvset::ipvs::proc::{Proc, sysctl};
use ipvset::ipvs::{
    Ipvs, Operation, Operations, Scheduler, ServiceKey, TableEntry, VirtualService, text,
};
use ipvset::{Family, Namespace, OnFailure};

use crate::generated::{
    Entry, Words, expect_saved, expected, generate, host, operations, print, read, same, write,
};
use crate::interface::OVER_SOCKET_OPTIONS;
use crate::support::{Result, equal, schedulers, tests};

tests![
    written_by_the_crate,
    restored_by_the_tool,
    restored_by_the_crate,
    every_accepted_configuration_can_be_written_back,
    an_empty_table,
    read_while_it_changes,
    complete_right_after_many_additions,
    complete_while_the_kernel_resizes_it,
];

/// Checks that the table uses every option that it may use.
fn expect_everything(table: &[Entry], schedulers: &[Scheduler], words: Words) {
    let text = print(table);
    let lines: Vec<_> = text.lines().collect();
    let mut marks = vec![
        "-A -t 100.",
        "-A -t [fd64:",
        "-A -u 100.",
        "-A -u [fd64:",
        "-A --sctp-service 100.",
        "-A --sctp-service [fd64:",
        "-A -f ",
        " -6 ",
        ":0 ",
        " -p ",
        " -M 255.",
        " -M 1",
        " -o",
        " --pe sip",
        " -b sh-fallback",
        " -b sh-port",
        " -b sh-fallback,sh-port",
        " -b mh-fallback",
        " -b mh-port",
        " -b mh-fallback,mh-port",
        " -m ",
        " -g ",
        " --tun-type ipip",
        "gue --tun-port",
        " --tun-type gre",
        "--tun-nocsum",
        "--tun-csum",
        "--tun-remcsum",
        " -w 0",
        " -w 65535",
        " -x 9",
        " -x 100 -y 50",
        "-r 11.",
        "-r [fd0b:",
    ];
    if words == Words::Kernels {
        marks.push("--forward local");
    }
    if OVER_SOCKET_OPTIONS {
        let lacks = ["fd64", "fd0b", " -6", " -M 1", " --pe", "tun", "gue"];
        marks.retain(|mark| !lacks.iter().any(|it| mark.contains(it)));
    }
    for mark in marks {
        assert!(lines.iter().any(|it| it.contains(mark)), "{mark}");
    }
    for scheduler in schedulers {
        let word = format!(" -s {scheduler}");
        assert!(lines.iter().any(|it| it.contains(&word)), "{scheduler}");
    }
    assert!(table.len() >= 2000);
}

fn written_by_the_crate() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Kernels);
    expect_everything(&table, &schedulers, Words::Kernels);
    write(&mut ipvs, &table)?;
    same(&read(ipvs.verified_table()?), &expected(&table));
    for (service, servers) in table.iter().step_by(100) {
        assert_eq!(ipvs.service(service)?.config, *service);
        assert_eq!(ipvs.servers(service)?.len(), servers.len());
    }

    expect_saved(&table)
}

fn restored_by_the_tool() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Tools);
    expect_everything(&table, &schedulers, Words::Tools);
    lab::tool_with_input("ipvsadm", ["-R"], &print(&table))?;
    same(&read(ipvs.verified_table()?), &expected(&table));
    Ok(())
}

/// The text that the crate prints restores the whole table, including what the tool has no options
/// for.
fn restored_by_the_crate() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let schedulers = schedulers(&mut ipvs)?;
    let table = generate(&schedulers, Words::Kernels);
    write(&mut ipvs, &table)?;
    let before = ipvs.table()?;
    // The kernel adds servers at the front, so the last of a list must be added first.
    let mut saved = String::new();
    for entry in &before {
        saved += &format!("-A {}\n", entry.service);
        for server in entry.servers.iter().rev() {
            saved += &format!("-a {} {server}\n", entry.service.key());
        }
    }
    ipvs.flush()?;
    let lines = text::parse(&saved).map(|line| line.map(|it| it.operation));
    let restored: Vec<_> = lines.collect::<ipvset::Result<_>>()?;
    let mut all = Operations::new();
    all.extend(restored);
    assert!(ipvs.execute_all(all, OnFailure::Continue).is_complete());
    same(&read(ipvs.verified_table()?), &read(before));
    Ok(())
}

/// Configuration that the kernel accepts, although much of it makes no sense. Another program may
/// have set it.
const ODD: &str = "\
-A -t 10.0.0.1:80 -s rr -b flag-1
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 1
-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -i -w 1 --tun-type gue --tun-port 1 --tun-flags 0x7
-a -t 10.0.0.1:80 -r [fd00::1]:0 -i -w 1 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.3:80 --forward bypass -w 1
-a -t 10.0.0.1:80 -r 10.1.0.4:80 --forward 7 -w 1
-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 1 --tun-type 9 --tun-port 7 --tun-flags 0x8
-A -t 10.0.0.2:80 -s sh -b sh-port,flag-3,0x40
-A -t 10.0.0.3:80 -s rr -p 0
-A -t 10.0.0.4:80 -s rr -p 3456000 -M 0.255.0.1
-A -t 10.0.0.5:0 -s rr
-A -t 10.0.0.6:80 -s rr -o
-A -t 10.0.0.7:80 -s rr --pe sip
-A --protocol 50 10.0.0.8:80 -s rr
";

fn every_accepted_configuration_can_be_written_back() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let all: Vec<_> = text::parse(ODD).collect::<ipvset::Result<_>>()?;
    for line in &all {
        ipvs.execute(&line.operation)?;
    }
    let before = read(ipvs.table()?);
    let count =
        |adds: fn(&Operation) -> bool| all.iter().filter(|line| adds(&line.operation)).count();
    assert_eq!(
        before.len(),
        count(|it| matches!(it, Operation::AddService(_)))
    );
    let servers = before.values().map(|(_, servers)| servers.len());
    assert_eq!(
        servers.sum::<usize>(),
        count(|it| matches!(it, Operation::AddServer(..)))
    );

    // The services are as requested, and are written back one by one and together.
    for (service, servers) in before.values() {
        ipvs.update_service(service)?;
        ipvs.put_service(service)?;
        ipvs.change_service(service.key, |it| {
            it.scheduler = Scheduler::WeightedRoundRobin
        })?;
        ipvs.set_scheduler(service.key, service.scheduler)?;
        for server in servers {
            ipvs.put_server(service.key, server)?;
            ipvs.set_weight(service.key, server.address, 2)?;
            ipvs.update_server(service.key, server)?;
        }
    }
    same(&read(ipvs.table()?), &before);
    let mut saved = String::new();
    for (service, servers) in before.values() {
        saved += &format!("-A {service}\n");
        for server in servers.iter().rev() {
            saved += &format!("-a {} {server}\n", service.key);
        }
    }
    ipvs.flush()?;
    let restored: Vec<_> = text::parse(&saved)
        .map(|line| line.map(|it| it.operation))
        .collect::<ipvset::Result<_>>()?;
    let mut all = Operations::new();
    all.extend(restored);
    ipvs.execute_all(all, OnFailure::Continue).into_result()?;
    same(&read(ipvs.table()?), &before);
    Ok(())
}

fn an_empty_table() -> Result {
    let mut ipvs = Ipvs::connect()?;
    assert_eq!(ipvs.table()?, []);
    assert_eq!(ipvs.verified_table()?, []);
    ipvs.add_service(&VirtualService::tcp("10.0.0.1:80".parse()?))?;
    assert_eq!(ipvs.table()?.len(), 1);
    assert_eq!(ipvs.table()?[0].servers, []);
    Ok(())
}

/// Returns `None` for an error that the table is inconsistent, which can only happen since Linux
/// 7.1.
fn if_complete<T>(read: ipvset::Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.is_inconsistent() => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// Sets the flag when it is dropped.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// No service is listed twice, and a verified table contains all that was not changed meanwhile.
fn read_while_it_changes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let table: Vec<_> = generate(&[Scheduler::RoundRobin], Words::Kernels);
    write(&mut ipvs, &table[..600])?;
    let lasting = expected(&table[..600]);
    let here = Namespace::current()?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result {
        let changer = scope.spawn(|| -> ipvset::Result<u32> {
            let mut ipvs = Ipvs::connect_in(&here)?;
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) {
                let part = &table[600..650];
                let mut all = Operations::new();
                all.extend(operations(part));
                ipvs.execute_all(all, OnFailure::Continue).into_result()?;
                for (service, _) in part {
                    // Waking up interrupts the reader, also between two datagrams of a dump.
                    std::thread::sleep(Duration::from_millis(1));
                    ipvs.remove_service(service)?;
                }
                rounds += 1;
                // Ever longer, so that two readings agree at last.
                std::thread::sleep(Duration::from_millis(10) * rounds);
            }
            Ok(rounds)
        });
        let mut read_often = || -> Result {
            for _ in 0..20 {
                if let Some(services) = if_complete(ipvs.services())? {
                    let keys: BTreeSet<_> = services.iter().map(|it| it.key()).collect();
                    assert_eq!(keys.len(), services.len());
                }
                for entry in if_complete(ipvs.table())?.unwrap_or_default() {
                    let servers = entry.servers.iter().map(|it| it.config.address);
                    assert_eq!(servers.collect::<BTreeSet<_>>().len(), entry.servers.len());
                }
            }
            let mut verified = 0;
            while verified < 5 {
                if let Some(now) = if_complete(ipvs.verified_table())? {
                    let mut now = read(now);
                    now.retain(|key, _| lasting.contains_key(key));
                    same(&now, &lasting);
                    verified += 1;
                }
            }
            Ok(())
        };
        let outcome = {
            // Also if a reading panics, which would otherwise wait for the changer.
            let _ends = SetOnDrop(&done);
            read_often()
        };
        match changer.join() {
            Ok(rounds) => assert!(rounds? > 0),
            Err(_) => return Err("the changing thread panicked".into()),
        }
        outcome
    })?;
    same(&read(ipvs.verified_table()?), &lasting);
    Ok(())
}

fn numbered(count: u32) -> impl Iterator<Item = ServiceKey> {
    let address = |number| SocketAddr::new(host(Family::Ipv4, 100, number), 80);
    (0..count).map(move |number| ServiceKey::tcp(address(number)))
}

fn add_numbered(ipvs: &mut Ipvs, count: u32) -> Result {
    let mut all = Operations::new();
    for key in numbered(count) {
        all.add_service(&VirtualService::new(key).scheduler(Scheduler::RoundRobin));
    }
    ipvs.execute_all(all, OnFailure::Continue).into_result()?;
    Ok(())
}

fn keys(table: Vec<TableEntry>) -> Vec<ServiceKey> {
    table.iter().map(|it| it.service.key()).collect()
}

/// Since Linux 7.1, the kernel enlarges the table of services in the background when there are
/// many. A dump that is in progress then skips some of them.
fn complete_right_after_many_additions() -> Result {
    const COUNT: u32 = 10_000;
    let all: BTreeSet<_> = numbered(COUNT).collect();
    let mut ipvs = Ipvs::connect()?;
    type Reading = fn(&mut Ipvs) -> ipvset::Result<Vec<ServiceKey>>;
    let readings: [Reading; 3] = [
        |ipvs| Ok(ipvs.services()?.iter().map(|it| it.key()).collect()),
        |ipvs| ipvs.table().map(keys),
        |ipvs| ipvs.verified_table().map(keys),
    ];
    for reading in readings {
        add_numbered(&mut ipvs, COUNT)?;
        let read = reading(&mut ipvs)?;
        assert_eq!(read.len(), all.len());
        assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), all);
        ipvs.flush()?;
    }
    Ok(())
}

/// While the kernel repeatedly moves the services to another table, each reading is complete or an
/// error.
fn complete_while_the_kernel_resizes_it() -> Result {
    const COUNT: u32 = 1000;
    let all: BTreeSet<_> = numbered(COUNT).collect();
    let mut ipvs = Ipvs::connect()?;
    add_numbered(&mut ipvs, COUNT)?;
    let proc = Proc::in_namespace(Namespace::current()?);
    lab::test::need("tables that grow", proc.get(sysctl::SVC_LFACTOR));
    let done = AtomicBool::new(false);
    let mut whole = 0;
    std::thread::scope(|scope| -> Result {
        let resizer = scope.spawn(|| -> ipvset::Result<()> {
            while !done.load(Ordering::Relaxed) {
                for factor in [-8, 8] {
                    proc.set(sysctl::SVC_LFACTOR, &factor)?;
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Ok(())
        });
        let mut read_often = || -> Result {
            for _ in 0..50 {
                match ipvs.services() {
                    Ok(services) => {
                        let keys: BTreeSet<_> = services.iter().map(|it| it.key()).collect();
                        equal(
                            (services.len(), keys == all),
                            (all.len(), true),
                            &"services",
                        )?;
                        whole += 1;
                    }
                    Err(error) => equal(error.is_inconsistent(), true, &error)?,
                }
            }
            Ok(())
        };
        let outcome = read_often();
        done.store(true, Ordering::Relaxed);
        match resizer.join() {
            Ok(resized) => resized?,
            Err(_) => return Err("the thread that resizes panicked".into()),
        }
        outcome
    })?;
    eprintln!("{whole} of 50 readings were whole");
    assert_eq!(ipvs.services()?.len(), all.len());
    Ok(())
}
