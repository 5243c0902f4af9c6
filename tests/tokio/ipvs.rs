//! IPVS over tokio.

use ipvset::ipvs::Operations;
use std::time::Duration;

use ipvset::Namespace;
use ipvset::OnFailure;
use ipvset::ipvs::{
    Operation, RealServer, Scheduler, SchedulerFlags, ServiceKey, SyncDaemon, SyncRole, Timeouts,
    Tunnel, VirtualService,
};
use ipvset::tokio::Ipvs;

use crate::support::{Result, at, tests};

tests![on_threads:
    the_tool_lists_what_was_written,
    tables_of_the_tool_are_read,
    errors_name_the_operation_and_its_object,
    partial_changes_keep_the_rest,
    execute_all_reports_each_failure,
    execute_all_stops_at_a_failure,
    counters_timeouts_version_and_daemons,
    in_another_namespace,
    on_many_tasks,
];

fn saved() -> Result<String> {
    Ok(lab::tool("ipvsadm", ["-S", "-n"])?)
}

async fn the_tool_lists_what_was_written() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80")).scheduler(Scheduler::WeightedRoundRobin);
    let dns = VirtualService::udp(at("[fd00::1]:53"))
        .scheduler(Scheduler::SourceHashing)
        .persistent(Duration::from_secs(60));
    ipvs.add_service(&web).await?;
    ipvs.put_service(&dns).await?;
    ipvs.add_server(&web, &RealServer::new(at("10.1.0.1:8080")).weight(3))
        .await?;
    let tunnelled = RealServer::new(at("10.1.0.2:80")).tunnel(Tunnel::gue(6080));
    ipvs.put_server(&web, &tunnelled).await?;
    ipvs.add_server(&dns, &RealServer::new(at("[fd00::2]:53")))
        .await?;
    let expected = "\
        -A -t 10.0.0.1:80 -s wrr\n\
        -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3\n\
        -a -t 10.0.0.1:80 -r 10.1.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n\
        -A -u [fd00::1]:53 -s sh -p 60\n\
        -a -u [fd00::1]:53 -r [fd00::2]:53 -m -w 1\n";
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(|it| it.trim_end().to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&saved()?), lines(expected));
    Ok(())
}

async fn tables_of_the_tool_are_read() -> Result {
    lab::tool_with_input(
        "ipvsadm",
        ["-R"],
        "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 7\n-A -f 5 -s lc\n",
    )?;
    let mut ipvs = Ipvs::connect().await?;
    let mut table = ipvs.table().await?;
    assert_eq!(ipvs.verified_table().await?.len(), 2);
    table.sort_by_key(|entry| entry.servers.len());
    let keys: Vec<_> = table
        .iter()
        .map(|it| it.service.key().to_string())
        .collect();
    assert_eq!(keys, ["-f 5", "-t 10.0.0.1:80"]);
    let web: ServiceKey = ServiceKey::tcp(at("10.0.0.1:80"));
    assert_eq!(ipvs.service(web).await?.config, table[1].service.config);
    let server = ipvs.server(web, at("10.1.0.1:80")).await?;
    assert_eq!(server.config.weight, 7);
    assert_eq!(ipvs.servers(web).await?, [server]);
    assert_eq!(ipvs.services().await?.len(), 2);
    Ok(())
}

async fn errors_name_the_operation_and_its_object() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.add_service(&web).await?;
    let twice = ipvs.add_service(&web).await.unwrap_err();
    assert!(twice.is_already_exists(), "{twice}");
    assert!(twice.to_string().contains("-t 10.0.0.1:80"), "{twice}");
    let nobody = ServiceKey::tcp(at("10.0.0.1:81"));
    assert!(ipvs.servers(nobody).await.unwrap_err().is_not_found());
    assert!(ipvs.service(nobody).await.unwrap_err().is_not_found());
    let removed = ipvs.remove_service(nobody).await;
    assert!(removed.unwrap_err().is_not_found());
    ipvs.remove_service_if_present(nobody).await?;
    ipvs.remove_server_if_present(nobody, at("10.1.0.1:80"))
        .await?;
    let removed = ipvs.remove_server(&web, at("10.1.0.1:80")).await;
    assert!(removed.unwrap_err().is_not_found());
    let changed = ipvs.change_service(&web, |it| it.key = nobody).await;
    assert!(changed.unwrap_err().is_invalid_input());
    assert_eq!(ipvs.services().await?.len(), 1);
    Ok(())
}

async fn partial_changes_keep_the_rest() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"))
        .scheduler(Scheduler::SourceHashing)
        .persistent(Duration::from_secs(90));
    ipvs.add_service(&web).await?;
    let port = SchedulerFlags::SH_PORT;
    ipvs.set_scheduler_flags(&web, port, port).await?;
    ipvs.set_scheduler(&web, Scheduler::MaglevHashing).await?;
    let now = ipvs.service(&web).await?.config;
    assert_eq!(now.scheduler, Scheduler::MaglevHashing);
    assert_eq!(
        (now.scheduler_flags, now.persistence),
        (port, web.persistence)
    );

    let server = RealServer::new(at("10.1.0.1:80"))
        .weight(5)
        .upper_threshold(20)
        .lower_threshold(10);
    ipvs.add_server(&web, &server).await?;
    ipvs.set_weight(&web, server.address, 9).await?;
    ipvs.set_thresholds(&web, server.address, 30, 15).await?;
    let now = ipvs.server(&web, server.address).await?.config;
    assert_eq!(
        now,
        server.weight(9).upper_threshold(30).lower_threshold(15)
    );
    ipvs.change_server(&web, now.address, |it| it.weight = 0)
        .await?;
    ipvs.update_service(&web).await?;
    ipvs.update_server(&web, &now).await?;
    assert_eq!(ipvs.server(&web, now.address).await?.config, now);
    ipvs.remove_server(&web, now.address).await?;
    ipvs.remove_service(&web).await?;
    assert_eq!(saved()?, "");
    Ok(())
}

async fn execute_all_reports_each_failure() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        VirtualService::tcp((std::net::Ipv4Addr::new(10, a, b, c), 80).into())
    };
    let mut operations = Operations::new();
    for number in 0..1000 {
        operations.add_service(&web(number + 1));
        for port in 1..=10 {
            // Every 300th server exists already.
            let port = if (number * 10 + port) % 300 == 299 {
                port - 1
            } else {
                port
            };
            operations.add_server(
                web(number + 1),
                &RealServer::new(([10, 200, 0, 1], port as u16).into()),
            );
        }
    }
    let outcome = ipvs.execute_all(operations, OnFailure::Continue).await;
    assert_eq!(outcome.failures().len(), 33);
    for failure in outcome.failures() {
        assert!(failure.error.is_already_exists(), "{}", failure.error);
        assert!(matches!(failure.input, Operation::AddServer(..)));
    }
    let table = ipvs.table().await?;
    let servers: usize = table.iter().map(|it| it.servers.len()).sum();
    assert_eq!((table.len(), servers), (1000, 10_000 - 33));
    assert_eq!(saved()?.lines().count(), 11_000 - 33);
    ipvs.flush().await?;
    assert_eq!(ipvs.services().await?, []);
    Ok(())
}

async fn execute_all_stops_at_a_failure() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    let mut operations = Operations::new();
    operations.add_service(&web);
    operations.add_service(&VirtualService::tcp(at("[fd00::1%2]:80")));
    let outcome = ipvs.execute_all(operations, OnFailure::Stop).await;
    assert_eq!(outcome.failures().len(), 1);
    assert_eq!((outcome.applied(), outcome.untried_from()), (1, Some(2)));
    assert!(outcome.into_result().unwrap_err().is_invalid_input());
    assert_eq!(ipvs.services().await?.len(), 1);
    Ok(())
}

async fn counters_timeouts_version_and_daemons() -> Result {
    let mut ipvs = Ipvs::connect().await?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.execute(&Operation::AddService(web.clone())).await?;
    ipvs.zero().await?;
    ipvs.zero_service(&web).await?;
    let timeouts = Timeouts::new().tcp(Duration::from_secs(1000));
    let before = ipvs.timeouts().await?;
    ipvs.set_timeouts(&timeouts).await?;
    let now = ipvs.timeouts().await?;
    assert_eq!(now.tcp, timeouts.tcp);
    assert_eq!((now.tcp_fin, now.udp), (before.tcp_fin, before.udp));
    assert!(ipvs.info().await?.connection_table_size > 0);
    assert_eq!(ipvs.daemons().await?, []);
    lab::link::dummy("eth0")?;
    lab::link::up("eth0")?;
    lab::address::add("192.0.2.1/24", "eth0")?;
    ipvs.start_daemon(&SyncDaemon::master("eth0").sync_id(3))
        .await?;
    let daemons = ipvs.daemons().await?;
    assert_eq!(
        (daemons.len(), daemons[0].role, daemons[0].sync_id),
        (1, SyncRole::Master, 3)
    );
    ipvs.stop_daemon(SyncRole::Master).await?;
    assert!(
        ipvs.stop_daemon(SyncRole::Master)
            .await
            .unwrap_err()
            .is_not_found()
    );
    Ok(())
}

async fn in_another_namespace() -> Result {
    let blue = lab::Namespace::new()?;
    let path = blue.path();
    let mut there = Ipvs::connect_in(&Namespace::open(&path)?).await?;
    there
        .add_service(&VirtualService::tcp(at("10.0.0.1:80")))
        .await?;
    assert_eq!(blue.tool("ipvsadm", ["-S", "-n"])?.lines().count(), 1);
    assert_eq!(saved()?, "");
    assert_eq!(Ipvs::connect().await?.services().await?, []);
    Ok(())
}

async fn on_many_tasks() -> Result {
    let tasks: Vec<_> = (1..=20u16)
        .map(|port| {
            tokio::spawn(async move {
                let mut ipvs = Ipvs::connect().await?;
                let web = VirtualService::tcp(([10, 0, 0, 1], port).into());
                ipvs.add_service(&web).await?;
                for server in 1..=20 {
                    let server = RealServer::new(([10, 1, 0, server], 80).into());
                    ipvs.add_server(&web, &server).await?;
                    tokio::task::yield_now().await;
                }
                Ok::<_, ipvset::Error>(ipvs.servers(&web).await?.len())
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await??, 20);
    }
    assert_eq!(Ipvs::connect().await?.services().await?.len(), 20);
    Ok(())
}
