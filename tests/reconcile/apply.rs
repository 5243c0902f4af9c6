//! Tables that are applied.

use serde_json::Value;

use crate::program::{
    Folder, Result, expect, expect_no_steps, expect_table, ipvsadm, saved, sorted,
};

crate::tests![
    an_applied_table_is_the_one_that_the_tool_saves,
    a_table_of_another_program_is_corrected,
    a_record_limits_what_is_removed,
    a_service_that_fails_stops_no_other,
    a_report_is_printed_as_json,
    a_weight_that_is_kept,
];

/// Services and servers of many kinds, as the tool saves them.
const MANY: &str = "
    -A -t 10.0.0.1:80 -s rr
    -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 1
    -a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 0
    -a -t 10.0.0.1:80 -r 10.1.0.3:80 -g -w 3
    -a -t 10.0.0.1:80 -r 10.1.0.4:80 -i -w 4
    -a -t 10.0.0.1:80 -r 10.1.0.5:80 -i -w 4 --tun-type gue --tun-port 6080 --tun-csum
    -A -u 10.0.0.1:53 -s mh -b flag-1,flag-2 -o
    -a -u 10.0.0.1:53 -r 10.1.0.1:53 -m -w 1
    -A -t [fd00::1]:80 -s sh -b flag-1 -p 300 -M 64
    -a -t [fd00::1]:80 -r [fd01::1]:80 -m -w 7
    -A -f 256 -s wlc -p 60
    -a -f 256 -r 10.1.0.1:0 -g -w 1
    -A -f 256 -6 -s dh
";

fn an_applied_table_is_the_one_that_the_tool_saves() -> Result {
    let folder = Folder::new()?;
    folder.write("many", MANY)?;
    let ended = folder.run("--apply --scope everything many")?;
    let added = ended.out.lines().filter(|it| it.ends_with(": added"));
    assert_eq!(added.count(), sorted(MANY).len(), "{ended:#?}");
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(0), ""));
    ipvsadm_agrees(&folder, MANY)?;

    // What the tool saved is what is there.
    folder.write("saved", &saved_in_order()?)?;
    expect_no_steps(&folder.run("--scope everything saved")?);
    expect(&folder.run("--apply --scope everything saved")?, 0, "");

    let ended = folder.run_with("--apply --scope everything --drain 0 -", "")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    expect_table("");
    Ok(())
}

/// Fails unless the tool saves the same after it restored `text` itself.
fn ipvsadm_agrees(folder: &Folder, text: &str) -> Result {
    let ours = saved()?;
    ipvsadm("-C")?;
    lab::tool_with_input("ipvsadm", ["-R"], &trimmed(text))?;
    assert_eq!(ours, saved()?);
    // The same, as the crate reads it.
    expect_no_steps(&folder.run("--scope everything many")?);
    Ok(())
}

fn trimmed(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    lines.map(|it| format!("{it}\n")).collect()
}

fn saved_in_order() -> Result<String> {
    Ok(lab::tool("ipvsadm", ["-S", "-n"])?)
}

fn a_table_of_another_program_is_corrected() -> Result {
    let folder = Folder::new()?;
    let wanted = "
        -A -t 10.0.0.1:80 -s wrr
        -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 2
        -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1
    ";
    let other = "
        -A -t 10.0.0.9:80 -s rr
        -a -t 10.0.0.9:80 -r 10.1.0.1:80 -m -w 1
    ";
    ipvsadm(other)?;
    ipvsadm(
        "
        -A -t 10.0.0.1:80 -s rr
        -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
        -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
        ",
    )?;
    folder.write("wanted", wanted)?;
    let report = "
        -t 10.0.0.1:80: updated
        -t 10.0.0.1:80 -r 10.1.0.1:80: updated
        -t 10.0.0.1:80 -r 10.1.0.2:80: removed
        -t 10.0.0.1:80 -r 10.1.0.3:80: added
    ";
    let ended = folder.run("--apply wanted")?;
    expect(&ended, 0, report);
    assert_eq!(ended.err, "reconcile: waiting for draining servers: 1\n");
    expect_table(&format!("{wanted}{other}"));
    Ok(())
}

/// With a record, only what the program once applied is removed.
fn a_record_limits_what_is_removed() -> Result {
    let folder = Folder::new()?;
    let [one, other] = ["10.0.0.1:80", "10.0.0.2:80"]
        .map(|it| format!("-A -t {it} -s rr\n-a -t {it} -r 10.1.0.1:80 -m -w 1\n"));
    let foreign = "-A -t 10.0.0.3:80 -s rr\n";
    ipvsadm(foreign)?;
    folder.write("both", &format!("{one}{other}"))?;
    folder.write("one", &one)?;
    let ended = folder.run("--apply --record record both")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    expect_table(&format!("{one}{other}{foreign}"));
    assert_eq!(folder.names()?, ["both", "one", "record"]);

    // Without the record, nothing says that the other service was once applied.
    expect_no_steps(&folder.run("one")?);
    assert_eq!(folder.run("--record record one")?.status.code(), Some(2));
    let ended = folder.run("--apply --record record one")?;
    expect(&ended, 0, "-t 10.0.0.2:80: removed");
    expect_table(&format!("{one}{foreign}"));
    expect_no_steps(&folder.run("--record record one")?);

    // Servers of other programs stay, if only what is recorded belongs to this one.
    let shared = "-a -t 10.0.0.1:80 -r 10.1.0.9:80 -m -w 1\n";
    ipvsadm(shared)?;
    let alone = "-t 10.0.0.1:80 -r 10.1.0.9:80: left alone: it was not applied by this program";
    expect(
        &folder.run("--apply --record record --scope recorded one")?,
        0,
        alone,
    );
    expect_table(&format!("{one}{shared}{foreign}"));
    let ended = folder.run("--apply --record record one")?;
    expect(&ended, 0, "-t 10.0.0.1:80 -r 10.1.0.9:80: removed");
    expect_table(&format!("{one}{foreign}"));
    assert_eq!(folder.names()?, ["both", "one", "record"]);
    Ok(())
}

fn a_service_that_fails_stops_no_other() -> Result {
    let folder = Folder::new()?;
    let good = "-A -t 10.0.0.2:80 -s rr\n-a -t 10.0.0.2:80 -r 10.1.0.1:80 -m -w 1\n";
    let bad = "-A -t 10.0.0.1:80 -s nosuch\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1\n";
    folder.write("wanted", &format!("{bad}{good}"))?;
    let ended = folder.run("--apply --record record wanted")?;
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    for start in [
        "-t 10.0.0.1:80: failed: ",
        "-t 10.0.0.1:80 -r 10.1.0.1:80: failed: ",
        "-t 10.0.0.2:80: added",
        "-t 10.0.0.2:80 -r 10.1.0.1:80: added",
    ] {
        let found = ended.out.lines().filter(|it| it.starts_with(start)).count();
        assert_eq!(found, 1, "{start}: {ended:#?}");
    }
    expect_table(good);
    Ok(())
}

fn a_report_is_printed_as_json() -> Result {
    let folder = Folder::new()?;
    folder.write(
        "wanted",
        "-A -t 10.0.0.1:80 -s rr\n-A -t 10.0.0.2:80 -s nosuch\n",
    )?;
    let ended = folder.run("--apply --json wanted")?;
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    let summary: Value = serde_json::from_str(&ended.out)?;
    let objects = &summary["report"]["objects"];
    assert_eq!(
        objects[0]["object"]["service"], "-t 10.0.0.1:80",
        "{summary:#}"
    );
    assert_eq!(objects[0]["state"], "added", "{summary:#}");
    let error = objects[1]["state"]["failed"]["error"].as_str();
    assert!(error.is_some_and(|it| it.contains("nosuch")), "{summary:#}");
    Ok(())
}

/// A health checker sets the weight.
fn a_weight_that_is_kept() -> Result {
    let folder = Folder::new()?;
    let wanted = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 5";
    folder.write("wanted", &format!("{wanted} --keep-weight\n"))?;
    assert_eq!(folder.run("--apply wanted")?.status.code(), Some(0));
    expect_table(wanted);
    ipvsadm("-e -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0")?;
    expect(&folder.run("--apply wanted")?, 0, "");
    expect_table(&wanted.replace("-w 5", "-w 0"));
    Ok(())
}
