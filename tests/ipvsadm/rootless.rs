//! The example without root, where the tool gives up.

use std::process::Command;

use crate::both::{Answer, Both, Result, ours, output};

/// Runs a shell script as root of a new user and network namespace. In it, `$0` is the example.
fn rootless(script: &str) -> Result<Answer> {
    let mut shell = Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
    shell.arg(ours()?);
    output(shell, "", "")
}

const COMMANDS: &str = "\
-A -t 10.0.0.1:80 -s wrr
-A -u 10.0.0.1:53 -s sh -b sh-port -p 60 -M 255.255.255.0
-A -f 7 -s rr -o
-a -t 10.0.0.1:80 -r 127.0.0.2:8080 -m -w 3 -x 10 -y 5
-a -t 10.0.0.1:80 -r 127.0.0.3 -g
-e -t 10.0.0.1:80 -r 127.0.0.3 -g -w 7
-a -f 7 -r 127.0.0.4 -m
-E -u 10.0.0.1:53 -s rr
-D -f 7
--set 77 0 5
-Z
";

const LISTINGS: [&str; 8] = [
    "-S -n",
    "-L -n",
    "-L -n --stats",
    "-L -n --rate",
    "-L -n --thresholds",
    "-L -n --persistent-conn",
    "-L --timeout",
    "-L -n -t 10.0.0.1:80",
];

/// The example prints without root what it prints as root over netlink.
pub(crate) fn the_same_as_with_root() -> Result {
    let both = Both::new()?;
    let mut script = "ip link set dev lo up; ".to_owned();
    let mut expected = String::new();
    for line in COMMANDS.lines() {
        script += &format!("\"$0\" {line} || exit 9; ");
        assert_eq!(both.ours.run(line)?.status, 0, "{line}");
    }
    for line in LISTINGS {
        script += &format!("\"$0\" {line} || exit 9; ");
        expected += &both.ours.run(line)?.out;
    }
    script += "\"$0\" -S -n > /tmp/saved; \"$0\" -C; \"$0\" -R < /tmp/saved; \"$0\" -S -n";
    expected += &both.ours.run("-S -n")?.out;
    let answer = rootless(&script)?;
    assert_eq!((answer.status, answer.err.as_str()), (0, ""), "{answer:?}");
    assert_eq!(answer.out, expected);
    Ok(())
}

/// What the socket options lack is refused, with a message that says so.
pub(crate) fn refusals() -> Result {
    for (line, word) in [
        ("-A -t [fd00::1]:80", "no IPv6"),
        ("-A -u 10.0.0.1:5060 -p --pe sip", "no persistence engines"),
        (
            "-a -t 10.0.0.1:80 -r 127.0.0.2 -i --tun-type gre",
            "no tunnels but IP in IP",
        ),
        (
            "--start-daemon master --mcast-interface lo --mcast-ttl 3",
            "a sync daemon",
        ),
    ] {
        let answer = rootless(&format!("\"$0\" {line}"))?;
        assert_eq!(answer.status, 255, "{answer:?}");
        assert!(answer.err.contains(word), "{line}: {answer:?}");
        assert!(answer.err.contains("CAP_NET_ADMIN"), "{line}: {answer:?}");
    }
    Ok(())
}

/// A user namespace alone is not enough.
pub(crate) fn in_a_network_of_another() -> Result {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]).arg(ours()?);
    let answer = output(command, "-L", "")?;
    assert_eq!(answer.status, 255, "{answer:?}");
    assert!(answer.err.contains("unshare -Urn"), "{answer:?}");
    Ok(())
}
