//! Adding, reading, changing and removing servers with every option, also with `ipvsadm`.

use std::net::SocketAddr;

use ipvset::Family;
use ipvset::ipvs::{
    ForwardingMethod, Ipvs, RealServer, Scheduler, ServiceKey, Tunnel, TunnelFlags, VirtualService,
};

use crate::interface::{OVER_SOCKET_OPTIONS, has, reported, tunnel_or_direct};
use crate::support::{
    Result, at, configured, ipvsadm, kinds, mark, saved, server, sorted_lines, tests,
};

tests![
    every_kind_with_every_forwarding_method,
    ports_of_servers,
    two_ports_of_an_address,
    every_tunnel,
    servers_of_the_other_family,
    local_nodes,
    weights,
    thresholds,
    a_new_weight_keeps_the_rest,
    new_thresholds_keep_the_rest,
    a_full_update_changes_everything,
    servers_of_marks,
    servers_of_the_tool,
    no_servers_and_no_service,
    many_servers,
];

/// Returns the address of a server of this family, with the port of the services.
fn address(family: Family, number: u8) -> SocketAddr {
    match family {
        Family::Ipv4 => at(&format!("10.1.0.{number}:5000")),
        Family::Ipv6 => at(&format!("[fd01::{number:x}]:5000")),
    }
}

/// Returns the lines of a service with its servers, sorted like those of [`saved`].
fn lines(service: &VirtualService, servers: &[RealServer]) -> Vec<String> {
    let servers = servers
        .iter()
        .map(|it| format!("-a {} {it}\n", service.key));
    let all: String = [format!("-A {service}\n")]
        .into_iter()
        .chain(servers)
        .collect();
    sorted_lines(&all)
}

/// Like `TestDestination` of moby, and also with SCTP.
fn every_kind_with_every_forwarding_method() -> Result {
    let methods = [
        ForwardingMethod::Masquerade,
        ForwardingMethod::Tunnel(Tunnel::Ipip),
        ForwardingMethod::DirectRouting,
    ];
    let mut ipvs = Ipvs::connect()?;
    for key in kinds() {
        let service = VirtualService::new(key).scheduler(Scheduler::RoundRobin);
        ipvs.add_service(&service)?;
        for method in methods {
            let mut servers: Vec<_> = (11..14)
                .map(|number| RealServer::new(address(key.family(), number)).forwarding(method))
                .collect();
            for server in &servers {
                ipvs.add_server(key, server)?;
                let read = ipvs.server(key, server.address)?.config;
                assert_eq!(read, reported(server));
            }
            assert_eq!(saved()?, lines(&service, &servers));
            for other in methods {
                for server in &mut servers {
                    *server = server.clone().forwarding(other);
                    ipvs.update_server(key, server)?;
                    let read = ipvs.server(key, server.address)?.config;
                    assert_eq!(read, reported(server));
                }
            }
            assert_eq!(saved()?, lines(&service, &servers));
            // The server added last comes first.
            servers.reverse();
            let expected: Vec<_> = servers.iter().map(reported).collect();
            assert_eq!(configured(ipvs.servers(key)?), expected);
            for server in &servers {
                ipvs.remove_server(key, server.address)?;
                let read = ipvs.server(key, server.address);
                assert!(read.is_err_and(|it| it.is_not_found()));
            }
            assert_eq!(ipvs.servers(key)?, []);
        }
        ipvs.remove_service(key)?;
    }
    Ok(())
}

/// Only masquerading can change the port. A mark has no port, so its servers can have any. (From
/// the tests of gnlpy.)
fn ports_of_servers() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.add_service(&web)?;
    ipvs.add_server(&web, &server("10.1.0.1:8080"))?;
    ipvs.add_server(&web, &server("10.1.0.2:80").direct_routing())?;
    // The kernel stores a different port of a server, although it has no effect.
    for odd in [
        server("10.1.0.3:8080").direct_routing(),
        server("10.1.0.4:8080").tunnel(Tunnel::Ipip),
    ] {
        ipvs.add_server(&web, &odd)?;
        assert_eq!(ipvs.server(&web, odd.address)?.config, reported(&odd));
    }
    assert_eq!(ipvs.servers(&web)?.len(), 4);

    let marked = mark(1, Family::Ipv4);
    ipvs.add_service(&VirtualService::new(marked))?;
    for port in [0, 80, 8080] {
        let one = RealServer::new((std::net::Ipv4Addr::new(10, 1, 0, 4), port).into());
        ipvs.add_server(marked, &one.clone().direct_routing())?;
        ipvs.update_server(marked, &one.tunnel(Tunnel::Ipip))?;
    }
    assert_eq!(ipvs.servers(marked)?.len(), 3);
    Ok(())
}

/// The two ports are two servers. The one added last comes first. (From the tests of gnlpy.)
fn two_ports_of_an_address() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for (key, one, other) in [
        ("10.0.0.1:80", "10.1.0.1:81", "10.1.0.1:82"),
        ("[fd00::1]:80", "[fd01::1]:81", "[fd01::1]:82"),
    ] {
        let key = ServiceKey::tcp(at(key));
        if !has(&key) {
            continue;
        }
        let (one, other) = (server(one).weight(3), server(other).weight(4));
        ipvs.add_service(&VirtualService::new(key))?;
        ipvs.add_server(key, &one)?;
        ipvs.add_server(key, &other)?;
        assert_eq!(configured(ipvs.servers(key)?), [other.clone(), one.clone()]);
        ipvs.set_weight(key, one.address, 0)?;
        assert_eq!(ipvs.server(key, other.address)?.config, other);
        ipvs.remove_server(key, one.address)?;
        assert_eq!(configured(ipvs.servers(key)?), [other]);
    }
    Ok(())
}

fn every_tunnel() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in ["10.0.0.1:5000", "[fd00::1]:5000"].map(|it| ServiceKey::tcp(at(it))) {
        let service = VirtualService::new(key);
        ipvs.add_service(&service)?;
        let mut servers = Vec::new();
        for (number, (tunnel, words)) in (1..).zip([
            (Tunnel::Ipip, "--tun-type ipip"),
            (
                Tunnel::gue(6080),
                "--tun-type gue --tun-port 6080 --tun-nocsum",
            ),
            (
                Tunnel::gue(65535).checksum(),
                "--tun-type gue --tun-port 65535 --tun-csum",
            ),
            (
                Tunnel::gue(1).remote_checksum(),
                "--tun-type gue --tun-port 1 --tun-remcsum",
            ),
            (Tunnel::gre(), "--tun-type gre --tun-nocsum"),
            (Tunnel::gre().checksum(), "--tun-type gre --tun-csum"),
        ]) {
            let one = RealServer::new(address(key.family(), number)).tunnel(tunnel);
            ipvs.add_server(key, &one)?;
            assert_eq!(ipvs.server(key, one.address)?.config, reported(&one));
            let line = format!("-r {} -i -w 1 {words}", one.address);
            assert_eq!(one.to_string(), line);
            servers.push(one);
        }
        let all = lines(&service, &servers);
        assert_eq!(saved()?, all);
        ipvs.flush()?;
        // The reverse: the crate reads what the tool writes.
        lab::tool_with_input("ipvsadm", ["-R"], &all.join("\n"))?;
        for one in &servers {
            assert_eq!(ipvs.server(key, one.address)?.config, *one);
        }
        // The kernel accepts both checksums at once. `ipvsadm` has no option for this.
        let both = RealServer::new(address(key.family(), 99))
            .tunnel(Tunnel::gue(7).checksum().remote_checksum());
        ipvs.add_server(key, &both)?;
        let read = ipvs.server(key, both.address)?.config;
        assert_eq!(read, both);
        let flags = TunnelFlags::CHECKSUM | TunnelFlags::REMOTE_CHECKSUM;
        let matches = matches!(read.forwarding,
            ForwardingMethod::Tunnel(Tunnel::Gue { flags: it, .. }) if it == flags);
        assert!(matches, "{read:?}");
        ipvs.flush()?;
    }
    Ok(())
}

fn servers_of_the_other_family() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for (key, other) in [
        ("10.0.0.1:5000", Family::Ipv6),
        ("[fd00::1]:5000", Family::Ipv4),
    ] {
        let service = VirtualService::tcp(at(key));
        ipvs.add_service(&service)?;
        let own = RealServer::new(address(service.key.family(), 1));
        let others = [
            RealServer::new(address(other, 1)).tunnel(Tunnel::Ipip),
            RealServer::new(address(other, 2)).tunnel(Tunnel::gue(5555).checksum()),
            RealServer::new(address(other, 3)).tunnel(Tunnel::gre()),
        ];
        ipvs.add_server(&service, &own)?;
        for server in &others {
            ipvs.add_server(&service, server)?;
            assert_eq!(ipvs.server(&service, server.address)?.config, *server);
            ipvs.set_weight(&service, server.address, 8)?;
            let expected = server.clone().weight(8);
            assert_eq!(ipvs.server(&service, server.address)?.config, expected);
            ipvs.update_server(&service, server)?;
        }
        let mut all = vec![own.clone()];
        all.extend(others.clone());
        assert_eq!(saved()?, lines(&service, &all));
        for server in &others {
            ipvs.remove_server(&service, server.address)?;
        }
        assert_eq!(configured(ipvs.servers(&service)?), [own]);
        // The tool adds them.
        for server in &others {
            ipvsadm(&format!("-a {} {server}", service.key))?;
            assert_eq!(ipvs.server(&service, server.address)?.config, *server);
        }
        ipvs.flush()?;
    }
    Ok(())
}

/// The kernel stores the configured method. `ipvsadm` lists it as `Local`, but saves it as direct
/// routing, which is a defect. The crate saves it correctly.
fn local_nodes() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.add_service(&web)?;
    let one = server("127.0.0.1:8080").local_node();
    ipvs.add_server(&web, &one)?;
    assert_eq!(ipvs.server(&web, one.address)?.config, one);
    assert!(ipvsadm("-L -n")?.contains("127.0.0.1:8080               Local"));
    assert!(saved()?.contains(&"-a -t 10.0.0.1:80 -r 127.0.0.1:8080 -g -w 1".to_owned()));
    ipvs.set_weight(&web, one.address, 2)?;
    assert_eq!(ipvs.server(&web, one.address)?.config, one.weight(2));
    Ok(())
}

/// Weights have 31 bits. (moby reads only 16.)
fn weights() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.add_service(&web)?;
    for (number, weight) in (1..).zip([0, 1, 255, 65535, 65536, 0x12345678, 0x7fff_ffff]) {
        let one = RealServer::new(address(Family::Ipv4, number)).weight(weight);
        ipvs.add_server(&web, &one)?;
        assert_eq!(ipvs.server(&web, one.address)?.config.weight, weight);
        ipvs.set_weight(&web, one.address, 7)?;
        ipvs.set_weight(&web, one.address, weight)?;
        assert_eq!(ipvs.server(&web, one.address)?.config, one);
        let line = format!("-a {} {one}", web.key);
        assert!(saved()?.contains(&line), "{line}");
    }
    let refused = ipvs.set_weight(&web, address(Family::Ipv4, 1), 1 << 31);
    assert!(refused.is_err_and(|it| it.is_invalid_input()));
    Ok(())
}

/// `ipvsadm -S` omits them, which is a defect. `ipvsadm -L` shows them.
fn thresholds() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let web = VirtualService::tcp(at("10.0.0.1:80"));
    ipvs.add_service(&web)?;
    for (number, (upper, lower)) in (1..).zip([
        (10, 5),
        (10, 10),
        (1, 0),
        (0, 0),
        (0x7fff_ffff, 0x7fff_ffff),
    ]) {
        let one = RealServer::new(address(Family::Ipv4, number))
            .upper_threshold(upper)
            .lower_threshold(lower);
        ipvs.add_server(&web, &one)?;
        assert_eq!(ipvs.server(&web, one.address)?.config, one);
        let shown = ipvsadm("-L -n --thresholds")?;
        let address = one.address.to_string();
        let line = shown.lines().find(|it| it.contains(&address));
        let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
        assert_eq!(
            words[2..4],
            [upper.to_string(), lower.to_string()],
            "{shown}"
        );
    }
    let one = server("10.1.0.99:80").upper_threshold(7).lower_threshold(3);
    ipvsadm(&format!("-a {} {one}", web.key))?;
    assert_eq!(ipvs.server(&web, one.address)?.config, one);
    Ok(())
}

/// Returns a server with every option.
fn full() -> RealServer {
    RealServer::new(address(Family::Ipv4, 1))
        .forwarding(tunnel_or_direct(Tunnel::gue(5580).remote_checksum()))
        .weight(50)
        .upper_threshold(1000)
        .lower_threshold(900)
}

/// A request with the weight alone would turn a GUE server into an IPIP one, as `UpdateDestination`
/// of moby does.
fn a_new_weight_keeps_the_rest() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::udp(at("10.0.0.1:5000"));
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &full())?;
    for weight in [0, 1, 50] {
        ipvs.set_weight(&service, full().address, weight)?;
        let read = ipvs.server(&service, full().address)?.config;
        assert_eq!(read, full().weight(weight));
    }
    Ok(())
}

fn new_thresholds_keep_the_rest() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::udp(at("10.0.0.1:5000"));
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &full())?;
    ipvs.set_thresholds(&service, full().address, 20, 10)?;
    let read = ipvs.server(&service, full().address)?.config;
    assert_eq!(read, full().upper_threshold(20).lower_threshold(10));
    let written = ipvs.change_server(&service, full().address, |it| {
        it.forwarding = tunnel_or_direct(Tunnel::gre());
    })?;
    assert_eq!(ipvs.server(&service, full().address)?.config, written);
    assert_eq!(written, read.forwarding(tunnel_or_direct(Tunnel::gre())));
    let moved = ipvs.change_server(&service, full().address, |it| {
        it.address = address(Family::Ipv4, 2);
    });
    assert!(moved.is_err_and(|it| it.is_invalid_input()));
    Ok(())
}

fn a_full_update_changes_everything() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let service = VirtualService::udp(at("10.0.0.1:5000"));
    ipvs.add_service(&service)?;
    ipvs.add_server(&service, &full())?;
    let bare = RealServer::new(full().address);
    ipvs.update_server(&service, &bare)?;
    assert_eq!(ipvs.server(&service, bare.address)?.config, bare);
    ipvs.update_server(&service, &full())?;
    assert_eq!(ipvs.server(&service, bare.address)?.config, full());
    Ok(())
}

/// The services of a mark for each family have separate servers. (From the tests of gnlpy.)
/// `ipvsadm -S` prints marks from 2^31 on as negative numbers.
fn servers_of_marks() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for number in [1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        let (four, six) = (mark(number, Family::Ipv4), mark(number, Family::Ipv6));
        ipvs.add_service(&VirtualService::new(four))?;
        let refused = ipvs.remove_service(six).expect_err("it does not exist");
        assert!(refused.is_not_found(), "{refused}");
        ipvs.add_service(&VirtualService::new(six).scheduler(Scheduler::RoundRobin))?;
        let (one, other) = (
            server("10.1.0.1:0").weight(4),
            server("[fd01::1]:0").weight(6),
        );
        ipvs.add_server(four, &one)?;
        ipvs.add_server(six, &other)?;
        assert_eq!(configured(ipvs.servers(four)?), std::slice::from_ref(&one));
        assert_eq!(configured(ipvs.servers(six)?), std::slice::from_ref(&other));
        let again = ipvs.add_server(four, &one);
        assert!(again.is_err_and(|it| it.is_already_exists()));
        let wrong_port = ipvs.remove_server(four, at("10.1.0.1:1"));
        assert!(wrong_port.is_err_and(|it| it.is_not_found()));
        ipvs.set_weight(six, other.address, 0)?;
        assert_eq!(configured(ipvs.servers(four)?), [one]);
        assert_eq!(configured(ipvs.servers(six)?), [other.weight(0)]);
        let keys: Vec<_> = ipvs.services()?.iter().map(|it| it.key()).collect();
        assert!(keys.contains(&four) && keys.contains(&six), "{keys:?}");
        ipvs.remove_service(four)?;
        assert_eq!(ipvs.services()?.len(), 1);
        assert_eq!(ipvs.servers(six)?.len(), 1);
        ipvs.flush()?;
    }
    Ok(())
}

/// The tool's defaults.
fn servers_of_the_tool() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let web = ServiceKey::tcp(at("10.0.0.1:80"));
    ipvsadm("-A -t 10.0.0.1:80")?;
    for (words, expected) in [
        ("-r 10.1.0.1", server("10.1.0.1:80").direct_routing()),
        ("-r 10.1.0.2:81 -g", server("10.1.0.2:80").direct_routing()),
        ("-r 10.1.0.3:81 -m -w 9", server("10.1.0.3:81").weight(9)),
        (
            "-r 10.1.0.4 -i -w 0",
            server("10.1.0.4:80").tunnel(Tunnel::Ipip).weight(0),
        ),
        (
            "-r 10.1.0.5 -i --tun-type gue --tun-port 6080",
            server("10.1.0.5:80").tunnel(Tunnel::gue(6080)),
        ),
        (
            "-r 10.1.0.6 -m -x 8 -y 2",
            server("10.1.0.6:80").upper_threshold(8).lower_threshold(2),
        ),
    ] {
        ipvsadm(&format!("-a {web} {words}"))?;
        assert_eq!(
            ipvs.server(web, expected.address)?.config,
            reported(&expected),
            "{words}"
        );
    }
    Ok(())
}

/// The list of a service without servers is empty. For a missing service, it is an error.
fn no_servers_and_no_service() -> Result {
    let mut ipvs = Ipvs::connect()?;
    for key in kinds() {
        let missing = ipvs.servers(key);
        assert!(missing.is_err_and(|it| it.is_not_found()));
        ipvs.add_service(&VirtualService::new(key))?;
        assert_eq!(ipvs.servers(key)?, []);
    }
    Ok(())
}

/// More servers than a message of the kernel can contain, and more than a datagram.
fn many_servers() -> Result {
    let mut ipvs = Ipvs::connect()?;
    let key = match OVER_SOCKET_OPTIONS {
        true => "10.0.0.1:80",
        false => "[fd00::1]:80",
    };
    let web = VirtualService::tcp(at(key)).scheduler(Scheduler::RoundRobin);
    ipvs.add_service(&web)?;
    let address = |it| match OVER_SOCKET_OPTIONS {
        true => format!("10.1.{}.{}:{it}", it / 250, 1 + it % 250),
        false => format!("[fd01::{it:x}]:{it}"),
    };
    let mut servers: Vec<_> = (1..=1000u32)
        .map(|it| server(&address(it)).weight(it))
        .collect();
    for one in &servers {
        ipvs.add_server(&web, one)?;
    }
    servers.reverse();
    assert_eq!(configured(ipvs.servers(&web)?), servers);
    assert_eq!(saved()?.len(), 1001);
    Ok(())
}
