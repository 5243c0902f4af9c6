//! Text that is not UTF-8. Bytes are read and written unchanged, as in the tool.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use lab::test::Test;

use crate::common::{Result, same};
use crate::initval::Initval;
use crate::tool::{example, real, reset};

pub(crate) fn tests() -> Vec<Test> {
    macro_rules! tests {
        ($($test:ident),* $(,)?) => {vec![$(Test::new(stringify!($test), $test)),*]};
    }
    tests![
        bytes_in_arguments,
        bytes_in_restore,
        bytes_in_the_interactive_mode,
        bytes_in_listings,
    ]
}

/// The status, standard output and standard error.
type Ended = (Option<i32>, String, String);

/// Converts each byte to a character, so that differences are readable.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Converts characters up to U+00FF to bytes.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

fn run(program: &PathBuf, words: &[&str], input: &str) -> Result<Ended> {
    let mut child = Command::new(program)
        .args(words.iter().map(|word| OsString::from_vec(bytes(word))))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("standard input is not a pipe")?;
    let input = bytes(input);
    let ended = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(&input));
        child.wait_with_output()
    })?;
    Ok((
        ended.status.code(),
        text(&ended.stdout),
        text(&ended.stderr),
    ))
}

/// Returns what the tool saves. Checks that the example saves the same.
fn saved() -> Result<String> {
    let meant = run(&real(), &["save"], "")?;
    same("saved", run(&example(), &["save"], "")?, meant.clone());
    Ok(meant.1)
}

/// Runs the same commands with both programs, starting without sets.
fn both(words: &[&[&str]], input: &str) -> Result<String> {
    let initval = Initval::probe();
    let input = &initval.text(input);
    let all = |program: PathBuf| -> Result<_> {
        reset()?;
        let words = words.iter().map(|words| match words {
            [others @ .., "initval", "1"] if !initval.known => others,
            words => words,
        });
        let ended: Result<Vec<Ended>> = words.map(|it| run(&program, it, input)).collect();
        Ok((ended?, saved()?))
    };
    let (meant, found) = (all(real())?, all(example())?);
    for ((words, meant), found) in words.iter().zip(&meant.0).zip(&found.0) {
        let comparable = |it: &Ended| (it.0, initval.listing(&it.1).into_owned(), it.2.clone());
        same(&words.join(" "), comparable(found), comparable(meant));
    }
    same(
        "the sets",
        initval.listing(&found.1),
        initval.listing(&meant.1),
    );
    Ok(meant.1)
}

fn bytes_in_arguments() -> Result {
    let lines: &[&[&str]] = &[
        &["create", "caf\u{e9}", "hash:ip", "comment", "initval", "1"],
        &["add", "caf\u{e9}", "1.1.1.1", "comment", "th\u{e9}\u{ff}"],
        &["test", "caf\u{e9}", "1.1.1.1"],
        &["test", "caf\u{e9}", "1.1.1.2"],
        &["create", "l", "list:set"],
        &["add", "l", "caf\u{e9}"],
        &["create", "i", "hash:net,iface", "initval", "1"],
        &["add", "i", "10.0.0.0/8,eth\u{e9}"],
        &["rename", "l", "m\u{e9}"],
        &["add", "s\u{e9}", "1.1.1.1"],
        &["c\u{e9}"],
        &["add", "caf\u{e9}", "1.1.1.3", "c\u{e9}"],
        &["list", "caf\u{e9}", "extra\u{e9}"],
    ];
    let sets = both(lines, "")?;
    assert!(sets.contains("comment \"th\u{e9}\u{ff}\""), "{sets}");
    assert!(sets.contains("10.0.0.0/8,eth\u{e9}"), "{sets}");
    Ok(())
}

const LINES: &str = "\
# th\u{e9}
create caf\u{e9} hash:ip comment initval 1
add caf\u{e9} 1.1.1.1 comment \"th\u{e9} \u{ff}\"
add caf\u{e9} 1.1.1.2 comment \u{e9}
-A caf\u{e9} 1.1.1.3
create l list:set
add l caf\u{e9}
";

fn bytes_in_restore() -> Result {
    let sets = both(&[&["restore"]], LINES)?;
    assert!(sets.contains("comment \"th\u{e9} \u{ff}\""), "{sets}");
    // A wrong line is an error of that line.
    let input = "create s hash:ip\nadd s 1.1.1.1\nadd s 1.1.1.\u{e9}\nadd s 1.1.1.3\n";
    reset()?;
    let (status, out, err) = run(&example(), &["restore"], input)?;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(
        err.starts_with("ipset v7.17: Error in line 3: Syntax error"),
        "{err}"
    );
    assert!(saved()?.contains("add s 1.1.1.1\n"));
    Ok(())
}

fn bytes_in_the_interactive_mode() -> Result {
    both(&[&["-"]], &format!("{LINES}save\ntest caf\u{e9} 1.1.1.1\n"))?;
    Ok(())
}

fn bytes_in_listings() -> Result {
    reset()?;
    run(&real(), &["restore"], &Initval::probe().text(LINES))?;
    for words in [
        &["list"][..],
        &["list", "-sorted"],
        &["list", "-name"],
        &["list", "-output", "xml"],
        &["list", "-output", "xml", "-sorted"],
        &["list", "-name", "-output", "xml"],
        &["save", "-sorted"],
        &["list", "caf\u{e9}"],
    ] {
        let found = run(&example(), words, "")?;
        same(&words.join(" "), found, run(&real(), words, "")?);
    }
    // JSON is UTF-8.
    let (status, json, _) = run(&example(), &["list", "-output", "json"], "")?;
    let json: serde_json::Value = serde_json::from_slice(&bytes(&json))?;
    assert_eq!(status, Some(0));
    same("the name", json[0]["name"].as_str(), Some("caf\u{fffd}"));
    Ok(())
}
