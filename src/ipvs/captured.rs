//! Messages captured from the real tool and the real kernel, read and written. They are in the
//! byte order of the machine on which they were captured, a little-endian one.

use crate::captured::{self, Run};
use crate::ipvs::Operation;
use crate::ipvs::messages::{IpvsMessage, Query, Report};

/// The runs of `ipvsadm`.
fn runs() -> Vec<Run> {
    captured::runs("ipvsadm", include_str!("captured.txt"))
}

fn run(arguments: &str) -> Run {
    let found = runs().into_iter().find(|it| it.arguments == arguments);
    found.unwrap()
}

fn read(bytes: &[u8]) -> IpvsMessage {
    assert_eq!(bytes[1], IpvsMessage::VERSION);
    IpvsMessage::decode(bytes[0], &bytes[4..]).unwrap()
}

fn write(message: &IpvsMessage) -> Vec<u8> {
    let header = [message.command(), IpvsMessage::VERSION, 0, 0];
    [&header[..], &message.encode().unwrap()].concat()
}

/// The tool sends more than it need (every attribute of a service to name it, an empty
/// scheduler), so the bytes differ; what they say does not.
#[test]
fn what_the_tool_sends_is_what_its_arguments_say() {
    let mut operations = 0;
    for run in runs() {
        if run.arguments.starts_with("-L") {
            continue;
        }
        let [sent] = &run.sent[..] else {
            panic!("{}: {} requests", run.arguments, run.sent.len());
        };
        let meant: Operation = run.arguments.parse().unwrap();
        match (read(sent), meant) {
            // Both are what the kernel reports too; see `IpvsMessage`.
            (IpvsMessage::Report(Report::Timeouts(read)), Operation::SetTimeouts(meant)) => {
                assert_eq!((read.tcp, read.udp), (meant.tcp, meant.udp));
            }
            (IpvsMessage::Report(Report::Daemon(read)), Operation::StartDaemon(meant)) => {
                assert_eq!(read, meant);
            }
            (read, meant) => {
                assert_eq!(read, IpvsMessage::Operation(meant), "{}", run.arguments);
            }
        }
        operations += 1;
    }
    assert!(operations > 15, "{operations}");
}

#[test]
fn what_is_written_reads_back() {
    for run in runs() {
        for bytes in run.sent.iter().chain(&run.received) {
            let message = read(bytes);
            assert_eq!(read(&write(&message)), message);
        }
    }
}

#[test]
fn what_the_kernel_reports_of_services_and_servers() {
    let list = run("-Ln");
    let services: Vec<_> = list.received.iter().filter(|it| it[0] == 1).collect();
    let lines: Vec<_> = services.iter().map(|it| line(it)).collect();
    assert_eq!(
        lines,
        [
            "-u [fd00::1]:53 -s wlc -o",
            "--sctp-service 10.0.0.1:132 -s rr -p 300 -M 255.255.255.0",
            "-t 10.0.0.1:80 -s wrr",
            "-u 10.0.0.1:5060 -s rr -p 60 --pe sip",
            "-f 7 -6 -s sh -p 60 -M 64 -b sh-port",
        ]
    );
    let servers: Vec<_> = list.received.iter().filter(|it| it[0] == 5).collect();
    let lines: Vec<_> = servers.iter().map(|it| line(it)).collect();
    assert_eq!(
        lines,
        [
            "-r [fd00::9]:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
            "-r 10.1.0.2:80 -i -w 0 --tun-type ipip",
            "-r 10.1.0.1:8080 -m -w 3 -x 10 -y 5",
            "-r [fd00::9]:0 -i -w 1 --tun-type gre --tun-csum",
        ]
    );
}

fn line(bytes: &[u8]) -> String {
    match read(bytes) {
        IpvsMessage::Report(Report::Service(service)) => service.to_string(),
        IpvsMessage::Report(Report::Server(server)) => server.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_kernel_reports_of_the_rest() {
    let timeouts = read(&run("-L --timeout").received[0]);
    let IpvsMessage::Report(Report::Timeouts(timeouts)) = timeouts else {
        panic!("{timeouts:?}");
    };
    assert_eq!(timeouts.to_string(), "77 120 66");
    let daemon = read(&run("-L --daemon").received[0]);
    let IpvsMessage::Report(Report::Daemon(daemon)) = daemon else {
        panic!("{daemon:?}");
    };
    assert_eq!(
        daemon.to_string(),
        "master --mcast-interface lo --syncid 7 --sync-maxlen 1400 --mcast-group 224.0.0.82 \
         --mcast-port 8849 --mcast-ttl 3"
    );
}

/// The bytes that this crate sends, against those that the tool sends for the same: the same
/// attributes with the same payloads, where both send them.
#[test]
fn attributes_are_encoded_as_the_tool_encodes_them() {
    use crate::wire::Attributes;
    let mut compared = 0;
    for run in runs() {
        let Ok(meant) = run.arguments.parse::<Operation>() else {
            continue;
        };
        let ours = write(&IpvsMessage::Operation(meant));
        let theirs = &run.sent[0];
        assert_eq!(ours[..2], theirs[..2], "{}", run.arguments);
        for own in Attributes::new(&ours[4..]).map(Result::unwrap) {
            let same = |kind| move |it: &crate::wire::Attribute<'_>| it.kind() == kind;
            let mut all = Attributes::new(&theirs[4..]).map(Result::unwrap);
            let their = all.find(same(own.kind())).unwrap();
            if own.kind() > 3 {
                assert_eq!(own.payload(), their.payload());
                continue;
            }
            for own in own.nested().map(Result::unwrap) {
                let mut all = their.nested().map(Result::unwrap);
                let their = all.find(same(own.kind())).unwrap();
                // The tool pads an IPv4 address to sixteen bytes.
                let payload = &their.payload()[..own.payload().len().min(their.payload().len())];
                assert_eq!(own.payload(), payload, "{}", run.arguments);
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn questions_read_back() {
    let key = "-t 10.0.0.1:80".parse().unwrap();
    for query in [
        Query::Service(key),
        Query::Services,
        Query::Servers(key),
        Query::Timeouts,
        Query::Daemons,
        Query::Info,
    ] {
        let message = IpvsMessage::Query(query);
        assert_eq!(read(&write(&message)), message);
    }
}
