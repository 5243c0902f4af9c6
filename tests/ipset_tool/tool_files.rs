//! Compares the example `ipset` with the real tool for files and many entries, and tests their
//! differences.

use lab::test::Test;

use crate::common::{Result, same};
use crate::initval::Initval;
use crate::tool::{Ended, example, real, reset, run, state, words};

/// The tests that need no uncommon types.
pub(crate) fn tests() -> Vec<Test> {
    macro_rules! tests {
        ($($test:ident),* $(,)?) => {vec![$(Test::new(stringify!($test), $test)),*]};
    }
    tests![
        inputs_of_restore,
        inputs_of_restore_that_the_tool_gets_wrong,
        options_that_the_tool_omits,
        files_are_read_and_written,
        the_interactive_mode,
        many_entries_are_restored_and_saved,
        many_entries_are_sorted,
    ]
}

/// Runs `restore` with this input in both programs, starting without sets.
fn restored(options: &str, input: &str) -> Result<[(Ended, String); 2]> {
    let mut words = words(options);
    words.push("restore".into());
    let mut both = Vec::new();
    for program in [real(), example()] {
        reset()?;
        let ended = run(&program, &words, input)?;
        both.push((ended, state()?));
    }
    Ok(both.try_into().expect("two tools"))
}

fn inputs_of_restore() -> Result {
    const SET: &str = "create s hash:ip comment initval 1\n";
    let initval = Initval::probe();
    for (options, input) in [
        ("", "add s 1.1.1.1\nadd s 1.1.1.1\nadd s 1.1.1.2\n"),
        ("-exist", "add s 1.1.1.1\nadd s 1.1.1.1\nadd s 1.1.1.2\n"),
        (
            "",
            "# a comment\n\n  add   s\t1.1.1.1   comment  \"a  b\"  \n",
        ),
        ("", "add s 1.1.1.1 comment abc # no comment\n"),
        (
            "",
            "create \"s t\" hash:ip initval 1\nadd \"s t\" 1.1.1.1\n",
        ),
        ("", "-A s 1.1.1.1\nCOMMIT\n-A s 1.1.1.2\n"),
        ("", "nonsense\n"),
        ("", "add s 1.1.1.1\nlist\n"),
        ("", "add s 1.1.1.1\ntest s 1.1.1.1\n"),
        ("", "test s 1.1.1.1\nadd s 1.1.1.2\n"),
        ("", "add s 1.1.1.1\r\nadd s 1.1.1.2\r\n"),
        ("", "add s 1.1.1.1\nswap s t\nadd s 1.1.1.2\n"),
        (
            "",
            "add s 1.1.1.1\nflush s\nadd s 1.1.1.2\nrename s t\nadd t 1.1.1.3\ndestroy t\ncreate t hash:net initval 1",
        ),
        ("", "create s hash:ip comment initval 1\nadd s 1.1.1.2\n"),
        ("-!", "create s hash:ip comment initval 1\nadd s 1.1.1.2\n"),
        ("-!", "create s hash:net\nadd s 1.1.1.2\n"),
        (
            "",
            "-exist add s 1.1.1.1\n-! add s 1.1.1.1\nadd -exist s 1.1.1.1\ndel s 1.1.1.1\n-! del s 1.1.1.1\n",
        ),
        ("", "del s 1.1.1.1\n"),
        (
            "",
            "create f hash:ip maxelem 2 initval 1\nadd f 1.1.1.1\nadd f 1.1.1.2\nadd f 1.1.1.3\nadd f 1.1.1.4\n",
        ),
        ("", "add s 1.1.1.1 timeout 5\n"),
        ("", "add t 1.1.1.1\n"),
        ("", "add s 1.1.1.1\n-q add s 1.1.1.1\nadd s 1.1.1.2\n"),
        ("", "help\n"),
        ("", "version\n"),
        ("", "restore\n"),
        ("", "add s\n"),
        ("", "create\n"),
        ("", "-o xml\n"),
        ("", "save\nadd s 1.1.1.1\n"),
        (
            "",
            "create t hash:ip family inet6 initval 1\nadd t ::1\nadd s 1.1.1.1\nadd t ::2\ndel s 1.1.1.1\n",
        ),
        ("", "add s 1.1.1.1 comment \"a\\\"\n"),
        ("", "add s 1.1.1.1 comment 'a b'\n"),
        (
            "",
            "add s 1.1.1.1-1.1.1.9\ndel s 1.1.1.3\ndel s 1.1.1.5-1.1.1.7\n",
        ),
        ("-q", "nonsense\n"),
        ("", ""),
        (
            "",
            "add s 1.1.1.1 -exist\nadd s 1.1.1.1 -!\nadd s 1.1.1.2 -exist\n",
        ),
        ("", "add\ts\t1.1.1.1\n\tadd s 1.1.1.2\t\n"),
        (
            "",
            "add s 1.1.1.1 comment \"a -b\"\nadd s 1.1.1.2 comment \"- -\"\n",
        ),
        (
            "",
            "new t hash:ip initval 1\nn u hash:ip initval 1\n-A t 1.1.1.1\na u 1.1.1.2\n",
        ),
        (
            "",
            "-N t hash:ip initval 1\n-A t 1.1.1.1\n-D t 1.1.1.1\n-W s t\n-F s\n-X t\n",
        ),
        ("", "add s 1.1.1.1\nadd s 1.1.1.1\tcomment x foo\n"),
    ] {
        let input = format!("{SET}{input}");
        let [meant, found] = restored(options, &initval.text(&input))?;
        // At a wrong line, the tool loses what it has not sent yet. The example applies it.
        let what = format!("restore {options}: {input}");
        same(&what, &found.0, &meant.0);
        if meant.0.status != Some(2) {
            same(&what, initval.listing(&found.1), initval.listing(&meant.1));
        }
    }
    Ok(())
}

/// Tests the differences between the programs.
fn inputs_of_restore_that_the_tool_gets_wrong() -> Result {
    let initval = Initval::probe();
    let create = initval.text("create s hash:ip initval 1\n");
    let line = initval.text(
        "create s hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval \
                0x00000001\n",
    );
    // The tool loses the lines before a wrong line.
    let [meant, found] = restored("", &format!("{create}add s 1.1.1.1\nadd s 1.1.1.x\n"))?;
    assert_eq!((meant.0.status, found.0.status), (Some(1), Some(1)));
    assert!(
        meant
            .0
            .err
            .starts_with("ipset v7.17: Error in line 3: Syntax error: cannot parse")
    );
    assert!(
        found
            .0
            .err
            .starts_with("ipset v7.17: Error in line 3: Syntax error: cannot parse")
    );
    same("lost", meant.1, line.to_string());
    same("applied", found.1, format!("{line}add s 1.1.1.1\n"));
    // After a test that succeeds, the tool does not report a test that fails, and skips the
    // following lines.
    let tests = "add s 1.1.1.1\ntest s 1.1.1.1\ntest s 1.1.1.2\nadd s 1.1.1.3\n";
    let [meant, found] = restored("", &format!("{create}{tests}"))?;
    let is = "Warning: 1.1.1.1 is in set s.\n";
    assert_eq!((meant.0.status, meant.0.err.as_str()), (Some(0), is));
    same("skipped", meant.1, format!("{line}add s 1.1.1.1\n"));
    let err = format!("{is}1.1.1.2 is NOT in set s.\n");
    assert_eq!((found.0.status, found.0.err), (Some(1), err));
    same("stopped", found.1, format!("{line}add s 1.1.1.1\n"));
    // A line that is longer than any command is ignored completely.
    let long = format!(
        "add s 1.1.1.1{}timeout 5\nadd s 1.1.1.2\n",
        " ".repeat(70_000)
    );
    let [_, found] = restored("", &format!("{create}{long}"))?;
    let err = "ipset v7.17: Error in line 2: Syntax error: the line is longer than any command\n";
    assert_eq!((found.0.status, found.0.err.as_str()), (Some(1), err));
    same("a long line", found.1, line.to_string());
    // The tool loses the lines before `quit`.
    let [meant, found] = restored("", &format!("{create}add s 1.1.1.1\nquit\nadd s 1.1.1.2\n"))?;
    same("lost before quit", meant.1, line.to_string());
    same(
        "applied before quit",
        found.1,
        format!("{line}add s 1.1.1.1\n"),
    );
    Ok(())
}

fn options_that_the_tool_omits() -> Result {
    let initval = Initval::probe();
    let ours = |arguments: &str| run(&example(), &words(&initval.text(arguments)), "");
    reset()?;
    let created = ours("create s hash:ip forceadd initval 1")?;
    assert_eq!(created.status, Some(0), "{created:?}");
    let saved = ours("save")?.out;
    let line = initval.text(
        "create s hash:ip family inet hashsize 1024 maxelem 65536 forceadd bucketsize 12 \
                initval 0x00000001\n",
    );
    same("saved", saved.as_str(), &line);
    ours("destroy")?;
    run(&example(), &words("restore"), &saved)?;
    same("restored", ours("save")?.out, line.into());

    // A name that contains a blank.
    ours("destroy")?;
    lab::tool("ipset", ["create", "two words", "hash:ip", "comment"])?;
    lab::tool("ipset", ["add", "two words", "1.1.1.1", "comment", "<&>"])?;
    let saved = ours("save")?.out;
    assert!(
        saved.ends_with("\nadd \"two words\" 1.1.1.1 comment \"<&>\"\n"),
        "{saved}"
    );
    let xml = ours("list -o xml")?.out;
    assert!(
        xml.contains("<comment>\"&lt;&amp;&gt;\"</comment>"),
        "{xml}"
    );
    ours("destroy")?;
    let again = run(&real(), &words("restore"), &saved)?;
    assert_eq!(again.status, Some(0), "the real tool reads it: {again:?}");
    same("saved again", ours("save")?.out, saved);
    same(
        "listed",
        ours("list 'two words' -name")?.out,
        "two words\n".into(),
    );
    Ok(())
}

fn files_are_read_and_written() -> Result {
    let folder = std::env::temp_dir().join(format!("ipvset-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = |name: &str| folder.join(name).display().to_string();
    reset()?;
    std::fs::write(path("in"), "create s hash:ip\nadd s 1.1.1.1\n")?;
    let run = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        run(&example(), &words, "")
    };
    let ended = run(&["restore", "-f", &path("in")])?;
    assert_eq!((ended.status, ended.err.as_str()), (Some(0), ""));
    let ended = run(&["-file", &path("out"), "save"])?;
    assert_eq!((ended.status, ended.out.as_str()), (Some(0), ""));
    same(
        "the file",
        std::fs::read_to_string(path("out"))?,
        lab::tool("ipset", ["save"])?,
    );
    let ended = run(&["-file", &path("missing/x"), "restore"])?;
    let err = format!(
        "ipset v7.17: Cannot open {} for reading: No such file or directory\n",
        path("missing/x")
    );
    assert_eq!((ended.status, ended.err), (Some(1), err));
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn the_interactive_mode() -> Result {
    let initval = Initval::probe();
    for input in [
        "create s hash:ip initval 1\nlist\nadd s 1.1.1.1\nadd s 1.1.1.1\nversion\nquit\nlist\n",
        "create s hash:ip initval 1\nadd s 9.9.9.9",
        "# a comment\n\n  \nnonsense\nnew s hash:ip initval 1\n-A s 1.1.1.1\nsave\n",
        "create s hash:ip comment initval 1\nadd\ts 1.1.1.1\tcomment \"a -exist b\"\nsave\nq\n",
    ] {
        let input = &initval.text(input);
        reset()?;
        let meant = run(&real(), &words("-"), input)?;
        let state_meant = state()?;
        reset()?;
        let found = run(&example(), &words("-"), input)?;
        same(input, found, meant);
        same(input, state()?, state_meant);
    }
    Ok(())
}

/// Returns 65,536 entries like those of kube-proxy.
fn many() -> String {
    let mut input =
        String::from("create s hash:ip,port,ip hashsize 65536 maxelem 131072 counters\n");
    for number in 0..65_536u32 {
        let (a, b) = (number >> 8, number & 0xff);
        input += &format!("add s 10.0.{a}.{b},tcp:{},10.1.{b}.{a}\n", number % 997);
    }
    input
}

fn many_entries_are_restored_and_saved() -> Result {
    reset()?;
    let input = many();
    let ended = run(&example(), &words("restore"), &input)?;
    assert_eq!((ended.status, ended.err.as_str()), (Some(0), ""));
    same(
        "saved",
        run(&example(), &words("save"), "")? == run(&real(), &words("save"), "")?,
        true,
    );
    // The error for an existing entry has the number of its line, including comment lines. The
    // entries before it are added, and those after it are not.
    let mut lines: Vec<_> = input.lines().collect();
    lines.insert(40_000, "# a comment");
    lines.insert(50_000, lines[7]);
    reset()?;
    let ended = run(&example(), &words("restore"), &lines.join("\n"))?;
    let err = "ipset v7.17: Error in line 50001: Element cannot be added to the set: it's already \
               added\n";
    assert_eq!((ended.status, ended.err.as_str()), (Some(1), err));
    let added = run(&real(), &words("save"), "")?.out.lines().count() - 1;
    same("added before it", added, 50_000 - 2);
    Ok(())
}

/// Runs only the example, because the tool needs minutes and cuts some elements off.
fn many_entries_are_sorted() -> Result {
    reset()?;
    run(&example(), &words("restore"), &many())?;
    let sorted = run(&example(), &words("save -sorted"), "")?.out;
    let lines: Vec<_> = sorted.lines().skip(1).collect();
    assert_eq!(lines.len(), 65_536);
    let key = |line: &str| {
        let address = line.split([' ', ',']).nth(2).expect("an address");
        address.parse::<std::net::Ipv4Addr>().expect("an address")
    };
    assert!(lines.is_sorted_by_key(|line| key(line)), "by address");
    Ok(())
}
