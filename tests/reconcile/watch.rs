//! The table is kept as it is wanted.

use std::time::Duration;

use lab::test::eventually;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::program::{Folder, Result, expect_table, ipvsadm, saved, sorted};

crate::tests![
    drift_is_undone_and_told,
    a_changed_file_is_applied,
    lines_are_printed_as_json,
    a_failure_is_told_once,
];

const WANTED: &str = "
    -A -t 10.0.0.1:80 -s rr
    -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
    -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
";

const ADDED: [&str; 3] = [
    "-t 10.0.0.1:80: added",
    "-t 10.0.0.1:80 -r 10.1.0.1:80: added",
    "-t 10.0.0.1:80 -r 10.1.0.2:80: added",
];

fn drift_is_undone_and_told() -> Result {
    let folder = Folder::new()?;
    folder.write("wanted", WANTED)?;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        ipvsadm("-C")?;
        let mut watch = folder.start("--apply --watch 1 --scope everything wanted")?;
        watch.expect(&ADDED);
        for (drift, told) in [
            ("-D -t 10.0.0.1:80", &ADDED[..]),
            ("-d -t 10.0.0.1:80 -r 10.1.0.1:80", &ADDED[1..2]),
            (
                "-e -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 9",
                &["-t 10.0.0.1:80 -r 10.1.0.2:80: updated"],
            ),
            ("-E -t 10.0.0.1:80 -s wrr", &["-t 10.0.0.1:80: updated"]),
        ] {
            ipvsadm(drift)?;
            let objects = told
                .iter()
                .map(|it| it.rsplit_once(": ").map_or(*it, |(it, _)| it));
            let lines: Vec<_> = objects
                .map(|it| format!("{it}: another program changed it"))
                .chain(told.iter().map(|it| (*it).to_owned()))
                .collect();
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            watch.expect(&lines);
            expect_table(WANTED);
        }
        // A service of somebody else, which goes with its server.
        ipvsadm("-A -t 10.0.0.9:80")?;
        watch.expect(&[
            "-t 10.0.0.9:80: another program changed it",
            "-t 10.0.0.9:80: removed",
        ]);
        let (status, rest) = watch.end(signal)?;
        assert_eq!((status.code(), rest.as_str()), (Some(0), ""), "{signal}");
        expect_table(WANTED);
    }
    Ok(())
}

fn a_changed_file_is_applied() -> Result {
    let folder = Folder::new()?;
    folder.write("wanted", WANTED)?;
    let mut watch = folder.start("--apply --watch 1 --record record wanted")?;
    watch.expect(&ADDED);

    // A file that cannot be read changes nothing.
    folder.write("wanted", "-A -t 10.0.0.2:80\n-A nonsense\n")?;
    std::thread::sleep(Duration::from_millis(2500));
    expect_table(WANTED);

    let other = "-A -t 10.0.0.2:80 -s wlc";
    folder.write("wanted", other)?;
    watch.expect(&[
        "# warning: 2 of 2 servers are removed",
        "-t 10.0.0.2:80: added",
        "-t 10.0.0.1:80 -r 10.1.0.1:80: drains for ",
        "-t 10.0.0.1:80 -r 10.1.0.2:80: drains for ",
    ]);
    watch.expect(&["-t 10.0.0.1:80: removed"]);
    expect_table(other);

    // A file that is gone changes nothing.
    std::fs::remove_file(folder.path("wanted"))?;
    ipvsadm("-D -t 10.0.0.2:80")?;
    watch.expect(&[
        "-t 10.0.0.2:80: another program changed it",
        "-t 10.0.0.2:80: added",
    ]);
    folder.write("wanted", WANTED)?;
    watch.expect(&[ADDED[0], ADDED[1], ADDED[2], "-t 10.0.0.2:80: removed"]);
    let (status, rest) = watch.end(Signal::SIGTERM)?;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    expect_table(WANTED);
    assert_eq!(folder.names()?, ["record", "wanted"]);
    Ok(())
}

fn lines_are_printed_as_json() -> Result {
    let folder = Folder::new()?;
    let wanted = "-A -t 10.0.0.1:80 -s rr\n";
    folder.write("wanted", wanted)?;
    let mut watch = folder.start("--apply --watch 1 --json wanted")?;
    let mut next = || -> Result<Value> { Ok(serde_json::from_str(&watch.line()?)?) };
    let added = next()?;
    assert_eq!(added["object"]["service"], "-t 10.0.0.1:80", "{added}");
    assert_eq!(added["state"], "added", "{added}");
    ipvsadm("-D -t 10.0.0.1:80")?;
    let drift = next()?;
    assert_eq!(drift["drift"]["service"], "-t 10.0.0.1:80", "{drift}");
    assert_eq!(next()?, added);
    expect_table(wanted);
    Ok(())
}

/// What fails is tried again, and told again when it succeeds.
fn a_failure_is_told_once() -> Result {
    let folder = Folder::new()?;
    let wanted = "-A -t 10.0.0.1:80 -s nosuch\n-A -t 10.0.0.2:80 -s rr\n";
    folder.write("wanted", wanted)?;
    let mut watch = folder.start("--apply --watch 1 wanted")?;
    watch.expect(&["-t 10.0.0.1:80: failed: ", "-t 10.0.0.2:80: added"]);
    ipvsadm("-D -t 10.0.0.2:80")?;
    watch.expect(&[
        "-t 10.0.0.2:80: another program changed it",
        "-t 10.0.0.2:80: added",
    ]);
    folder.write("wanted", &wanted.replace("nosuch", "rr"))?;
    watch.expect(&["-t 10.0.0.1:80: added"]);
    eventually(
        || match saved()? == sorted(&wanted.replace("nosuch", "rr")) {
            true => Ok::<_, Box<dyn std::error::Error>>(()),
            false => Err("not yet".into()),
        },
    )?;
    let (status, rest) = watch.end(Signal::SIGINT)?;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    Ok(())
}
