//! The dry run, and scopes.

use serde_json::Value;

use crate::program::{Folder, Result, expect, expect_no_steps, expect_table, ipvsadm};

crate::tests![
    a_dry_run_prints_what_differs,
    a_scope_says_what_is_removed,
    a_plan_is_printed_as_json,
];

/// The table that is there.
const PRESENT: &str = "
    -A -t 10.0.0.1:80 -s rr
    -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
    -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
    -A -t 10.0.0.2:80 -s wlc
    -A -t 10.0.1.1:8080 -s wlc
    -A -f 256 -s wlc
    -A -f 512 -s wlc
";

const WANTED: &str = "\
    # a comment\n\
    -A -t 10.0.0.1:80 -s wrr\n\
    -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 5\n\
    -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1\n";

/// What brings the named service to what is wanted.
const STEPS: &str = "
    - -A -t 10.0.0.1:80 -s rr
    + -A -t 10.0.0.1:80 -s wrr  # differs
    + -a -t 10.0.0.1:80 -r 10.1.0.3:80 -m -w 1  # is missing
    - -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1
    + -a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 5  # differs
    - -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1
    + -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0  # is no longer wanted, drains
    # adopted, because they were there already: 1 service, 1 server
    # 1 server to add, 1 service and 1 server to update, 1 server to drain
";

fn a_dry_run_prints_what_differs() -> Result {
    let folder = Folder::new()?;
    ipvsadm(PRESENT)?;
    folder.write("wanted", WANTED)?;
    expect(&folder.run("wanted")?, 2, STEPS);
    expect(&folder.run_with("-", WANTED)?, 2, STEPS);
    let at_once = STEPS.replace(
        "+ -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 0  # is no longer wanted, drains",
        "",
    );
    let at_once = at_once.replace("to drain", "to remove");
    let removed = "- -a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1";
    let why = "  # is no longer wanted, is removed at once: that is the policy";
    let at_once = at_once.replace(removed, &format!("{removed}{why}"));
    expect(&folder.run("--drain 0 wanted")?, 2, &at_once);
    expect_table(PRESENT);

    folder.write("present", PRESENT)?;
    expect_no_steps(&folder.run("--scope everything present")?);
    expect(&folder.run_with("-", "")?, 0, "");
    Ok(())
}

fn a_scope_says_what_is_removed() -> Result {
    let folder = Folder::new()?;
    ipvsadm(PRESENT)?;
    folder.write("empty", "")?;
    let services = [
        "-t 10.0.0.1:80",
        "-t 10.0.0.2:80",
        "-t 10.0.1.1:8080",
        "-f 256",
        "-f 512",
    ];
    for (scopes, removed) in [
        ("named", &[][..]),
        ("everything", &services),
        ("10.0.0.0/24", &services[..2]),
        ("10.0.0.2", &services[1..2]),
        ("10.0.0.0/8:8000-8999", &services[2..3]),
        ("10.0.0.0/8:8080", &services[2..3]),
        ("mark:0x100", &services[3..4]),
        ("mark:0/0", &services[3..]),
        (
            "mark:0x100 --scope=10.0.0.2/32",
            &[services[1], services[3]],
        ),
        ("fd00::/8", &[]),
    ] {
        let ended = folder.run(&format!("--drain 0 --scope {scopes} empty"))?;
        let lines = ended.out.lines().filter_map(|it| it.strip_prefix("- -A "));
        let mut found: Vec<_> = lines
            .map(|it| it.split(" -s ").next().unwrap_or(it))
            .collect();
        let mut removed = removed.to_vec();
        found.sort();
        removed.sort();
        assert_eq!(found, removed, "{scopes}: {ended:#?}");
        let status = if removed.is_empty() { 0 } else { 2 };
        assert_eq!(ended.status.code(), Some(status), "{scopes}: {ended:#?}");
    }
    // What is wanted and does not belong to the program is left alone.
    folder.write("wanted", WANTED)?;
    let outside = "
        # warning: -t 10.0.0.1:80 is wanted but outside of the scope, and is left alone
    ";
    expect(&folder.run("--scope fd00::/8 wanted")?, 0, outside);
    let ended = folder.run("--apply --scope fd00::/8 wanted")?;
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert!(
        ended.out.contains("-t 10.0.0.1:80: left alone: "),
        "{ended:#?}"
    );
    expect_table(PRESENT);
    Ok(())
}

fn a_plan_is_printed_as_json() -> Result {
    let folder = Folder::new()?;
    ipvsadm(PRESENT)?;
    folder.write("wanted", WANTED)?;
    let ended = folder.run("--json wanted")?;
    assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    let plan: Value = serde_json::from_str(&ended.out)?;
    let steps = plan["steps"].as_array().ok_or("no steps")?;
    let reasons: Vec<_> = steps.iter().map(|it| it["reason"].as_str()).collect();
    let expected = ["differs", "missing", "differs", "drains"].map(Some);
    assert_eq!(reasons, expected, "{plan:#}");
    assert_eq!(plan["draining"][0]["servers"][0]["address"], "10.1.0.1:80");
    Ok(())
}
