//! `save` writes everything that a line can contain, and keeps the old file until the new content
//! is complete.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use lab::test::Test;

use crate::common::{Result, same};
use crate::tool::{Ended, example, real, reset, run};

pub(crate) fn tests() -> Vec<Test> {
    macro_rules! tests {
        ($($test:ident),* $(,)?) => {vec![$(Test::new(stringify!($test), $test)),*]};
    }
    tests![
        only_what_a_line_cannot_contain_is_missing,
        a_file_is_replaced_completely,
        a_file_is_kept_if_it_cannot_be_replaced,
    ]
}

fn ours(words: &[&str]) -> Result<Ended> {
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    run(&example(), &words, "")
}

/// Creates an empty folder.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = format!("ipvset-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Creates sets, among them a name and a comment that a line cannot contain.
fn sets() -> Result {
    reset()?;
    for words in [
        &["create", "a", "hash:ip", "comment"][..],
        &["add", "a", "1.1.1.1"],
        &["add", "a", "1.1.1.2", "comment", "two\nlines"],
        &["add", "a", "1.1.1.3"],
        &["create", "b\nc", "hash:ip"],
        &["add", "b\nc", "1.1.1.4"],
        &["create", "d", "hash:ip"],
        &["add", "d", "1.1.1.5"],
    ] {
        lab::tool("ipset", words)?;
    }
    Ok(())
}

fn only_what_a_line_cannot_contain_is_missing() -> Result {
    sets()?;
    for words in [&["save"][..], &["save", "-sorted"]] {
        let saved = ours(words)?;
        let what = format!("{words:?}: {saved:?}");
        assert_eq!(saved.status, Some(1), "{what}");
        for there in ["add a 1.1.1.1\n", "add a 1.1.1.3\n", "add d 1.1.1.5\n"] {
            assert!(saved.out.contains(there), "{what}");
        }
        for missing in ["1.1.1.2", "1.1.1.4", "lines", "create b"] {
            assert!(!saved.out.contains(missing), "{what}");
        }
        assert!(
            saved.err.contains("1.1.1.2") && saved.err.contains("b\nc"),
            "{what}"
        );
        reset()?;
        let restored = run(&real(), &["restore".to_owned()], &saved.out)?;
        assert_eq!(restored.status, Some(0), "the tool reads it: {restored:?}");
        sets()?;
    }
    let quiet = ours(&["-q", "save"])?;
    assert_eq!((quiet.status, quiet.err.as_str()), (Some(1), ""));
    assert_eq!(
        ours(&["list"])?.status,
        Some(0),
        "a listing is not a backup"
    );
    // Saves a single set.
    let one = ours(&["save", "b\nc"])?;
    assert_eq!((one.status, one.out.as_str()), (Some(1), ""));
    same("the other set", ours(&["save", "d"])?.status, Some(0));
    Ok(())
}

fn a_file_is_replaced_completely() -> Result {
    let folder = folder("replaced")?;
    let (path, link) = (folder.join("sets"), folder.join("link"));
    fs::write(&path, "old\n")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    symlink("sets", &link)?;
    sets()?;
    let link = link.display().to_string();
    // The file contains everything else.
    let saved = ours(&["save", "-file", &link])?;
    assert_eq!((saved.status, saved.out.as_str()), (Some(1), ""));
    same(
        "the content",
        fs::read_to_string(&path)?,
        ours(&["save"])?.out,
    );
    same(
        "the permissions",
        fs::metadata(&path)?.permissions().mode() & 0o777,
        0o640,
    );
    assert!(fs::symlink_metadata(&link)?.is_symlink());
    same("the files in the folder", fs::read_dir(&folder)?.count(), 2);
    // A device cannot be replaced, so it is written to.
    same(
        "a device",
        ours(&["save", "d", "-file", "/dev/null"])?.status,
        Some(0),
    );
    fs::remove_dir_all(folder)?;
    Ok(())
}

fn a_file_is_kept_if_it_cannot_be_replaced() -> Result {
    let folder = folder("kept")?;
    let path = folder.join("sets");
    let name = path.display().to_string();
    fs::write(&path, "old\n")?;
    reset()?;
    let ended = ours(&["save", "nosuch", "-file", &name])?;
    same("no such set", ended.status, Some(1));
    same("the content", fs::read_to_string(&path)?, "old\n".into());
    same("the files in the folder", fs::read_dir(&folder)?.count(), 1);
    // The limit of the file size simulates a full disk.
    sets()?;
    let limited = run(
        &"sh".into(),
        &[
            "-c".into(),
            "trap '' XFSZ; ulimit -f 0; exec \"$0\" save d -file \"$1\"".into(),
            example().display().to_string(),
            name.clone(),
        ],
        "",
    )?;
    let err = "ipset v7.17: File too large\n";
    assert_eq!((limited.status, limited.err.as_str()), (Some(1), err));
    same("the content", fs::read_to_string(&path)?, "old\n".into());
    same("the files in the folder", fs::read_dir(&folder)?.count(), 1);
    // The folder does not exist.
    let missing = folder.join("missing/sets").display().to_string();
    let ended = ours(&["save", "-file", &missing])?;
    let err =
        format!("ipset v7.17: Cannot open {missing} for writing: No such file or directory\n");
    assert_eq!((ended.status, ended.err), (Some(1), err));
    fs::remove_dir_all(folder)?;
    Ok(())
}
