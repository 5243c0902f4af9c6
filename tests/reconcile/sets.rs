//! Sets, alone and beside services.

use std::fs::File;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::program::{Folder, Result, expect, expect_table, sorted};

crate::tests![
    a_dry_run_prints_what_restore_takes,
    sets_come_before_services_and_removals_after,
    only_a_scope_removes_sets,
    another_type_is_refused_or_created_anew,
    entries_that_no_set_takes_are_told,
    sets_are_kept_as_they_are_wanted,
    each_file_that_cannot_be_read_is_told_once,
    a_plan_and_a_report_are_printed_as_json,
];

const PRESENT: &str = "\
create P-stay hash:ip family inet counters
add P-stay 10.0.0.1 packets 7 bytes 700
add P-stay 10.0.0.2 packets 8 bytes 800
create P-list list:set
add P-list P-stay
create P-old hash:net family inet
create other hash:ip family inet
add other 10.0.0.9
";

const WANTED: &str = "\
create P-list list:set size 8
create P-new hash:ip,port family inet
create P-stay hash:ip family inet counters
add P-list P-new
add P-new 10.0.0.1,tcp:80
add P-stay 10.0.0.1
add P-stay 10.0.0.3
";

/// What there is to do, without the removals.
const CHANGES: &str = "
    P-stay: 1 added, 1 removed, 1 kept, in place
    P-new: 1 added, created
    P-list: 1 added, 1 removed, in place
";

fn restore(lines: &str) -> Result {
    lab::tool_with_input("ipset", ["restore"], lines)?;
    Ok(())
}

fn names() -> Result<Vec<String>> {
    Ok(sorted(&lab::tool("ipset", ["list", "-name"])?))
}

/// Returns the entries of a set, sorted.
fn entries(set: &str) -> Result<Vec<String>> {
    let saved = lab::tool("ipset", ["save", set])?;
    let prefix = format!("add {set} ");
    let lines = saved.lines().filter_map(|it| it.strip_prefix(&prefix));
    let mut entries: Vec<_> = lines.map(str::to_owned).collect();
    entries.sort();
    Ok(entries)
}

/// Fails unless the sets are those of [`WANTED`].
fn expect_sets() -> Result {
    let counted = ["10.0.0.1 packets 7 bytes 700", "10.0.0.3 packets 0 bytes 0"];
    assert_eq!(entries("P-stay")?, counted);
    assert_eq!(entries("P-new")?, ["10.0.0.1,tcp:80"]);
    assert_eq!(entries("P-list")?, ["P-new"]);
    Ok(())
}

fn a_dry_run_prints_what_restore_takes() -> Result {
    let folder = Folder::new()?;
    restore(PRESENT)?;
    let before = sorted(&lab::tool("ipset", ["save"])?);
    folder.write("sets", WANTED)?;
    for line in ["--sets sets", "--set-scope P- --sets=sets"] {
        let ended = folder.run(line)?;
        assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
        let removed = "# P-old: destroyed";
        assert_eq!(
            ended.out.contains(removed),
            line.contains("scope"),
            "{ended:#?}"
        );
        let summary: String = ended.out.replace("# P-old: destroyed\n", "");
        let summary: Vec<_> = summary
            .lines()
            .filter_map(|it| it.strip_prefix("# "))
            .collect();
        assert_eq!(sorted(&summary.join("\n")), sorted(CHANGES));
        assert_eq!(sorted(&lab::tool("ipset", ["save"])?), before);
    }
    let ended = folder.run_with("--set-scope P- --sets -", WANTED)?;
    restore(&ended.out)?;
    expect_sets()?;
    assert_eq!(names()?, ["P-list", "P-new", "P-stay", "other"]);
    expect(&folder.run("--set-scope P- --sets sets")?, 0, "");
    Ok(())
}

fn sets_come_before_services_and_removals_after() -> Result {
    let folder = Folder::new()?;
    restore(PRESENT)?;
    let table = "-A -t 10.0.0.1:80 -s rr\n";
    folder.write("sets", WANTED)?;
    folder.write("table", table)?;
    let line = "--apply --sets sets --set-scope P- table";
    let ended = folder.run(line)?;
    let out = format!("{CHANGES}\n-t 10.0.0.1:80: added\nP-old: destroyed\n");
    expect(&ended, 0, &out);
    let lines: Vec<_> = ended.out.lines().collect();
    assert_eq!(
        lines[2..],
        [
            "P-list: 1 added, 1 removed, in place",
            "-t 10.0.0.1:80: added",
            "P-old: destroyed",
        ]
    );
    expect_table(table);
    expect_sets()?;
    assert_eq!(names()?, ["P-list", "P-new", "P-stay", "other"]);
    expect(&folder.run(line)?, 0, "");

    // A file that is wrong changes neither.
    folder.write("sets", "create P-new hash:ip\nadd P-stay 10.0.0.1\n")?;
    folder.write("none", "")?;
    for line in ["--sets sets none", "--sets missing none"] {
        let ended = folder.run(&format!("--apply --scope everything {line}"))?;
        expect(&ended, 1, "");
        expect_table(table);
        expect_sets()?;
    }
    Ok(())
}

fn only_a_scope_removes_sets() -> Result {
    let folder = Folder::new()?;
    restore(PRESENT)?;
    folder.write("none", "")?;
    expect(&folder.run("--apply --sets none")?, 0, "");
    assert_eq!(names()?.len(), 4);
    let removed = "P-list: destroyed\nP-old: destroyed\nP-stay: destroyed\n";
    expect(
        &folder.run("--apply --sets none --set-scope P-")?,
        0,
        removed,
    );
    assert_eq!(names()?, ["other"]);

    // A list of another program that is in use is an error that is told.
    restore("create P-used hash:ip\ncreate list list:set\nadd list P-used\n")?;
    let ended = folder.run("--apply --sets none --set-scope P-")?;
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert!(
        ended.out.contains("P-used") && ended.out.contains("1 rules or lists"),
        "{ended:#?}"
    );
    Ok(())
}

fn another_type_is_refused_or_created_anew() -> Result {
    let folder = Folder::new()?;
    restore("create a hash:net\nadd a 10.0.0.0/8\ncreate six hash:ip family inet6\n")?;
    let wanted = "create a hash:ip\nadd a 10.0.0.1\ncreate b hash:ip\ncreate six hash:ip\n";
    folder.write("sets", wanted)?;
    for (line, status) in [("--sets sets", 2), ("--apply --sets sets", 1)] {
        let ended = folder.run(line)?;
        assert_eq!(ended.status.code(), Some(status), "{ended:#?}");
        for why in ["type hash:net instead of hash:ip", "family"] {
            assert!(ended.out.contains(why), "{ended:#?}");
        }
        assert_eq!(entries("a")?, ["10.0.0.0/8"]);
    }
    assert_eq!(names()?, ["a", "b", "six"]);
    let ended = folder.run("--apply --recreate --sets sets")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(entries("a")?, ["10.0.0.1"]);
    expect(&folder.run("--sets sets")?, 0, "");
    Ok(())
}

fn entries_that_no_set_takes_are_told() -> Result {
    let folder = Folder::new()?;
    // The mask makes it 0.0.0.0, which the kernel does not take.
    let wanted = "create z hash:ip netmask 8\nadd z 10.0.0.0\nadd z 0.1.2.3\n";
    folder.write("sets", wanted)?;
    let why = "add entry 0.0.0.0 in z";
    for (status, line) in [(1, "--apply --sets sets"), (2, "--sets sets")] {
        let ended = folder.run(line)?;
        assert_eq!(ended.status.code(), Some(status), "{ended:#?}");
        assert!(ended.out.contains(&format!("# {why}")), "{ended:#?}");
        assert_eq!(entries("z")?, ["10.0.0.0"]);
    }
    let ended = folder.run("--json --sets sets")?;
    assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    let plan: Value = serde_json::from_str(&ended.out)?;
    let refused = &plan["sets"]["refused"][0];
    assert_eq!(refused["set"], "z", "{plan:#}");
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(error.contains(why), "{plan:#}");
    Ok(())
}

fn sets_are_kept_as_they_are_wanted() -> Result {
    let folder = Folder::new()?;
    let wanted = "create P-a hash:ip\nadd P-a 10.0.0.1\n";
    folder.write("sets", wanted)?;
    let mut watch = folder.start("--apply --watch 1 --sets sets --set-scope P-")?;
    watch.expect(&["P-a: 1 added, created"]);
    lab::tool("ipset", ["add", "P-a", "10.0.0.9"])?;
    watch.expect(&["P-a: 1 removed, 1 kept, in place"]);
    restore("create P-more hash:net\n")?;
    watch.expect(&["P-more: destroyed"]);
    // What stays wrong is told once.
    folder.write(
        "sets",
        "create P-a hash:ip maxelem 1\nadd P-a 10.0.0.1\nadd P-a 10.0.0.2\n",
    )?;
    let line = watch.line()?;
    assert!(line.contains("more than 1 entries are wanted"), "{line}");
    restore("create P-more hash:net\n")?;
    watch.expect(&["P-more: destroyed"]);
    folder.write("sets", "create P-b hash:ip\n")?;
    watch.expect(&["P-b: no entries, created", "P-a: destroyed"]);
    let (status, rest) = watch.end(Signal::SIGTERM)?;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    assert_eq!(names()?, ["P-b"]);
    Ok(())
}

fn each_file_that_cannot_be_read_is_told_once() -> Result {
    let folder = Folder::new()?;
    folder.write("sets", "create P-a hash:ip\n")?;
    folder.write("table", "-A -t 10.0.0.1:80 -s rr\n")?;
    let errors = folder.path("errors");
    let line = "--apply --watch 1 --sets sets table";
    let mut watch = folder.start_with(line, File::create(&errors)?)?;
    watch.expect(&["P-a: no entries, created", "-t 10.0.0.1:80: added"]);
    std::fs::remove_file(folder.path("sets"))?;
    std::fs::remove_file(folder.path("table"))?;
    std::thread::sleep(Duration::from_millis(3500));
    let (status, _) = watch.end(Signal::SIGTERM)?;
    assert_eq!(status.code(), Some(0));
    let errors = std::fs::read_to_string(errors)?;
    for file in ["sets", "table"] {
        let told = errors.matches(&format!("reconcile: {file}: ")).count();
        assert_eq!(told, 1, "{errors}");
    }
    Ok(())
}

fn a_plan_and_a_report_are_printed_as_json() -> Result {
    let folder = Folder::new()?;
    restore(PRESENT)?;
    folder.write("sets", WANTED)?;
    folder.write("table", "-A -t 10.0.0.1:80 -s rr\n")?;
    let line = "--json --sets sets --set-scope P- table";
    let ended = folder.run(line)?;
    let values = |out: &str| -> Result<Vec<Value>> {
        let lines = out.lines().map(serde_json::from_str);
        Ok(lines.collect::<std::result::Result<_, _>>()?)
    };
    let plan = values(&ended.out)?;
    assert_eq!(plan.len(), 2, "{ended:#?}");
    let sets = &plan[0]["sets"];
    assert_eq!(sets["change"][0]["set"], "P-stay", "{sets:#}");
    assert_eq!(sets["change"][0]["counts"]["kept"], 1, "{sets:#}");
    assert_eq!(sets["remove"][0], "P-old", "{sets:#}");
    assert_eq!(sets["refused"].as_array().map(Vec::len), Some(0));
    assert_eq!(plan[1]["steps"][0]["reason"], "missing");

    let ended = folder.run(&format!("--apply {line}"))?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let report = values(&ended.out)?;
    assert_eq!(report.len(), 3, "{ended:#?}");
    assert_eq!(report[0]["sets"]["changed"][0]["counts"]["added"], 1);
    assert_eq!(report[2]["sets"]["removed"][0], "P-old");
    Ok(())
}
