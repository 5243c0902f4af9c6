//! Runs the example `blocklist`.

#[path = "../reconcile/running.rs"]
mod running;

use lab::tool::Ended;
use nix::sys::signal::Signal;
use running::{Folder, Result};

const EXAMPLE: &str = "blocklist";

lab::tests![
    lab::Needs::sets(&["hash:net", "hash:ip"]);
    help_is_printed,
    wrong_arguments_are_status_1,
    the_sets_follow_the_lists,
    a_dry_run_prints_what_restore_takes,
    lists_are_merged_if_asked,
    entries_that_stay_keep_counters_and_get_new_times,
    a_set_of_another_type_is_left_alone,
    changed_files_are_applied,
];

/// Returns the entries of a set, sorted, without counters.
fn entries(set: &str) -> Result<Vec<String>> {
    let saved = lab::tool("ipset", ["save", set])?;
    let prefix = format!("add {set} ");
    let lines = saved.lines().filter_map(|it| it.strip_prefix(&prefix));
    let mut entries: Vec<_> = lines
        .map(|it| it.split(" packets").next().unwrap_or(it).to_owned())
        .collect();
    entries.sort();
    Ok(entries)
}

/// Fails unless the example ended with this status, this output and these lines of errors.
#[track_caller]
fn expect(ended: &Ended, status: i32, out: &str, errors: &[&str]) {
    assert_eq!(ended.status.code(), Some(status), "{ended:#?}");
    assert_eq!(ended.out, out, "{ended:#?}");
    assert_eq!(ended.err.lines().count(), errors.len(), "{ended:#?}");
    for (line, part) in ended.err.lines().zip(errors) {
        assert!(
            line.starts_with("blocklist: ") && line.contains(part),
            "{line}"
        );
    }
}

fn help_is_printed() -> Result {
    let folder = Folder::new()?;
    for line in ["--help", "-h", "--apply --help"] {
        let ended = folder.run(line)?;
        assert_eq!((ended.status.code(), ended.err.as_str()), (Some(0), ""));
        for option in ["--apply", "--aggregate", "--timeout", "--watch"] {
            assert!(ended.out.contains(&format!("\n  {option}")), "{option}");
        }
    }
    Ok(())
}

fn wrong_arguments_are_status_1() -> Result {
    let folder = Folder::new()?;
    folder.write("list", "10.0.0.1\n")?;
    folder.write("page", "<html>\n</html>\n")?;
    for (line, errors) in [
        ("", &["NAME is missing"][..]),
        ("b", &["FILE is missing"]),
        ("--aply b list", &["`--aply` is not an option"]),
        ("b list --timeout", &["`--timeout` needs a value"]),
        ("--timeout 0 b list", &["`0` is not a number of seconds"]),
        ("--watch 5 b list", &["`--watch` needs `--apply`"]),
        (
            "--apply --timeout 9 --watch 5 b list",
            &["not less than half"],
        ),
        (
            "--apply --timeout 10 --watch 5 b list",
            &["not less than half"],
        ),
        ("--apply b missing", &["missing: No such file"]),
        (
            "--apply a-name-that-is-much-too-long-v4 list",
            &["a-name-that-is"],
        ),
        (
            "--apply b page",
            &[
                "page: read list of addresses: line 1",
                "line 2",
                "no line of the lists",
            ],
        ),
    ] {
        expect(&folder.run(line)?, 1, "", errors);
    }
    assert_eq!(lab::tool("ipset", ["save"])?, "");
    Ok(())
}

fn the_sets_follow_the_lists() -> Result {
    let folder = Folder::new()?;
    folder.write(
        "one",
        "# a list\n192.0.2.7\n198.51.100.9/24 ; SBL1\n2001:db8::/32\n",
    )?;
    folder.write(
        "other",
        "192.0.2.7\nexample.org\n10.0.0.1-10.0.0.4\n::1-::2\n0.0.0.0/0\n",
    )?;
    let created = "b-v4: 5 added, created; b-v6: 3 added, created; 2 bad lines\n";
    let bad = [
        "other: read list of addresses: line 2",
        "other: line 5: 0.0.0.0/0",
    ];
    expect(&folder.run("--apply b one other")?, 0, created, &bad);
    let v4 = [
        "10.0.0.1",
        "10.0.0.2/31",
        "10.0.0.4",
        "192.0.2.7",
        "198.51.100.0/24",
    ];
    assert_eq!(entries("b-v4")?, v4);
    assert_eq!(entries("b-v6")?, ["2001:db8::/32", "::1", "::2"]);

    let kept = "b-v4: 5 kept, in place; b-v6: 3 kept, in place; 2 bad lines\n";
    expect(&folder.run("--apply b one other")?, 0, kept, &bad);
    // From standard input, and to no IPv6 at all.
    let changed = "b-v4: 1 added, 4 removed, 1 kept, in place; b-v6: 3 removed, in place\n";
    let ended = folder.run_with("--apply b -", "192.0.2.7\n192.0.2.8\n")?;
    expect(&ended, 0, changed, &[]);
    assert_eq!(entries("b-v4")?, ["192.0.2.7", "192.0.2.8"]);
    assert_eq!(entries("b-v6")?, [""; 0]);

    // More than the kernel's default of 65,536.
    let many: String = (0..70_000u32)
        .map(|it| format!("{}\n", std::net::Ipv4Addr::from_bits(0x0a00_0000 + 2 * it)))
        .collect();
    let ended = folder.run_with("--apply b -", &many)?;
    assert!(
        ended
            .out
            .starts_with("b-v4: 70000 added, 2 removed, by a second set"),
        "{ended:?}"
    );
    assert_eq!(entries("b-v4")?.len(), 70_000);
    assert_eq!(lab::tool("ipset", ["list", "-name"])?, "b-v4\nb-v6\n");
    Ok(())
}

fn a_dry_run_prints_what_restore_takes() -> Result {
    let folder = Folder::new()?;
    folder.write("list", "192.0.2.7\nnonsense\n::1\n")?;
    let ended = folder.run("b list")?;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(lab::tool("ipset", ["save"])?, "");
    let summary = "# b-v4: 1 added, created; b-v6: 1 added, created; 1 bad line";
    assert_eq!(ended.out.lines().last(), Some(summary));
    lab::tool_with_input("ipset", ["restore"], &ended.out)?;
    assert_eq!(entries("b-v4")?, ["192.0.2.7"]);
    let nothing = "# b-v4: 1 kept, in place; b-v6: 1 kept, in place; 1 bad line\n";
    expect(&folder.run("b list")?, 0, nothing, &["line 2"]);
    Ok(())
}

fn lists_are_merged_if_asked() -> Result {
    let folder = Folder::new()?;
    folder.write(
        "one",
        "10.0.0.0/25\n10.0.1.0-10.0.1.127\n10.0.0.7\n2001:db8::/33\n",
    )?;
    folder.write(
        "other",
        "10.0.0.128/25\n10.0.1.128/25\n2001:db8:8000::/33\n",
    )?;
    let ended = folder.run("--apply --aggregate b one other")?;
    let merged = "b-v4: 1 added, created; b-v6: 1 added, created\n";
    expect(&ended, 0, merged, &[]);
    assert_eq!(entries("b-v4")?, ["10.0.0.0/23"]);
    assert_eq!(entries("b-v6")?, ["2001:db8::/32"]);
    // The kernel has no network of all addresses.
    let ended = folder.run_with("--apply --aggregate b -", "128.0.0.0/1\n0.0.0.0/1\n")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(entries("b-v4")?, ["0.0.0.0/1", "128.0.0.0/1"]);
    Ok(())
}

fn entries_that_stay_keep_counters_and_get_new_times() -> Result {
    let folder = Folder::new()?;
    folder.write("list", "10.0.0.1\n10.0.0.2\n")?;
    let ended = folder.run("--apply --timeout 1000 b list")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let counted = "add b-v4 10.0.0.1 timeout 400 packets 7 bytes 700 -exist\n\
                   add b-v4 10.0.0.2 timeout 800 packets 8 bytes 800 -exist\n";
    lab::tool_with_input("ipset", ["restore"], counted)?;
    let renewed = "b-v4: 1 renewed, 1 kept, in place; b-v6: no entries, in place\n";
    expect(
        &folder.run("--apply --timeout 1000 b list")?,
        0,
        renewed,
        &[],
    );
    let saved = lab::tool("ipset", ["save", "b-v4"])?;
    for counters in ["packets 7 bytes 700", "packets 8 bytes 800"] {
        assert!(saved.contains(counters), "{saved}");
    }
    for entry in entries("b-v4")? {
        let left: u32 = entry.rsplit(' ').next().unwrap_or_default().parse()?;
        let expected = if entry.starts_with("10.0.0.1 ") {
            401..=1000
        } else {
            1..=800
        };
        assert!(expected.contains(&left), "{entry}");
    }
    Ok(())
}

fn a_set_of_another_type_is_left_alone() -> Result {
    let folder = Folder::new()?;
    lab::tool("ipset", ["create", "b-v4", "hash:ip"])?;
    let ended = folder.run_with("--apply b -", "10.0.0.1\n::1\n")?;
    let failed = "b-v4: failed; b-v6: 1 added, created\n";
    expect(&ended, 1, failed, &["type hash:ip instead of hash:net"]);
    assert_eq!(entries("b-v6")?, ["::1"]);
    let saved = lab::tool("ipset", ["save", "b-v4"])?;
    assert!(saved.starts_with("create b-v4 hash:ip "), "{saved}");
    Ok(())
}

fn changed_files_are_applied() -> Result {
    let folder = Folder::new()?;
    folder.write("list", "10.0.0.1\n")?;
    let mut watch = folder.start("--apply --watch 1 b list")?;
    watch.expect(&["b-v4: 1 added, created; b-v6: no entries, created"]);
    folder.write("list", "10.0.0.2\nx\n")?;
    watch.expect(&["b-v4: 1 added, 1 removed, in place; b-v6: no entries, in place; 1 bad line"]);
    // A file that is gone changes nothing, and what another program changed is undone.
    std::fs::remove_file(folder.path("list"))?;
    lab::tool("ipset", ["add", "b-v4", "10.0.0.9"])?;
    watch.expect(&["b-v4: 1 removed, 1 kept, in place; b-v6: no entries, in place; 1 bad line"]);
    folder.write("list", "10.0.0.2\n")?;
    lab::tool("ipset", ["destroy", "b-v6"])?;
    let line = watch.line()?;
    // The new file may be read one look later.
    let created = "b-v4: 1 kept, in place; b-v6: no entries, created";
    assert!(line.starts_with(created), "{line}");
    let (status, rest) = watch.end(Signal::SIGTERM)?;
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    assert_eq!(entries("b-v4")?, ["10.0.0.2"]);
    assert_eq!(folder.names()?, ["list"]);
    Ok(())
}
