//! Commands that change something or are refused.

use crate::both::{Both, Result, none_of};

pub(crate) fn services() -> Result {
    Both::new()?.all_same(
        "
        -A
        -E
        -D
        -A -s rr
        -A -t 10.0.0.1:80 -s rr
        -A -t 10.0.0.1:80
        -A -t 10.0.0.1
        -A -t 10.0.0.1 -p
        -A -t 10.0.0.1:0 -p
        -A -t 10.0.0.1:99999
        -A -t 10.0.0.1:http
        -A -t 10.0.0.2:http-alt
        -A -u 10.0.0.2:domain
        -A -t 10.0.0.1:nosuch
        -A -t 10.0.0.300:80
        -A -t 10.0.0.1:
        -A -t :80
        -A -t 10.1:80
        -A -t 0x0a000002:81
        -A -t localhost:82
        -A -t no-such-host.invalid:82
        -A -t 0.0.0.0:83
        -A -t fe80::1:80
        -A -t [fd00::1]:80
        -A -t fd00::1 -p 6
        -A -t [fd00::1
        -A -t [fd00::1]80
        -A -t [fd00::3]:80 -p 5 -M 64
        -A -t [fd00::4]:80 -p 5 -M 1
        -A -t [fd00::5]:80 -p 5 -M 128
        -A -t [fd00::6]:80 -p 5 -M 0
        -A -t [fd00::6]:80 -p 5 -M 129
        -A -t [fd00::6]:80 -p 5 -M 255.0.0.0
        -A -t 10.0.0.3:81 -p 5 -M 255.255.0.255
        -A -t 10.0.0.3:82 -p 5 -M 0.0.0.0
        -A -t 10.0.0.3:83 -p 5 -M 300.0.0.0
        -A -t 10.0.0.3:84 -p 0
        -A -t 10.0.0.3:84 -p x
        -A -t 10.0.0.3:84 -p 2678400
        -A -t 10.0.0.3:86 -p
        -A -t 10.0.0.3:87 -p -s rr
        -A -p -t 10.0.0.3:88
        -A -p5 -t 10.0.0.3:89
        -A -p=6 -t 10.0.0.3:90
        -A --persistent=7 -t 10.0.0.3:91
        -A --persistent 8 -t 10.0.0.3:92
        -A -t 10.0.0.4:80 -s nosuch
        -A -t 10.0.0.4:81 --pe nosuch
        -A -t 10.0.0.4:82 --pe sip -p
        -A -t 10.0.0.4:83 -b sh-port
        -A -t 10.0.0.4:84 -s sh -b sh-port,sh-fallback
        -A -t 10.0.0.4:85 -s mh -b sh-port
        -A -t 10.0.0.4:86 -s mh -b foo
        -A -t 10.0.0.4:87 -b mh-port -s mh
        -A -t 10.0.0.4:88 -s mh -b flag-1,flag-2
        -A -u 10.0.0.5:1 -o
        -A -u 10.0.0.5:2 -o -p 5
        -A -t 10.0.0.5:3 -o
        -A --sctp-service 10.0.0.5:4
        -A --sctp-service 10.0.0.5
        -A --sctp-service 10.0.0.5:http
        -A -f 0
        -A -f x
        -A -f 2147483647
        -A -f 4294967296
        -A -f 0x10
        -A -f 5 -6
        -A -f 5 -o
        -A -f 5
        -A -f6
        -A -t10.0.0.6:97
        -A -t=10.0.0.6:98
        -A --tcp-service=10.0.0.6:98
        -A --tcp-service=10.0.0.6:99 --scheduler=wrr
        --add-service --udp-service 10.0.0.6:99 --scheduler wrr
        -A -t 10.0.0.6:100 extra
        -A -t 10.0.0.6:101 -- -p
        -A -t 10.0.0.6:102 -t 10.0.0.6:103
        -A -t 10.0.0.6:102 -f 3
        -A -t 10.0.0.6:102 -A
        -A -t 10.0.0.6:102 --help
        -AL
        -A -t 10.0.0.7:080
        -A -t 10.0.0.7:+81
        -A -t 10.0.0.7:0x52
        -A -t 10.0.0.7:99999999999
        -A -t 10.0.0.7:HTTP
        -A -t 010.1.2.3:80
        -A -t 0x0a.1.2.4:80
        -A -t [fe80::1%lo]:80
        -A -t fe80::1%lo -p
        -A -t [::ffff:10.0.0.1]:80
        -A -t 10.0.0.7:83 -p 010
        -A -t 10.0.0.7:84 -p 0x10
        -A -f 010
        -A -t 10.0.0.7:85 -s sh -b sh-port,
        -A -t 10.0.0.7:86 -s sh -b ,sh-port,,sh-fallback
        -A -t 10.0.0.7:87 -s sh -b sh-port,sh-port
        -A -t 10.0.0.7:88 -s sh -b SH-PORT
        -A -t 10.0.0.7:89 -s rr -b flag-1
        -A -t 10.0.0.7:90 -s sh -b sh-port,flag-3
        -A -t 10.0.0.7:91 -p 5 -M 0xffffff00
        -A -t 10.0.0.7:92 -p 5 -M 255.255.0377.0
        -A -t 10.0.0.7:93 -p 5 -M 255.255.256.0
        -A -t [fd00::8]:80 -p 5 -M 020
        -A -t [fd00::9]:80 -p 5 -M 0x20
        -A -t 10.0.0.7:94 --pe sip
        -E -t 10.0.0.9:80
        -E -t 10.0.0.1:80 -p 50
        -E -t 10.0.0.1:80 -s sh -b sh-port -p
        -E -f 5 -s rr
        -E -f 5 -6 -p 5 -M 48
        -D -t 10.0.0.9:80
        -D -t 10.0.0.1
        -D -f 5
        -D -f 5
        -D -f 77
        -D -u 10.0.0.5:1
        -D -t [fd00::1]:80
        ",
    )
}

pub(crate) fn servers() -> Result {
    Both::new()?.all_same(
        "
        -A -t 10.0.0.1:80 -s rr
        -a
        -e
        -d
        -a -t 10.0.0.1:80
        -a -r 10.0.0.2:80
        -a -t 10.0.0.1:80 -r 10.0.0.3
        -a -t 10.0.0.1:80 -r 10.0.0.4:8080
        -a -t 10.0.0.1:80 -r 10.0.0.4:8080
        -a -t 10.0.0.1:80 -r 10.0.0.5:8080 -m
        -a -t 10.0.0.1:80 -r 10.0.0.5:8080 -i
        -a -t 10.0.0.1:80 -r 10.0.0.5:http-alt -m -w 5
        -a -t 10.0.0.1:80 -r 10.0.0.5:0 -m
        -a -t 10.0.0.1:80 -r 10.0.0.6:8080 --ipip
        -a -t 10.0.0.1:80 -r 10.0.0.7 -w 0
        -a -t 10.0.0.1:80 -r 10.0.0.8 -w 65535
        -a -t 10.0.0.1:80 -r 10.0.0.9 -w 2147483647
        -a -t 10.0.0.1:80 -r 10.0.0.10 -w 2147483648
        -a -t 10.0.0.1:80 -r 10.0.0.10 -w -1
        -a -t 10.0.0.1:80 -r 10.0.0.10 -w x
        -a -t 10.0.0.1:80 -r 10.0.0.10 -w 5x
        -a -t 10.0.0.1:80 -r 10.0.0.10 -x 20 -y 20
        -a -t 10.0.0.1:80 -r 10.0.0.11 -x 65536
        -a -t 10.0.0.1:80 -r 10.0.0.21 -w 010 -x 020
        -a -t 10.0.0.1:80 -r 10.0.0.22 -w 0x10
        -a -t 10.0.0.1:80 -r 10.0.0.22 -w +5
        -a -t 10.0.0.1:80 -r 10.0.0.12 -x 2147483648
        -a -t 10.0.0.1:80 -r 10.0.0.12 -x x
        -a -t 10.0.0.1:80 -r 10.0.0.12 -y -1
        -a -t 10.0.0.1:80 -r 10.0.0.12 -m -g
        -a -t 10.0.0.1:80 -r 10.0.0.12 -m -m
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue --tun-port 0
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue --tun-port 99999
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue --tun-port x
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type foo
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type GUE
        -a -t 10.0.0.1:80 -r 10.0.0.12 -m --tun-type gue --tun-port 5
        -a -t 10.0.0.1:80 -r 10.0.0.12 --tun-type gue --tun-port 5
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type ipip --tun-port 5
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type ipip --tun-csum
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gre --tun-port 5
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gre --tun-remcsum
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue --tun-port 5 --tun-csum --tun-remcsum
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-type gue --tun-port 5 --tun-nocsum --tun-csum
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-port 5
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-csum
        -a -t 10.0.0.1:80 -r 10.0.0.12 -i --tun-nocsum
        -a -t 10.0.0.1:80 -r 10.0.0.13 -i --tun-type gue --tun-port 5 --tun-remcsum
        -a -t 10.0.0.1:80 -r 10.0.0.14 -i --tun-port 65535 --tun-type gue --tun-csum
        -a -t 10.0.0.1:80 -r 10.0.0.15 -i --tun-type gue --tun-port 6080
        -a -t 10.0.0.1:80 -r 10.0.0.16 -i --tun-type gre
        -a -t 10.0.0.1:80 -r 10.0.0.17 -i --tun-type gre --tun-csum
        -a -t 10.0.0.1:80 -r 10.0.0.18 -i --tun-type gre --tun-nocsum
        -a -t 10.0.0.1:80 -r 10.0.0.19 -i --tun-type ipip
        -a -t 10.0.0.1:80 -r [fd00::5]:80
        -a -t 10.0.0.1:80 -r [fd00::5]:80 -m
        -a -t 10.0.0.1:80 -r localhost -m
        -a -t 10.0.0.1:80 -r no-such-host.invalid -m
        -a -t 10.0.0.1:80 -r 10.0.0.20: -m
        -a -t 10.0.0.1:80 -r :80 -m
        -a -t 10.0.0.99:80 -r 10.0.0.2
        -A -u 10.0.0.1:53
        -a -u 10.0.0.1:53 -r 10.0.0.2:domain -m
        -e -t 10.0.0.1:80 -r 10.0.0.3 -w 7
        -e -t 10.0.0.1:80 -r 10.0.0.15 -w 7
        -e -t 10.0.0.1:80 -r 10.0.0.99 -w 7
        -e -t 10.0.0.77:80 -r 10.0.0.3
        -d -t 10.0.0.1:80 -r 10.0.0.99
        -d -t 10.0.0.1:80 -r 10.0.0.3
        -d -t 10.0.0.1:80 -r 10.0.0.3:80
        -d -t 10.0.0.77:80 -r 10.0.0.2
        -A -f 9
        -a -f 9 -r 10.0.0.2
        -a -f 9 -r 10.0.0.2:80 -g
        -a -f 9 -r 10.0.0.3:81 -i
        -A -f 9 -6
        -a -f 9 -6 -r fd00::9 -m
        -a -f 9 -6 -r 10.0.0.5 -i
        -A -t [fd00::1]:80
        -a -t [fd00::1]:80 -r [fd00::2]:8080 -m
        -a -t [fd00::1]:80 -r fd00::3
        -a -t [fd00::1]:80 -r 10.0.0.3:80 -i
        -a -t [fd00::1]:80 -r 10.0.0.3:80 -g
        -a -t [fd00::1]:80 -r [fe80::1]:80 -g
        ",
    )
}

pub(crate) fn timeouts_zero_and_clear() -> Result {
    Both::new()?.all_same(
        "
        --set 0 0 0
        --set 10 20
        --set 10
        --set
        --set 1 2 3
        -L --timeout
        --set 0 50 0
        -L --timeout
        --set 10 20 30 40
        --set x 20 30
        --set 4294967296 1 1
        --set 2147483 1 1
        --set 010 0x10 5
        --set 010 020 5
        -A -t 10.0.0.1:80
        -Z
        -Z -t 10.0.0.1:80
        -Z -t 10.0.0.77:80
        -Z -f 9
        -Z -n
        -C extra
        -C -C
        -CZ
        -C
        -L -n
        ",
    )
}

pub(crate) fn daemons() -> Result {
    let both = Both::with_device()?;
    both.all_same(
        "
        --start-daemon foo
        --start-daemon master
        -L --daemon
        --start-daemon master
        --start-daemon backup --mcast-interface eth0 --syncid 255 --sync-maxlen 2000 --mcast-group 224.0.0.5 --mcast-port 8849 --mcast-ttl 5
        -L --daemon
        --stop-daemon foo
        --stop-daemon master
        --stop-daemon master
        --stop-daemon backup
        --start-daemon=backup
        -L --daemon
        --stop-daemon backup
        --start-daemon backup --syncid 256
        --start-daemon backup --syncid -1
        --start-daemon backup --sync-maxlen 0
        --start-daemon backup --mcast-port 0
        --start-daemon backup --mcast-port 65536
        --start-daemon backup --mcast-ttl 0
        --start-daemon backup --mcast-ttl 256
        --start-daemon backup --mcast-group 10.0.0.1
        --start-daemon backup --mcast-group foo
        --start-daemon backup --mcast-interface no-such
        --start-daemon backup --mcast-group ff02::1%eth0
        --start-daemon backup --mcast-group ff05::1
        -L --daemon
        -A -t 10.0.0.1:80
        -a -t 10.0.0.1:80 -r [fd00::2]:80 -i
        --stop-daemon backup
        -a -t 10.0.0.1:80 -r [fd00::2]:80 -i
        --start-daemon backup
        ",
    )
}

/// The differences in the exit status: the command, the status of the tool, and that of the
/// example. `--help` lists all of them.
const DIFFERENCES: &[(&str, i32, i32)] = &[
    // The status is 2 for every error in the arguments.
    ("-A --foo", 255, 2),
    ("-A -t", 255, 2),
    ("--foo", 255, 2),
    ("-n", 255, 2),
    ("-n -L", 255, 2),
    ("-t 10.0.0.1:80", 255, 2),
    ("--start-daemon", 255, 2),
    ("--stop-daemon", 255, 2),
    ("-a -t 10.0.0.1:80 -r", 255, 2),
    ("-A -t 10.0.0.3:84 -p -5", 255, 2),
    // The arguments are wrong on any kernel.
    ("-a -t 10.0.0.1:80 -r 10.0.0.10 -x 10 -y 20", 255, 2),
    ("-a -t 10.0.0.1:80 -r 10.0.0.10 -y 20", 255, 2),
    ("-a -t 10.0.0.1:80 -r 224.0.0.1", 255, 2),
    ("-a -t 10.0.0.1:80 -r 0.0.0.0", 255, 2),
    ("--set -1 20 30", 255, 2),
    // The tool cuts these names off.
    ("-A -t 10.0.0.3:89 -s averylongschedulername", 255, 2),
    ("-A -t 10.0.0.3:89 --pe averyveryveryverylongname", 255, 2),
    // Older tools print these forms.
    ("-A -u 10.0.0.1:82 ops", 2, 0),
    ("-A -u 10.0.0.1:81 pe sip", 2, 0),
    // Masks that are misread or have no effect.
    ("-A -t 10.0.0.3:92 -p 5 -M 24", 0, 2),
    ("-A -t 10.0.0.3:93 -M 255.255.255.0", 0, 2),
    ("-A -t [fd00::2]:80 -M 64", 0, 2),
    // Timeouts that the kernel accepts.
    ("-A -t 10.0.0.3:94 -p 2678401", 2, 0),
    ("-A -t 10.0.0.3:95 -p 4294967295", 2, 0),
    // Options without effect.
    ("-L -n --syncid 3", 0, 2),
    ("-L -6", 2, 2),
    ("--stop-daemon master --syncid 3", 255, 2),
    // The order of options does not matter.
    ("-A -6 -f 6", 2, 0),
    // Also accepted.
    ("-A -t [fd00::7] -p 5", 2, 0),
    ("-a -t 10.0.0.1:80 -r [fd00::7] -i", 2, 0),
    ("-A -f -5", 2, 0),
    ("-D -t 10.0.0.9:80 --if-present", 255, 0),
    ("--put-service -t 10.0.0.1:80", 255, 0),
];

pub(crate) fn differences() -> Result {
    let both = Both::new()?;
    let mut wrong = Vec::new();
    for (line, tool, ours) in DIFFERENCES {
        both.prepare(&["-A -t 10.0.0.1:80 -s rr"])?;
        let statuses = (both.tool.run(line)?.status, both.ours.run(line)?.status);
        if statuses != (*tool, *ours) {
            wrong.push(format!("{line}: {statuses:?}"));
        }
    }
    none_of(&wrong)
}
