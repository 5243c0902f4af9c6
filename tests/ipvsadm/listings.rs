//! Compares listings of the same table.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use ipvset::ipvs::Ipvs;
use lab::Namespace;
use lab::test::eventually;

use crate::both::{Answer, Result, ours, output};

/// Every kind of service and server that the tool lists correctly.
const TABLE: &str = "\
-A -t 10.9.9.9:80 -s rr
-a -t 10.9.9.9:80 -r 10.0.0.2:8080 -m -w 100
-a -t 10.9.9.9:80 -r 10.0.0.12:8080 -m -w 0
-A -t 10.9.9.9:81 -s wlc -p 300 -M 255.255.255.0
-a -t 10.9.9.9:81 -r 10.0.0.2:8080 -m
-A -t 10.9.9.9:82 -s mh -b mh-port,mh-fallback
-a -t 10.9.9.9:82 -r 10.0.0.12:82 -i
-a -t 10.9.9.9:82 -r 10.0.0.13:82 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.9.9.9:82 -r 10.0.0.14:82 -i --tun-type gre
-a -t 10.9.9.9:82 -r 10.0.0.15:82 -i --tun-type gue --tun-port 1 --tun-remcsum
-a -t 10.9.9.9:82 -r 10.0.0.16:82 -i --tun-type gue --tun-port 65535
-a -t 10.9.9.9:82 -r 10.0.0.17:82 -i --tun-type gre --tun-csum
-a -t 10.9.9.9:82 -r 10.0.0.100:82 -m -w 2147483647
-A -t 10.9.9.9:0 -s sh -p 50
-a -t 10.9.9.9:0 -r 10.0.0.2:0 -m
-A -u 10.9.9.9:53 -s rr -o
-a -u 10.9.9.9:53 -r 10.0.0.2:53 -m
-A -u 10.9.9.9:5060 -s rr -p 60 --pe sip
-a -u 10.9.9.9:5060 -r 10.0.0.2:5060 -m
-A --sctp-service 10.9.9.9:90 -s nq
-a --sctp-service 10.9.9.9:90 -r 10.0.0.2:90 -m
-A -f 7 -s rr -p 100 -o
-a -f 7 -r 10.0.0.2:0 -m
-a -f 7 -r 10.0.0.2:9 -m
-A -f 7 -6 -s rr -p 100 -M 64
-a -f 7 -6 -r [fd00::2]:0 -m
-A -f 2147483647 -s lc -b flag-1
-A -t [fd09::9]:80 -s rr
-a -t [fd09::9]:80 -r [fd00::2]:8080 -m
-a -t [fd09::9]:80 -r [fd00:1111:2222:3333:4444:5555:6666:7777]:65535 -m -w 0
-A -t [fd09:db8:1111:2222:3333:4444:5555:6666]:65535 -s fo
-A -u [fd09::9]:54 -s rr -p 30 -M 64 -o
-a -u [fd09::9]:54 -r [fd00::2]:53 -m
-A -t 127.0.0.1:25 -s sed
-a -t 127.0.0.1:25 -r 127.0.0.1:110 -m
";

fn addresses() -> Result {
    let own = [
        "10.0.0.100/24",
        "10.0.0.2/32",
        "10.9.9.9/32",
        "fd00::2/16",
        "fd09::9/128",
    ];
    for address in own {
        lab::tool("ip", ["address", "add", address, "dev", "lo"])?;
    }
    Ok(())
}

/// Runs the same command with both programs in the calling thread's namespace.
fn both(line: &str) -> Result<(Answer, Answer)> {
    let here = Namespace::current()?;
    let tool = output(here.command("ipvsadm")?, line, "")?;
    let ours = output(here.command(&ours()?.to_string_lossy())?, line, "")?;
    Ok((tool, ours))
}

fn same(line: &str) -> Result<Answer> {
    // The listed values change over time, so the outputs agree only if both programs run at nearly
    // the same time.
    for _ in 0..20 {
        let (tool, ours) = both(line)?;
        if tool == ours || (tool.status != 0 && tool.status == ours.status) {
            return Ok(ours);
        }
    }
    let (tool, ours) = both(line)?;
    Err(format!(
        "{line}\nthe tool:\n{}\nours:\n{}\n{tool:?}\n{ours:?}",
        tool.out, ours.out
    )
    .into())
}

const COLUMNS: [&str; 8] = [
    "",
    "--stats",
    "--rate",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--stats --rate",
    "--tun-info --thresholds --persistent-conn",
];

pub(crate) fn of_a_table() -> Result {
    addresses()?;
    lab::tool_with_input("ipvsadm", ["-R"], TABLE)?;
    for columns in COLUMNS {
        for how in ["-n", "", "-X --nosort --sort"] {
            let listed = same(&format!("-L {columns} {how}"))?;
            assert_eq!(listed.status, 0);
            assert!(listed.out.lines().count() > 30, "{listed:?}");
        }
    }
    for line in [
        "-l",
        "--list",
        "-ln",
        "--list --numeric",
        "-L --timeout",
        "-L --timeout -n",
        "-L --daemon",
        "-Lc",
        "-Lnc",
        "-L -c --persistent-conn",
        "-L -c --exact --nosort",
        "-S",
        "-Sn",
        "--save",
        "-S -n",
        "-L --timeout --nosort",
        "-Ln --tun-info --exact",
    ] {
        assert_eq!(same(line)?.status, 0, "{line}");
    }
    for line in [
        "-L -c --stats",
        "-L -c --rate",
        "-L -c --thresholds",
        "-L --timeout --stats",
        "-L --daemon --stats",
        "-L --daemon --timeout",
        "-L -c --timeout",
        "-L -c -t 10.9.9.9:80",
        "-L -t 10.9.9.9:80 --daemon",
        "-L -t 10.9.9.9:80 --timeout",
        "-L extra",
        "-L -A",
        "-S extra",
        "-L -t 10.9.9.9:80 -u 10.9.9.9:53",
        "-R extra",
    ] {
        assert_eq!(same(line)?.status, 2, "{line}");
    }
    // Tests the default command.
    let (tool, ours) = both("")?;
    assert_eq!(tool, ours);
    Ok(())
}

pub(crate) fn of_one_service() -> Result {
    addresses()?;
    lab::tool_with_input("ipvsadm", ["-R"], TABLE)?;
    for service in [
        "-t 10.9.9.9:82",
        "-u 10.9.9.9:53",
        "--sctp-service 10.9.9.9:90",
        "-f 7",
        "-f 7 -6",
        "-t [fd09::9]:80",
        "-t localhost:smtp",
        "-t 10.9.9.9",
    ] {
        for columns in COLUMNS {
            let listed = same(&format!("-L {service} {columns} -n"))?;
            assert_eq!(listed.status, 0, "{service} {columns}");
        }
    }
    for how in ["", "--nosort", "--exact --stats"] {
        assert_eq!(same(&format!("-L -t 10.9.9.9:82 {how}"))?.status, 0);
    }
    let missing = same("-L -t 10.9.9.9:4711")?;
    assert_eq!((missing.status, missing.out.as_str()), (1, ""));
    assert_eq!(same("-L -f 8 -n")?.status, 1);
    Ok(())
}

pub(crate) fn of_traffic() -> Result {
    addresses()?;
    lab::tool_with_input("ipvsadm", ["-R"], TABLE)?;
    let servers = [
        TcpListener::bind("10.0.0.2:8080")?,
        TcpListener::bind("[fd00::2]:8080")?,
    ];
    let mut open = Vec::new();
    for (address, server) in [("10.9.9.9:80", 0), ("[fd09::9]:80", 1), ("10.9.9.9:81", 0)] {
        let address: SocketAddr = address.parse()?;
        let mut client = TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
        let (mut accepted, _) = servers[server].accept()?;
        client.write_all(b"hello")?;
        accepted.read_exact(&mut [0; 5])?;
        open.push((client, accepted));
    }
    // Closes one connection only at the client's end.
    open[0].0.shutdown(std::net::Shutdown::Write)?;
    let client = UdpSocket::bind("10.0.0.2:0")?;
    let call = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2\r\nFrom: <sip:a@b>\r\n\
        To: <sip:a@b>\r\nCall-ID: 1234567890@example.com\r\nCSeq: 1 OPTIONS\r\n\r\n";
    client.send_to(call.as_bytes(), "10.9.9.9:5060")?;
    // Sends more bytes than a column can show without a unit.
    let mut stream = open.pop().ok_or("no connection")?;
    std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while stream.1.read(&mut piece).is_ok_and(|it| it > 0) {}
    });
    let piece = vec![0; 1 << 16];
    for _ in 0..1800 {
        stream.0.write_all(&piece)?;
    }

    for columns in COLUMNS {
        for how in ["-n", "-n --exact", ""] {
            same(&format!("-L {columns} {how}"))?;
        }
    }
    // Since Linux 6.2, a kernel thread gathers the counters every two seconds.
    eventually(|| {
        let stats = same("-L -n --stats")?.out;
        let mut lines = stats.lines();
        match lines.any(|line| line.ends_with(char::is_numeric) && line.contains("K ")) {
            true => Ok(()),
            false => Err(Box::<dyn std::error::Error>::from(stats)),
        }
    })?;
    for line in [
        "-L -n -c",
        "-L -c",
        "-L -c --persistent-conn",
        "-L -n -c --persistent-conn",
    ] {
        let listed = same(line)?;
        assert!(listed.out.contains("ESTABLISHED"), "{listed:?}");
    }
    assert!(
        same("-Lnc --persistent-conn")?
            .out
            .contains("1234567890@example.com")
    );
    // The example zeroes the counters, and the tool lists them.
    let here = Namespace::current()?;
    let zeroed = output(here.command(&ours()?.to_string_lossy())?, "-Z", "")?;
    assert_eq!(zeroed.status, 0);
    eventually(|| match same("-L -n --stats")?.out {
        stats if stats.contains("K ") => Err(Box::<dyn std::error::Error>::from(stats)),
        _ => Ok(()),
    })
}

/// Tests listings that the tool gets wrong.
pub(crate) fn that_the_tool_gets_wrong() -> Result {
    addresses()?;
    let mut ipvs = Ipvs::connect()?;
    // These addresses overflow a signed 32-bit difference.
    for line in [
        "-A -t 10.9.9.9:80 -s rr",
        "-A -t 200.9.9.9:80 -s rr",
        "-A -f 4294967295 -s rr",
        "-A -f 1 -s rr",
        "-A -t [2001:db8::1]:80 -s rr",
        "-A -t [fd09::9]:80 -s rr",
        "-a -t 10.9.9.9:80 -r [fd00::2]:80 -i -x 100 -y 50",
        "-a -t 10.9.9.9:80 -r 10.0.0.2:80 -i --tun-type gue --tun-port 1 --tun-flags 0x3",
        "-a -t 10.9.9.9:80 -r 10.0.0.3:80 --forward local",
    ] {
        ipvs.execute(&line.parse()?)?;
    }
    let here = Namespace::current()?;
    let ours = |line| output(here.command(&ours()?.to_string_lossy())?, line, "");
    let saved = "\
        -A -t 10.9.9.9:80 -s rr\n\
        -a -t 10.9.9.9:80 -r 10.0.0.2:80 -i -w 1 --tun-type gue --tun-port 1 --tun-flags 0x3\n\
        -a -t 10.9.9.9:80 -r 10.0.0.3:80 --forward local -w 1\n\
        -a -t 10.9.9.9:80 -r [fd00::2]:80 -i -w 1 --tun-type ipip -x 100 -y 50\n\
        -A -t 200.9.9.9:80 -s rr\n\
        -A -t [2001:db8::1]:80 -s rr\n\
        -A -t [fd09::9]:80 -s rr\n\
        -A -f 1 -s rr\n\
        -A -f 4294967295 -s rr\n";
    assert_eq!(ours("-S -n")?.out, saved);
    let listed = ours("-L -n --tun-info")?.out;
    for line in ["FWM  4294967295 rr\n", " gue:1:0x3 ", " Local   n/a "] {
        assert!(listed.contains(line), "{listed}");
    }

    // A line with more than 256 bytes.
    ipvs.execute(&"-A -u [fd09::9]:5060 -p 60 --pe sip -s rr".parse()?)?;
    ipvs.execute(&"-a -u [fd09::9]:5060 -r [fd00::2]:5060 -m".parse()?)?;
    let client = UdpSocket::bind("[fd00::2]:0")?;
    let id = "1234567890".repeat(12);
    let call = format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2\r\nFrom: <sip:a@b>\r\n\
         To: <sip:a@b>\r\nCall-ID: {id}\r\nCSeq: 1 OPTIONS\r\n\r\n"
    );
    client.send_to(call.as_bytes(), "[fd09::9]:5060")?;
    let listed = ours("-L -n -c --persistent-conn")?.out;
    assert!(listed.lines().any(|line| line.ends_with(&id)), "{listed}");
    Ok(())
}

pub(crate) fn help_and_version() -> Result {
    for line in ["-h", "--help", "-h --foo", "-v", "--version"] {
        let (tool, ours) = both(line)?;
        assert_eq!((tool.status, ours.status), (0, 0));
        assert!(!ours.out.is_empty() && ours.err.is_empty());
    }
    // The example's help contains every option in the tool's help.
    let (tool, ours) = both("--help")?;
    let options = tool
        .out
        .split(|c: char| c.is_whitespace() || "[]|{}(),".contains(c))
        .filter(|word| word.starts_with("--"));
    for option in options {
        assert!(ours.out.contains(option), "{option} is not in --help");
    }
    Ok(())
}
