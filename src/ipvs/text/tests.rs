use std::net::IpAddr;
use std::sync::Mutex;

use super::*;
use crate::ipvs::{RealServer, ServiceKey, SyncDaemon, VirtualService};
use crate::{Family, Protocol};

/// The output of `ipvsadm -S -n` (1.31) for a table with everything in it.
const SAVED: &str = "\
-A -t 10.0.0.1:0 -s rr -p 60
-a -t 10.0.0.1:0 -r 10.1.0.2:0 -m -w 1
-A -t 10.0.0.1:80 -s rr -p 360
-a -t 10.0.0.1:80 -r [fd00::9]:80 -i -w 65535 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0
-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 1
-a -t 10.0.0.1:80 -r 10.1.0.3:80 -g -w 1
-a -t 10.0.0.1:80 -r 10.1.0.4:80 -i -w 1 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 10.0.0.1:80 -r 10.1.0.6:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.1:80 -r 10.1.0.7:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.1:80 -r 10.1.0.8:80 -i -w 1 --tun-type gre --tun-csum
-a -t 10.0.0.1:80 -r 10.1.0.9:80 -i -w 1 --tun-type gre --tun-nocsum
-A -t 10.0.0.1:81 -s wlc -p 600 -M 255.255.255.0
-A -t 10.0.0.1:82 -s wlc -p 600 -M 255.0.255.0
-A -t 10.0.0.1:83 -s sh -b sh-fallback,sh-port
-A -t 10.0.0.1:84 -s mh -b mh-port
-A -t 10.0.0.1:85 -s rr -b flag-1,flag-3
-A -t 10.0.0.1:89 -s none
-A -t 10.0.0.1:90 -s wlc
-A -t 10.0.0.1:91 -s wlc -p 60 -M 0.0.0.0
-A -u 10.0.0.1:53 -s rr -o
-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip -o
-A -u 10.0.0.1:5061 -s rr --pe sip
-A --sctp-service [fd00::1]:80 -s rr -p 60 -M 64
-A -f 7 -s rr
-a -f 7 -r 10.1.0.1:99 -g -w 1
-a -f 7 -r 10.1.0.2:0 -m -w 1
-A -f 7 -6 -s rr -p 60 -M 48
-a -f 7 -6 -r [fd00::9]:80 -m -w 1
";

/// Operations that the tool does not print, and options of this crate.
const MORE: &str = "\
-E -t 10.0.0.1:80 -s sh -b sh-port,flag-3
-A -t 10.0.0.1:80 -s rr -b 0x40
-D -u [fd00::1]:53
-d -t 10.0.0.1:80 -r 10.1.0.1:80
-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 2147483647 -x 10 -y 5
-a -t 10.0.0.1:80 -r 10.1.0.1:80 --forward local -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 --forward bypass -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 --forward 7 -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 1 --tun-type gue --tun-port 1 --tun-flags 0x3
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 1 --tun-type 0 --tun-port 5 --tun-flags 0x1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 1 --tun-type 9 --tun-port 0 --tun-flags 0x0
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 1 --tun-type unreported
-A --protocol 50 10.0.0.1:80 -s rr
--put-service -t 10.0.0.1:80 -s rr
--put-server -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
-D -f 4294967295 --if-present
-d -f 1 -6 -r [fd00::9]:80 --if-present
-C
-Z
-Z --sctp-service 10.0.0.1:80
--set 77 0 66
--start-daemon master --mcast-interface eth0 --syncid 0
--start-daemon backup --mcast-interface lo --syncid 7 --sync-maxlen 1400 --mcast-group ff02::1 --mcast-port 99 --mcast-ttl 3
--stop-daemon backup
";

#[test]
fn every_line_prints_as_it_was_read() {
    for text in [SAVED, MORE] {
        let mut printed = String::new();
        for line in parse(text) {
            printed += &format!("{}\n", line.unwrap().operation);
        }
        assert_eq!(printed, text);
    }
}

#[test]
fn the_tools_other_spellings_and_defaults() {
    for (spelling, plain) in [
        ("-A -t 10.0.0.1:80", "-A -t 10.0.0.1:80 -s wlc"),
        (
            "-A -s rr -p -t 10.0.0.1:80",
            "-A -t 10.0.0.1:80 -s rr -p 360",
        ),
        ("-A -t10.0.0.1:80 -srr", "-A -t 10.0.0.1:80 -s rr"),
        (
            "--add-service --tcp-service=10.0.0.1:80 --scheduler rr --persistent --ops",
            "-A -t 10.0.0.1:80 -s rr -p 360 -o",
        ),
        (
            "-A -t 10.0.0.1:80 -p 5 -M 255.255.255.255",
            "-A -t 10.0.0.1:80 -s wlc -p 5",
        ),
        ("-A -f -1 -s rr", "-A -f 4294967295 -s rr"),
        ("-A -6 -f 3", "-A -f 3 -6 -s wlc"),
        ("-A -t fd00::1 -p 5", "-A -t [fd00::1]:0 -s wlc -p 5"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1",
            "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -g -w 1",
        ),
        (
            "-A -u 10.0.0.1:80 -s rr -p 360 pe sip ops",
            "-A -u 10.0.0.1:80 -s rr -p 360 --pe sip -o",
        ),
        (
            "-A -t 10.0.0.1:080 -s sh -b ,sh-port,,sh-port,",
            "-A -t 10.0.0.1:80 -s sh -b sh-port",
        ),
        (
            "-A -t 10.0.0.1:80 -p 5 -M 0xffff0000",
            "-A -t 10.0.0.1:80 -s wlc -p 5 -M 255.255.0.0",
        ),
        (
            "-A --protocol SCTP 10.0.0.1:80",
            "-A --sctp-service 10.0.0.1:80 -s wlc",
        ),
        (
            "-a -t 10.0.0.1:80 -r [fd00::1] -i",
            "-a -t 10.0.0.1:80 -r [fd00::1]:80 -i -w 1 --tun-type ipip",
        ),
        (
            "--add-server -t 10.0.0.1:80 --real-server 10.1.0.1 --masquerading --weight=3",
            "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 3",
        ),
        (
            "--start-daemon=backup",
            "--start-daemon backup --mcast-interface eth0 --syncid 0",
        ),
    ] {
        let operation: Operation = spelling.parse().unwrap();
        assert_eq!(operation.to_string(), plain);
    }
}

#[test]
fn what_cannot_be_read_is_named_with_line_and_column() {
    for (text, column, words) in [
        ("-A", 1, "service"),
        ("hello", 1, "`hello` is not a command"),
        (" -A -t 10.0.0.1:80 -z", 20, "`-z` is not an option"),
        ("-A -t", 6, "the value of `-t` is missing"),
        ("-A -t host:80", 7, "`host:80` is not an address"),
        ("-A -t 10.0.0.1:80 -u 10.0.0.1:80", 19, "used with `-t`"),
        ("-A -t 10.0.0.1:80 -w 1", 19, "has no option"),
        ("-A -t 10.0.0.1:80 -s sixteen-letters.", 22, "16 bytes"),
        ("-A -t 10.0.0.1:80 -p x", 22, "4294967295"),
        ("-A -t 10.0.0.1:80 -M 255.0.0.0", 22, "requires `-p`"),
        ("-A -t 10.0.0.1:80 -p 1 -M 24", 27, "numeric address"),
        ("-A -t [::1]:80 -p 1 -M 256", 24, "0 to 255"),
        (
            "-A -t 10.0.0.1:80 -s rr -b flag-1,sh-port",
            35,
            "no flag `sh-port`",
        ),
        ("-A -f 0", 7, "can't be 0"),
        ("-A -t 10.0.0.1:80 -6", 19, "IPv4"),
        ("-a -t 10.0.0.1:80", 1, "`-r`"),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1 -w", 33, "missing"),
        ("-a -t 10.0.0.1:80 -r 10.1.0.1 -m -g", 34, "used with `-m`"),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -m --tun-port 1",
            34,
            "requires `-i`",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-port 1",
            34,
            "--tun-type",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue",
            45,
            "--tun-port",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.1.0.1 -i --tun-type gue --tun-port 70000",
            60,
            "not a number from 0 to 65535",
        ),
        ("-A -t 10.0.0.1:80 -o=1", 21, "takes no value"),
        ("-A -t 10.0.0.1:80 oops", 19, "`oops` is not an option"),
        ("-A -t 10.0.0.1:80 ops -o", 23, "can't be used with `ops`"),
        ("-A -t 10.0.0.1:80 -s sh -b ,", 28, "a flag is missing"),
        ("-A -t [fe80::1%2]:80", 7, "has a zone"),
        ("-A -t fe80::1%lo -p", 7, "has a zone"),
        ("-A -t 0x0a.1.2.3:80", 7, "is not an address"),
        ("-A -t 10.1:80", 7, "is not an address"),
        ("-A -t fd00::1]:80", 7, "is not an address"),
        ("-A -t [10.0.0.1]:80", 7, "is not an address"),
        ("-A -t 10.0.0.1:http", 7, "is not an address"),
        ("-A --protocol espp 10.0.0.1:80", 15, "a protocol's name"),
        ("-A -t 10.0.0.1:80\u{a0}-s rr", 22, "`rr` is not an option"),
        ("-A -t 10.0.0.1:80\u{b}-s rr", 22, "`rr` is not an option"),
        ("-A -t 10.0.0.1:80 -s rr\u{a0}", 22, "has characters"),
        ("--set 1 2", 10, "timeout is missing"),
        ("--set 1 2 3 4", 13, "too many"),
        ("--start-daemon both", 16, "neither"),
        ("-C x", 4, "`x` is not an option"),
    ] {
        let whole = format!("# comment\n\n{text}\n");
        let error = parse(&whole).next().unwrap().unwrap_err();
        assert!(error.is_invalid_input());
        assert_eq!(error.position(), Some((3, column)), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// Values that another program may have set, and that the tool loses or refuses.
const ODD: &str = "\
-A -t 10.0.0.1:80 -s rr -b flag-1
-A -t 10.0.0.1:80 -s sh -b flag-3,0x40
-A -t 10.0.0.1:80 -s rr -p 0
-A -t 10.0.0.1:80 -s rr -p 3456000 -M 0.255.0.1
-A -t 10.0.0.1:0 -s rr
-A -t 10.0.0.1:80 -s rr -o
-A -t 10.0.0.1:80 -s rr --pe sip
-A --protocol 50 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -g -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:8080 -i -w 1 --tun-type gue --tun-port 1 --tun-csum
-a -t 10.0.0.1:80 -r [fd00::1]:0 -i -w 1 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.1:80 --forward bypass -w 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 --forward 7 -w 1 -x 4294967295 -y 1
-a -t 10.0.0.1:80 -r 10.1.0.1:80 -i -w 1 --tun-type 9 --tun-port 7 --tun-flags 0x8
";

#[test]
fn what_the_kernel_holds_can_be_put_back() {
    for line in parse(ODD) {
        let operation = line.unwrap().operation;
        operation.check().unwrap();
        let text = operation.to_string();
        assert!(ODD.lines().any(|it| it == text), "{text}");
        assert_eq!(text.parse::<Operation>().unwrap(), operation);
        #[cfg(feature = "serde")]
        {
            let json = serde_json::to_string(&operation).unwrap();
            let read: Operation = serde_json::from_str(&json).unwrap();
            assert_eq!(read, operation, "{json}");
        }
    }
}

/// Some names, and the hosts that were looked up.
#[derive(Default)]
struct Example {
    asked: Mutex<Vec<String>>,
}

impl Names for Example {
    fn address(&self, host: &str, family: Option<Family>) -> Option<IpAddr> {
        self.asked.lock().unwrap().push(host.to_owned());
        match (host, family) {
            ("both", Some(Family::Ipv4)) => Some([10, 0, 0, 1].into()),
            ("both", Some(Family::Ipv6)) => "fd00::1".parse().ok(),
            _ => None,
        }
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        match (service, protocol) {
            ("http", Protocol::TCP) => Some(80),
            ("domain", Protocol::UDP) => Some(53),
            _ => None,
        }
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        (name == "ours").then(|| Protocol::from_number(253))
    }
}

#[test]
fn names_stand_for_numbers() {
    let names = Example::default();
    let read = |line| {
        let operation = parse_with(line, &names).next().unwrap()?.operation;
        Ok::<_, crate::Error>(operation.to_string())
    };
    for (named, plain) in [
        ("-A -t both:http -s rr", "-A -t 10.0.0.1:80 -s rr"),
        ("-A -t [both]:http -s rr", "-A -t [fd00::1]:80 -s rr"),
        ("-A -u [fd00::2]:domain -s rr", "-A -u [fd00::2]:53 -s rr"),
        ("-A -t both -s rr -p 5", "-A -t 10.0.0.1:0 -s rr -p 5"),
        (
            "-a -u both:domain -r both:domain -m",
            "-a -u 10.0.0.1:53 -r 10.0.0.1:53 -m -w 1",
        ),
        (
            "-a -t both:http -r both -m",
            "-a -t 10.0.0.1:80 -r 10.0.0.1:80 -m -w 1",
        ),
        (
            "-A --protocol ours both:80",
            "-A --protocol 253 10.0.0.1:80 -s wlc",
        ),
    ] {
        assert_eq!(read(named).unwrap(), plain);
    }
    for wrong in [
        "-A -t other:http",
        "-A -u both:http",
        "-A -t both:HTTP",
        "-A -t both:",
        "-A -t :http",
        "-A --sctp-service both:http",
        "-a -f 1 -r both:http",
        "-A --protocol theirs both:80",
    ] {
        assert!(read(wrong).unwrap_err().is_invalid_input(), "{wrong}");
    }
    names.asked.lock().unwrap().clear();
    for wrong in [
        "10.0.0.300:80",
        "0x0a.1.2.3:80",
        "fe80::1%lo",
        "[fe80::g]:80",
    ] {
        let line = format!("-A -t {wrong}");
        assert!(parse_with(&line, &names).next().unwrap().is_err());
    }
    assert_eq!(*names.asked.lock().unwrap(), [""; 0]);
}

/// A program may hold the iterator across an await point on a runtime with several threads.
#[test]
fn lines_can_be_sent() {
    fn send<T: Send>(_: T) {}
    send(parse("-C"));
}

#[test]
fn a_line_that_is_not_utf8_is_an_error_of_that_line() {
    let text = b"# caf\xe9\n-A -t 10.0.0.1:80\r\n-A -t \xe9:80\n\t-C\n";
    let lines: Vec<_> = parse(text).collect();
    let [Ok(first), Err(error), Ok(last)] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!((first.number, last.number), (2, 4));
    assert_eq!(error.position(), Some((3, 7)));
    assert!(error.is_invalid_input());
}

#[test]
fn lines_without_an_operation_are_skipped() {
    let text = " \t\r\n \t# comment\n\n-A -t 10.0.0.1:80\n  ";
    let lines: Vec<_> = parse(text).map(|it| it.unwrap().number).collect();
    assert_eq!(lines, [4]);
}

/// Reading a megabyte of flags takes linear time.
#[test]
fn many_flags_are_read_in_one_go() {
    let flags = "sh-port,".repeat(1 << 17);
    let line = format!("-A -t 10.0.0.1:80 -s sh -b {flags}");
    let operation: Operation = line.parse().unwrap();
    assert_eq!(operation.to_string(), "-A -t 10.0.0.1:80 -s sh -b sh-port");
}

#[test]
fn parts_of_a_line_read_back() {
    let key: ServiceKey = "-f 9 -6".parse().unwrap();
    assert_eq!(key.to_string().parse::<ServiceKey>().unwrap(), key);
    let service: VirtualService = "-u 10.0.0.1:53 -s rr -o".parse().unwrap();
    assert_eq!(service.to_string(), "-u 10.0.0.1:53 -s rr -o");
    let server: RealServer = "-r 10.0.0.1:53 -m -w 7 -x 3".parse().unwrap();
    assert_eq!(server.to_string(), "-r 10.0.0.1:53 -m -w 7 -x 3");
    assert!("-t 1.1.1.1:1 -r 10.0.0.1:53".parse::<RealServer>().is_err());
    let daemon: SyncDaemon = "master --mcast-interface lo".parse().unwrap();
    assert_eq!(daemon, SyncDaemon::master("lo"));
}
