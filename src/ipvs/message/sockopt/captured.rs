//! Bytes captured from a kernel, read and written. They are in the byte order and the layout of
//! the machine on which they were captured, a 64-bit little-endian one.

use super::encode::{self, Change};
use super::{Layout, decode, number, service};
use crate::captured::{self, Run};
use crate::ipvs::{Operation, ServiceKey, VirtualService};

const LAYOUT: Layout = Layout::EIGHT;

fn runs() -> Vec<Run> {
    captured::runs("option", include_str!("captured.txt"))
}

/// Returns what the kernel reported for the option whose description begins like this.
fn reported(start: &str) -> Vec<u8> {
    let mut runs = runs().into_iter();
    let run = runs.find(|it| it.arguments.starts_with(start)).unwrap();
    run.received.into_iter().next().unwrap()
}

/// The number of an option, and its value.
fn parts(change: &Change) -> (i32, &[u8]) {
    match change {
        Change::AddService(it) => (number::ADD_SERVICE, it),
        Change::UpdateService(it) => (number::UPDATE_SERVICE, it),
        Change::RemoveService(it) => (number::REMOVE_SERVICE, it),
        Change::Zero(it) => (number::ZERO, it),
        Change::Flush => (number::FLUSH, &[]),
        Change::AddServer(it) => (number::ADD_SERVER, it),
        Change::UpdateServer(it) => (number::UPDATE_SERVER, it),
        Change::RemoveServer(it) => (number::REMOVE_SERVER, it),
        Change::SetTimeouts(it) => (number::SET_TIMEOUTS, it),
        Change::StartDaemon(it) => (number::START_DAEMON, it),
        Change::StopDaemon(it) => (number::STOP_DAEMON, it),
    }
}

#[test]
fn operations_are_the_bytes_that_the_kernel_carried_out() {
    let mut operations = 0;
    for run in runs() {
        let Some((number, line)) = run.arguments.split_once(' ') else {
            panic!("{}", run.arguments);
        };
        if !line.starts_with('-') {
            continue;
        }
        let operation: Operation = line.parse().unwrap();
        let change = encode::operation(&operation).unwrap();
        let sent: &[u8] = run.sent.first().map_or(&[], |it| it);
        assert_eq!(parts(&change), (number.parse().unwrap(), sent), "{line}");
        operations += 1;
    }
    assert_eq!(operations, 17);
}

#[test]
fn services_of_a_list() {
    let list = reported("1154 services");
    let (header, entries) = list.split_at(LAYOUT.services_header());
    let mut asked = vec![decode::UNWRITTEN; header.len()];
    encode::room_for_services(6, &mut asked);
    assert_eq!(header, asked);
    let entries = entries.chunks_exact(LAYOUT.service());
    let entries = entries.take_while(|it| decode::is_service(it));
    let services = entries.map(|it| decode::service(it, LAYOUT).unwrap());
    let services: Vec<_> = services.collect();
    let mut lines: Vec<_> = services.iter().map(ToString::to_string).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "--sctp-service 10.0.0.1:132 -s rr -p 300 -M 255.255.255.0",
            "-f 7 -s sh -p 60 -b sh-port",
            "-t 10.0.0.1:80 -s wrr",
            "-u 10.0.0.1:53 -s wlc -o",
        ]
    );
    let counted = services.iter().filter(|it| it.statistics.connections != 0);
    assert_eq!(counted.count(), 1);
}

#[test]
fn a_service_and_its_counters() {
    let entry = reported("1155 service");
    let service = decode::service(&entry, LAYOUT).unwrap();
    assert_eq!(service.to_string(), "-t 10.0.0.1:80 -s wrr");
    assert_eq!(decode::number_of_servers(&entry).unwrap(), 3);
    let statistics = service.statistics;
    assert!(statistics.has_32_bit_counters);
    let counters = [
        statistics.connections,
        statistics.incoming_packets,
        statistics.outgoing_packets,
        statistics.incoming_bytes,
        statistics.outgoing_bytes,
    ];
    assert_eq!(counters, [5, 25, 23, 1365, 26236]);
    let rates = statistics.rates;
    let rates = [
        rates.connections,
        rates.incoming_packets,
        rates.outgoing_packets,
        rates.incoming_bytes,
        rates.outgoing_bytes,
    ];
    assert_eq!(rates, [0, 2, 2, 128, 2460]);
}

#[test]
fn servers_of_a_list() {
    let list = reported("1156 servers");
    let (header, entries) = list.split_at(LAYOUT.servers_header());
    let mut asked = vec![decode::UNWRITTEN; header.len()];
    encode::query_key(&"-t 10.0.0.1:80".parse().unwrap(), &mut asked).unwrap();
    encode::room_for_servers(4, &mut asked);
    assert_eq!(header, asked);
    let entries = entries.chunks_exact(LAYOUT.server());
    let entries = entries.take_while(|it| decode::is_server(it));
    let servers: Vec<_> = entries
        .map(|it| decode::server(it, LAYOUT).unwrap())
        .collect();
    let lines: Vec<_> = servers.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "-r 10.1.0.3:80 -i -w 1 --tun-type unreported",
            "-r 10.1.0.2:80 -g -w 0",
            "-r 10.1.0.1:8080 -m -w 3 -x 10 -y 5",
        ]
    );
    let connections = servers
        .iter()
        .map(|it| (it.active_connections, it.inactive_connections));
    assert_eq!(connections.collect::<Vec<_>>(), [(0, 0), (0, 0), (0, 5)]);
    assert_eq!(servers[2].statistics.outgoing_bytes, 26236);
}

/// The same entries, with the statistics as 32-bit x86 aligns them.
#[test]
fn entries_of_32_bit_x86() {
    let packed = |entry: &[u8], fields: usize, wide: usize| {
        let statistics = &entry[wide..];
        let parts = [&entry[..fields], &statistics[..12], &statistics[16..52]];
        parts.concat()
    };
    let entry = reported("1155 service");
    let short = packed(&entry, 48, 48);
    assert_eq!(short.len(), Layout::FOUR.service());
    assert_eq!(
        decode::service(&short, Layout::FOUR),
        decode::service(&entry, LAYOUT)
    );
    let list = reported("1156 servers");
    let entry = &list[LAYOUT.servers_header() + 2 * LAYOUT.server()..][..LAYOUT.server()];
    let short = packed(entry, 36, 40);
    assert_eq!(short.len(), Layout::FOUR.server());
    assert_eq!(
        decode::server(&short, Layout::FOUR),
        decode::server(entry, LAYOUT)
    );
}

#[test]
fn the_rest() {
    let info = reported("1153 info");
    assert_eq!(decode::number_of_services(&info).unwrap(), 4);
    let info = decode::info(&info).unwrap();
    assert_eq!(
        (
            info.version.to_string().as_str(),
            info.connection_table_size
        ),
        ("1.2.1", 4096)
    );
    let timeouts = decode::timeouts(&reported("1158 timeouts")).unwrap();
    assert_eq!(timeouts.to_string(), "77 120 66");
    let daemons = reported("1159 daemons");
    let daemons: Vec<_> = decode::daemons(&daemons).map(Result::unwrap).collect();
    let [daemon] = &daemons[..] else {
        panic!("{daemons:?}");
    };
    assert_eq!(
        daemon.to_string(),
        "master --mcast-interface eth0 --syncid 7"
    );
}

/// Entries that are cut off are errors, wherever they are cut.
#[test]
fn short_structures_are_errors() {
    let (entry, list) = (reported("1155 service"), reported("1156 servers"));
    let server = &list[LAYOUT.servers_header()..][..LAYOUT.server()];
    // The last four bytes are padding.
    for length in 0..LAYOUT.service() - 4 {
        assert!(
            decode::service(&entry[..length], LAYOUT).is_err(),
            "{length}"
        );
    }
    for length in 0..LAYOUT.server() - 4 {
        assert!(
            decode::server(&server[..length], LAYOUT).is_err(),
            "{length}"
        );
    }
    let short = decode::info(&[0; 7]).unwrap_err().to_string();
    assert!(
        short.ends_with("is 8 bytes, but 7 bytes are left"),
        "{short}"
    );
    assert!(decode::timeouts(&[0; 11]).is_err());
}

#[test]
fn what_the_socket_options_lack() {
    for (line, word) in [
        ("-A -t [fd00::1]:80 -s rr", "IPv6"),
        ("-A -f 7 -6 -s rr", "IPv6"),
        ("-D -t [fd00::1]:80 --if-present", "IPv6"),
        ("-A --protocol 50 10.0.0.1:80 -s rr", "TCP, UDP and SCTP"),
        ("-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip", "engines"),
        ("-a -t 10.0.0.1:80 -r [fd00::9]:80 -i", "IPv6"),
        ("-d -t 10.0.0.1:80 -r [fd00::9]:80", "IPv6"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i --tun-type gue --tun-port 6080",
            "IP in IP",
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -i --tun-type gre",
            "IP in IP",
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.1.0.1:80 -i --tun-type unreported",
            "kind of a tunnel",
        ),
        ("-Z -t 0.0.0.0:0", "every service"),
        (
            "--start-daemon master --mcast-interface eth0 --mcast-ttl 2",
            "sync daemon",
        ),
        (
            "--start-daemon backup --mcast-interface eth0 --sync-maxlen 1000",
            "sync daemon",
        ),
    ] {
        let operation: Operation = line.parse().unwrap();
        let lack = encode::operation(&operation).unwrap_err();
        assert!(lack.contains(word), "{line}: {lack}");
    }
    // Only the address and the port together stand for every service.
    for line in ["-Z -t 0.0.0.0:80", "-Z -t 10.0.0.1:0"] {
        let operation: Operation = line.parse().unwrap();
        assert!(encode::operation(&operation).is_ok(), "{line}");
    }
}

/// The longest scheduler's name still ends with a zero byte, as the kernel requires.
#[test]
fn the_longest_name() {
    let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
    let service = VirtualService::new(key).scheduler("fifteen-letters".parse().unwrap());
    let Ok(Change::AddService(bytes)) = encode::operation(&Operation::AddService(service)) else {
        panic!("not an addition");
    };
    assert_eq!(
        &bytes[service::SCHEDULER..service::FLAGS],
        b"fifteen-letters\0"
    );
}
