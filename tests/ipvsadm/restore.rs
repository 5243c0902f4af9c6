//! `-S` and `-R`.

use crate::both::{Both, Result};

/// Services with servers of every protocol, family, scheduler and method; what the tool can't
/// save (thresholds) only if asked for.
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

pub(crate) fn the_same() -> Result {
    let both = Both::new()?;
    let text = table(300, true);
    for one in [&both.tool, &both.ours] {
        let restored = one.run_with("-R", &text)?;
        assert_eq!((restored.status, restored.err.as_str()), (0, ""));
    }
    both.same_tables()?;
    // Empty lines, the program's name, other commands between.
    let text = "\n   \nipvsadm -A -t 10.0.200.1:80\n  -a -t 10.0.200.1:80 -r 10.1.0.1\n\
        --set 5 6 7\n-D -t 10.0.200.1:80\n-Z\n-C\n-A -t 10.0.200.2:80\n-L -n\n-S -n\n";
    let (tool, ours) = (
        both.tool.run_with("-R", text)?,
        both.ours.run_with("-R", text)?,
    );
    assert_eq!(tool, ours);
    assert_eq!(ours.status, 0, "{ours:?}");
    both.same_tables()?;
    // A comment, which the tool stops at.
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
    // Two that the tool's text is wrong for.
    let odd = "-A -f 4000000000 -s rr\n-a -f 4000000000 -r 10.1.0.1 -x 10\n";
    let text = table(120, true) + odd;
    assert_eq!(both.ours.run_with("-R", &text)?.status, 0);
    let saved = both.ours.run("-S -n")?.out;
    assert_eq!(saved.lines().count(), text.lines().count());
    // By the tool from our text, and by ours again.
    assert_eq!(both.tool.run_with("-R", &saved)?.status, 0);
    both.same_tables()?;
    both.ours.run("-C")?;
    assert_eq!(both.ours.run_with("-R", &saved)?.status, 0);
    assert_eq!(both.ours.run("-S -n")?.out, saved);
    both.same_tables()?;
    // By ours from the tool's text, with the numbers of marks that it prints.
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
    // The tool's is that of the last line.
    assert_eq!((tool.status, ours.status), (0, 255));
    both.same_tables()?;
    let told: Vec<_> = ours.err.lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("line 2: ") && told[0].contains("10.0.0.77:1"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("line 4: ") && told[1].contains("10.0.0.1:80"),
        "{told:?}"
    );
    Ok(())
}

pub(crate) fn nothing_half() -> Result {
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
