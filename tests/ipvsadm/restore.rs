//! The commands `-S` and `-R`.

use std::net::Ipv4Addr;

use ipvset::OnFailure;
use ipvset::ipset::types::HashIp;
use ipvset::ipset::{IpSet, IpSets};

use crate::both::{Both, Result};
use crate::failure::{Failure, of_lines};

/// Returns services and servers of every protocol, family, scheduler and forwarding method,
/// optionally with thresholds, which the tool cannot save.
fn table(services: usize, thresholds: bool) -> String {
    let schedulers = [
        "rr",
        "wrr",
        "lc",
        "wlc",
        "lblc",
        "lblcr",
        "dh",
        "sh",
        "mh -b mh-port",
        "sed",
        "nq",
        "fo",
        "ovf",
        "none",
        "sh -b sh-fallback,sh-port",
    ];
    let methods = [
        "-m",
        "-g",
        "-i --tun-type ipip",
        "-m -w 0",
        "-i --tun-type gue --tun-port 6080 --tun-csum",
        "-i --tun-type gre --tun-nocsum",
        "-g -w 65535",
    ];
    let mut text = String::new();
    for number in 0..services {
        let (high, low) = (number / 250, number % 250 + 1);
        let port = 1000 + number;
        let key = match number % 6 {
            0 | 1 => format!("-t 10.0.{high}.{low}:{port}"),
            2 => format!("-u 10.0.{high}.{low}:{port}"),
            3 => format!("--sctp-service 10.0.{high}.{low}:{port}"),
            4 => format!("-t [fd00::{number:x}:1]:{port}"),
            _ => format!("-f {}", number + 1),
        };
        let scheduler = schedulers[number % schedulers.len()];
        let persistence = match number % 5 {
            0 => " -p 360",
            1 if !key.contains('[') => " -p 50 -M 255.255.0.0",
            2 if key.starts_with("-u") => " -o",
            _ => "",
        };
        text += &format!("-A {key} -s {scheduler}{persistence}\n");
        for server in 0..number % 4 {
            let method = methods[(number + server) % methods.len()];
            let address = match key.contains('[') {
                true => format!("[fd00::{:x}]:{port}", server + 2),
                false => format!("10.1.{server}.{low}:{port}"),
            };
            let limits = match (server, thresholds) {
                (1, true) => " -x 100 -y 50",
                _ => "",
            };
            text += &format!("-a {key} -r {address} {method}{limits}\n");
        }
    }
    text
}

pub(crate) fn restored_files() -> Result {
    let both = Both::new()?;
    let text = table(300, true);
    for one in [&both.tool, &both.ours] {
        let restored = one.run_with("-R", &text)?;
        assert_eq!((restored.status, restored.err.as_str()), (0, ""));
    }
    both.same_tables()?;
    // Tests empty lines, the program's name, and other commands.
    let text = "\n   \nipvsadm -A -t 10.0.200.1:80\n  -a -t 10.0.200.1:80 -r 10.1.0.1\n\
        --set 5 6 7\n-D -t 10.0.200.1:80\n-Z\n-C\n-A -t 10.0.200.2:80\n-L -n\n-S -n\n";
    let (tool, ours) = (
        both.tool.run_with("-R", text)?,
        both.ours.run_with("-R", text)?,
    );
    assert_eq!(tool, ours);
    assert_eq!(ours.status, 0, "{ours:?}");
    both.same_tables()?;
    // The tool stops at a comment.
    let text = "# a comment\n-A -t 10.0.200.3:80\n";
    let (tool, ours) = (
        both.tool.run_with("-R", text)?,
        both.ours.run_with("-R", text)?,
    );
    assert_eq!((tool.status, ours.status), (255, 0));
    Ok(())
}

pub(crate) fn saved_is_restored() -> Result {
    let both = Both::new()?;
    // The tool saves these two wrongly.
    let odd = "-A -f 4000000000 -s rr\n-a -f 4000000000 -r 10.1.0.1 -x 10\n";
    let text = table(120, true) + odd;
    assert_eq!(both.ours.run_with("-R", &text)?.status, 0);
    let saved = both.ours.run("-S -n")?.out;
    assert_eq!(saved.lines().count(), text.lines().count());
    // The tool and the example restore the example's text.
    assert_eq!(both.tool.run_with("-R", &saved)?.status, 0);
    both.same_tables()?;
    both.ours.run("-C")?;
    assert_eq!(both.ours.run_with("-R", &saved)?.status, 0);
    assert_eq!(both.ours.run("-S -n")?.out, saved);
    both.same_tables()?;
    // The example restores the tool's text, with its negative numbers of marks.
    let theirs = both.tool.run("-S -n")?.out;
    assert!(theirs.contains("-f -294967296"));
    both.ours.run("-C")?;
    let restored = both.ours.run_with("-R", &theirs)?;
    assert_eq!(restored.status, 0, "{restored:?}");
    assert_eq!(both.ours.run("-S -n")?.out, without_thresholds(&saved));
    Ok(())
}

fn without_thresholds(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split(" -x ").next().unwrap_or(line));
    lines.map(|line| format!("{line}\n")).collect()
}

pub(crate) fn failures() -> Result {
    let both = Both::new()?;
    let text = "-A -t 10.0.0.1:80\n-D -t 10.0.0.77:1\n-A -t 10.0.0.2:80\n-A -t 10.0.0.1:80\n\
        -A -t 10.0.0.3:80\n";
    let (tool, ours) = (
        both.tool.run_with("-R", text)?,
        both.ours.run_with("-R", text)?,
    );
    // The tool returns the status of the last line.
    assert_eq!((tool.status, ours.status), (0, 255));
    both.same_tables()?;
    let messages: Vec<_> = ours.err.lines().collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages[0].starts_with("line 2: ") && messages[0].contains("10.0.0.77:1"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("line 4: ") && messages[1].contains("10.0.0.1:80"),
        "{messages:?}"
    );
    Ok(())
}

pub(crate) fn a_wrong_line_changes_nothing() -> Result {
    let both = Both::new()?;
    let text = "-A -t 10.0.0.1:80\n-A -t bad\n-A -t 10.0.0.2:80\n-R\n-A -t 10.0.0.3:80 --foo\n";
    let (tool, ours) = (
        both.tool.run_with("-R", text)?,
        both.ours.run_with("-R", text)?,
    );
    assert_eq!((tool.status, ours.status), (2, 2));
    let lines: Vec<_> = ours
        .err
        .lines()
        .map(|line| line.split(':').next())
        .collect();
    assert_eq!(
        lines,
        [Some("line 2"), Some("line 4"), Some("line 5")],
        "{}",
        ours.err
    );
    assert_eq!(both.tool.run("-S -n")?.out.lines().count(), 1);
    assert_eq!(both.ours.run("-S -n")?.out, "");
    Ok(())
}

/// Configuration that another program may have set, as the example saves it.
const ODD: &str = "\
-A -t 10.0.0.1:0 -s rr
-A -t 10.0.0.1:80 -s rr -b flag-1
-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -g -w 1
-a -t 10.0.0.1:80 -r 10.1.0.3:8080 -i -w 1 --tun-type ipip
-a -t 10.0.0.1:80 -r 10.1.0.4:80 --forward bypass -w 1
-A -t 10.0.0.1:81 -s wlc -p 0
-A -t 10.0.0.1:82 -s wlc -p 3456000 -M 0.255.0.1
-A -t 10.0.0.1:83 -s rr -o
-A -t 10.0.0.1:84 -s rr --pe sip
";

pub(crate) fn every_accepted_configuration_is_restored() -> Result {
    let both = Both::new()?;
    both.prepare(&ODD.lines().collect::<Vec<_>>())?;
    assert_eq!(both.ours.run("-S -n")?.out, ODD);
    both.ours.run("-C")?;
    let restored = both.ours.run_with("-R", ODD)?;
    assert_eq!((restored.status, restored.err.as_str()), (0, ""));
    assert_eq!(both.ours.run("-S -n")?.out, ODD);
    // On the command line, the server gets the port of the service, as with the tool.
    both.prepare(&["-A -t 10.0.0.1:80 -s rr"])?;
    both.all_same("-a -t 10.0.0.1:80 -r 10.1.0.2:8080 -g\n-a -t 10.0.0.1:80 -r 10.1.0.3:81 -i")
}

pub(crate) fn a_line_that_is_not_utf8() -> Result {
    let both = Both::new()?;
    let text = b"# caf\xe9\n-A -t 10.0.0.1:80\n-A -t \xe9:80\n-A -t 10.0.0.2:80\n-A -t x\xff\n";
    let ours = both.ours.run_with("-R", text)?;
    assert_eq!(ours.status, 2);
    let lines: Vec<_> = ours.err.lines().map(|it| it.split(':').next()).collect();
    assert_eq!(lines, [Some("line 3"), Some("line 5")], "{}", ours.err);
    // Only the tool's blanks separate words.
    for blank in ["\t", "\r", " \t ", "\u{b}", "\u{c}", "\u{a0}"] {
        let text = format!("-A -t 10.0.0.1:80{blank}-s rr\r\n");
        let (tool, ours) = (
            both.tool.run_with("-R", &text)?,
            both.ours.run_with("-R", &text)?,
        );
        assert_eq!(tool.status, ours.status, "{blank:?}");
        both.same_tables()?;
        both.prepare(&[])?;
    }
    Ok(())
}

/// Restores the output of the tool's `-S` without `-n`, which ipvsadm-save of Debian writes.
pub(crate) fn names_are_restored() -> Result {
    let both = Both::new()?;
    let table = "-A -t 127.0.0.1:80 -s rr\n-a -t 127.0.0.1:80 -r 127.0.0.1:443 -m\n\
        -A -u 127.0.0.1:53 -s rr -o\n";
    assert_eq!(both.tool.run_with("-R", table)?.status, 0);
    let saved = both.tool.run("-S")?.out;
    assert!(saved.contains("localhost:http"), "{saved}");
    let restored = both.ours.run_with("-R", &saved)?;
    assert_eq!((restored.status, restored.err.as_str()), (0, ""));
    both.same_tables()
}

/// A name is looked up as IPv4, unless it is in brackets.
pub(crate) fn a_name_of_two_families() -> Result {
    let both = Both::new()?;
    // In the guest of an ordinary user, setuid programs belong to that user, so `mount` would not run as root.
    let with = |command: &str| {
        format!(
            "f=/dev/shm/ipvsadm-hosts-$$; printf '%s\\n' 'fd00::7 both' '10.0.0.7 both' 'fd00::8 six' >$f && \
             setpriv --no-new-privs mount --bind $f /etc/hosts && rm $f && exec \"$0\" {command}"
        )
    };
    for command in ["-A -t both:http", "-A -t six:http"] {
        let script = with(command);
        let (tool, ours) = (
            both.tool.run_in_shell(&script)?,
            both.ours.run_in_shell(&script)?,
        );
        assert_eq!(tool.status, ours.status, "{command}: {tool:?} {ours:?}");
    }
    both.same_tables()?;
    assert_eq!(both.ours.run("-S -n")?.out, "-A -t 10.0.0.7:80 -s wlc\n");
    let bracketed = both.ours.run_in_shell(&with("-A -t [both]:http -s rr"))?;
    assert_eq!(bracketed.status, 0, "{bracketed:?}");
    let saved = both.ours.run("-S -n")?.out;
    assert!(saved.contains("-A -t [fd00::7]:80 -s rr\n"), "{saved}");
    Ok(())
}

/// A command keeps its own status if its output cannot be written.
pub(crate) fn output_that_cannot_be_written() -> Result {
    let both = Both::new()?;
    both.prepare(&["-A -t 10.0.0.1:80 -s rr"])?;
    for command in [
        "--help",
        "-v",
        "-L -n",
        "-S -n",
        "-L --timeout",
        "-L -n -t 10.9.9.9:9",
        "-D -f 9",
    ] {
        for to in [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&- 2>&-"] {
            let script = format!("exec \"$0\" {command} {to}");
            let (tool, ours) = (
                both.tool.run_in_shell(&script)?,
                both.ours.run_in_shell(&script)?,
            );
            assert_eq!(tool.status, ours.status, "{script}: {ours:?}");
        }
    }
    // A closed pipe causes no message.
    let script = "for i in 1 2 3; do \"$0\" --help; done | head -n 1";
    let ours = both.ours.run_in_shell(script)?;
    assert_eq!((ours.status, ours.err.as_str()), (0, ""));
    assert_eq!(ours.out.lines().count(), 1);
    // A lost listing does not prevent other lines from being restored.
    let script = "printf '%s\\n' '-L -n' '-A -t 10.0.0.2:80 -s rr' | \"$0\" -R >/dev/full";
    let ours = both.ours.run_in_shell(script)?;
    assert_eq!(ours.status, 0, "{ours:?}");
    assert!(both.ours.run("-S -n")?.out.contains("10.0.0.2:80"));
    Ok(())
}

/// A set that does not exist ends many changes as a broken connection does.
pub fn what_was_not_tried_is_a_failure() -> Result {
    let set = IpSet::<HashIp>::new("missing")?;
    let entries = [1, 2].map(|number| Ipv4Addr::new(192, 0, 2, number));
    let outcome = IpSets::connect()?.add_all(&set, entries, OnFailure::Continue);
    assert!(outcome.failures().is_empty(), "{outcome:?}");
    let failed = Failure::Lines(of_lines(outcome, &[3, 5]));
    let text = failed.to_string();
    assert!(text.starts_with("line 3: "), "{text}");
    assert!(
        text.ends_with("; nothing was carried out from this line on"),
        "{text}"
    );
    Ok(())
}
