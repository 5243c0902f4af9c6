//! Arguments and files that are wrong.

use crate::program::{Folder, Result, expect, expect_table, ipvsadm};

crate::tests![
    help_is_printed,
    wrong_arguments_are_status_1,
    wrong_files_change_nothing
];

fn help_is_printed() -> Result {
    let folder = Folder::new()?;
    for line in ["--help", "-h", "--apply --help"] {
        let ended = folder.run(line)?;
        assert_eq!((ended.status.code(), ended.err.as_str()), (Some(0), ""));
        for option in [
            "--apply",
            "--scope",
            "--drain",
            "--watch",
            "--record",
            "--json",
            "--sets",
            "--set-scope",
            "--recreate",
        ] {
            assert!(ended.out.contains(&format!("\n  {option}")), "{option}");
        }
    }
    Ok(())
}

fn wrong_arguments_are_status_1() -> Result {
    let folder = Folder::new()?;
    for (line, why) in [
        ("", "FILE is missing"),
        ("--aply table", "`--aply` is not an option"),
        ("one other", "not `one` and `other`"),
        ("--drain", "`--drain` needs a value"),
        ("--drain x table", "`x` is not a number of seconds"),
        ("--drain=-1 table", "`-1` is not a number of seconds"),
        ("--scope 10.0.0.0/33 table", "`10.0.0.0/33` is not"),
        ("--watch 5 table", "`--watch` needs `--apply`"),
        ("--apply --watch 0 table", "at least 1 second"),
        ("--recreate table", "need `--sets`"),
        ("--set-scope P- table", "need `--sets`"),
        ("--sets sets --set-scope= table", "not empty"),
        ("--sets - -", "only one of the files"),
    ] {
        let ended = folder.run(line)?;
        assert_eq!(ended.status.code(), Some(1), "{line}: {ended:?}");
        assert_eq!(ended.out, "", "{line}");
        assert!(ended.err.starts_with("reconcile: "), "{}", ended.err);
        assert!(ended.err.contains(why), "{line}: {}", ended.err);
    }
    Ok(())
}

fn wrong_files_change_nothing() -> Result {
    let folder = Folder::new()?;
    let before = "-A -t 10.0.0.1:80 -s rr";
    ipvsadm(before)?;
    folder.write(
        "twice",
        "-A -t 10.0.0.2:80\n-A -u 10.0.0.2:80\n-A -t 10.0.0.2:80 -s rr\n",
    )?;
    folder.write("table", "")?;
    folder.write("record", "{")?;
    for (line, why) in [
        ("--apply missing", "missing: No such file"),
        ("--apply twice", "line 3"),
        ("--apply --record record table", "record is not a record"),
        ("--apply --record no-folder/record table", "no-folder"),
    ] {
        let ended = folder.run(&format!("--scope everything {line}"))?;
        expect(&ended, 1, "");
        assert!(ended.err.contains(why), "{line}: {}", ended.err);
        expect_table(before);
    }
    Ok(())
}
