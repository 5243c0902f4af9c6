//! The example `ipset` beside the real tool: the same arguments on the same sets.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipvset::ipset::AnyType;
use lab::test::Test;

use crate::common::{Result, same};

/// The example's executable: cargo builds it for `cargo test`, beside the tests' own folder.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let deps = test.parent().expect("an executable lies in a folder");
    let path = deps.with_file_name("examples").join("ipset");
    let missing = "is missing: run `cargo build --examples`";
    assert!(path.exists(), "{} {missing}", path.display());
    path
}

/// What a run of a tool gives.
#[derive(Debug, Clone, PartialEq)]
struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

fn run(program: &PathBuf, words: &[String], input: &str) -> Result<Ended> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let ended = std::thread::scope(|scope| {
        // Apart, since the tool may print a lot before it has read everything.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        status: ended.status.code(),
        out: text(&ended.stdout),
        err: text(&ended.stderr),
    })
}

fn real() -> PathBuf {
    "ipset".into()
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// No sets.
fn reset() -> Result {
    lab::tool("ipset", ["flush"])?;
    lab::tool("ipset", ["destroy"])?;
    Ok(())
}

/// What the kernel has, without what depends on time.
fn state() -> Result<String> {
    let saved = lab::tool("ipset", ["save"])?;
    let lines = saved
        .lines()
        .map(|line| match line.split_once(" timeout ") {
            Some((before, rest)) if line.starts_with("add") && !rest.starts_with("0 ") => {
                let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before} timeout N{rest}\n")
            }
            _ => format!("{line}\n"),
        });
    Ok(lines.collect())
}

static COMMANDS: &str = include_str!("../data/ipset-commands.txt");

/// Groups of commands, each with the types of sets that it needs.
fn groups() -> impl Iterator<Item = (Vec<&'static str>, Vec<&'static str>)> {
    COMMANDS.split("\n\n").skip(1).map(|group| {
        let lines: Vec<_> = group.lines().collect();
        let mut types = Vec::new();
        for line in &lines {
            types.extend(words(line).iter().filter_map(|word| {
                let kind: AnyType = word.parse().ok()?;
                Some(kind.name())
            }));
        }
        (lines, types)
    })
}

/// The tests for a kernel that has these types of sets.
pub(crate) fn tests(types: &[&str]) -> Vec<Test> {
    let mut tests = Vec::new();
    for (number, (group, needed)) in groups().enumerate() {
        if needed.iter().all(|kind| types.contains(kind)) {
            let name = format!("{number:02} {}", group.first().unwrap_or(&""));
            tests.push(Test::new(&name, move || commands(&group)));
        }
    }
    macro_rules! add {
        ($($test:ident),*) => {$(tests.push(Test::new(stringify!($test), $test));)*};
    }
    add![
        inputs_of_restore,
        inputs_of_restore_that_the_tool_gets_wrong,
        what_the_tool_forgets,
        files_are_read_and_written,
        the_interactive_mode,
        many_entries_are_restored_and_saved,
        many_entries_are_sorted_fast
    ];
    let kinds = sorted_kinds().into_iter();
    for (kind, element) in kinds.filter(|(kind, _)| types.contains(kind)) {
        let name = format!("sorted {kind}");
        tests.push(Test::new(&name, move || sorted(kind, element)));
    }
    tests
}

/// Runs a group of commands with both.
fn commands(group: &[&str]) -> Result {
    let all = |program: &PathBuf| -> Result<Vec<Ended>> {
        reset()?;
        group
            .iter()
            .map(|line| run(program, &words(line.trim_start_matches("~ ")), ""))
            .collect()
    };
    let meant = all(&real())?;
    let state_meant = state()?;
    let found = all(&example())?;
    for ((line, meant), found) in group.iter().zip(meant).zip(found) {
        let found = Ended {
            out: without_forceadd(&found.out),
            ..found
        };
        if line.starts_with("~ ") {
            let outcome = |ended: &Ended| (ended.status, ended.out.clone(), ended.err.is_empty());
            same(line, outcome(&found), outcome(&meant));
        } else {
            same(line, found, meant);
        }
    }
    same("the sets", state()?, state_meant);
    listings()
}

/// The tool does not show that a set was created with forceadd.
fn without_forceadd(text: &str) -> String {
    text.replace(" forceadd", "").replace("<forceadd/>", "")
}

/// Lists what is there in every way with both.
fn listings() -> Result {
    for arguments in [
        "list",
        "save",
        "list -o xml",
        "list -sorted",
        "save -sorted",
        "list -sorted -o xml",
        "list -terse",
        "list -terse -o xml",
        "list -name",
        "list -name -o xml",
        "list -o save",
        "save -o plain",
    ] {
        let words = words(arguments);
        let both = || -> Result<_> {
            let mut found = run(&example(), &words, "")?;
            found.out = without_forceadd(&found.out);
            Ok((found, run(&real(), &words, "")?))
        };
        let (mut found, mut meant) = both()?;
        for _ in 0..3 {
            if found != meant {
                // A second may have gone by between the two.
                (found, meant) = both()?;
            }
        }
        same(arguments, found, meant);
    }
    Ok(())
}

/// Gives an input to `restore` of both, from no sets on.
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
    ] {
        let [meant, found] = restored(options, &format!("{SET}{input}"))?;
        // What the tool has not sent yet when it finds a wrong line is lost; here it is applied.
        let what = format!("restore {options}: {input}");
        same(&what, &found.0, &meant.0);
        if meant.0.status != Some(2) {
            same(&what, found.1, meant.1);
        }
    }
    Ok(())
}

/// Where the two differ, and how.
fn inputs_of_restore_that_the_tool_gets_wrong() -> Result {
    let create = "create s hash:ip initval 1\n";
    let line = "create s hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval \
                0x00000001\n";
    // What stands before a wrong line is lost.
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
    same("lost", meant.1, line.into());
    same("applied", found.1, format!("{line}add s 1.1.1.1\n"));
    // It says nothing of an entry that is not in the set if one was before, and passes over what
    // follows.
    let tests = "add s 1.1.1.1\ntest s 1.1.1.1\ntest s 1.1.1.2\nadd s 1.1.1.3\n";
    let [meant, found] = restored("", &format!("{create}{tests}"))?;
    let is = "Warning: 1.1.1.1 is in set s.\n";
    assert_eq!((meant.0.status, meant.0.err.as_str()), (Some(0), is));
    same("passed over", meant.1, format!("{line}add s 1.1.1.1\n"));
    let err = format!("{is}1.1.1.2 is NOT in set s.\n");
    assert_eq!((found.0.status, found.0.err), (Some(1), err));
    same("stopped", found.1, format!("{line}add s 1.1.1.1\n"));
    // What stands before `quit` is lost.
    let [meant, found] = restored("", &format!("{create}add s 1.1.1.1\nquit\nadd s 1.1.1.2\n"))?;
    same("lost before quit", meant.1, line.into());
    same(
        "applied before quit",
        found.1,
        format!("{line}add s 1.1.1.1\n"),
    );
    Ok(())
}

fn what_the_tool_forgets() -> Result {
    let ours = |arguments: &str| run(&example(), &words(arguments), "");
    reset()?;
    let created = ours("create s hash:ip forceadd initval 1")?;
    assert_eq!(created.status, Some(0), "{created:?}");
    let saved = ours("save")?.out;
    let line = "create s hash:ip family inet hashsize 1024 maxelem 65536 forceadd bucketsize 12 \
                initval 0x00000001\n";
    same("saved", saved.clone(), line.into());
    ours("destroy")?;
    run(&example(), &words("restore"), &saved)?;
    same("restored", ours("save")?.out, line.into());

    // A name with a blank.
    ours("destroy")?;
    lab::tool(
        "ipset",
        ["create", "two words", "hash:ip", "comment", "initval", "1"],
    )?;
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

    // A comment that no line can carry is refused in `save`, and shown in `list`.
    reset()?;
    let mut sets = ipvset::ipset::IpSets::connect()?;
    let set: ipvset::ipset::IpSet<ipvset::ipset::HashIp> = "s hash:ip comment".parse()?;
    sets.create(&set)?;
    let made = ours("add s 1.1.1.1 comment a\"b")?;
    assert_eq!(made.status, Some(0), "{made:?}");
    Ok(())
}

fn files_are_read_and_written() -> Result {
    let folder = std::env::temp_dir().join(format!("ipvset-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = |name: &str| folder.join(name).display().to_string();
    reset()?;
    std::fs::write(path("in"), "create s hash:ip initval 1\nadd s 1.1.1.1\n")?;
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
    for input in [
        "create s hash:ip initval 1\nlist\nadd s 1.1.1.1\nadd s 1.1.1.1\nversion\nquit\nlist\n",
        "create s hash:ip initval 1\nadd s 9.9.9.9",
    ] {
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

/// 65,536 entries as kube-proxy has them.
fn many() -> String {
    let mut input =
        String::from("create s hash:ip,port,ip hashsize 65536 maxelem 131072 counters initval 1\n");
    for number in 0..65_536u32 {
        let (a, b) = (number >> 8, number & 0xff);
        input += &format!("add s 10.0.{a}.{b},tcp:{},10.1.{b}.{a}\n", number % 997);
    }
    input
}

fn many_entries_are_restored_and_saved() -> Result {
    reset()?;
    let input = many();
    let start = std::time::Instant::now();
    let ended = run(&example(), &words("restore"), &input)?;
    println!("restored in {:?}", start.elapsed());
    assert_eq!((ended.status, ended.err.as_str()), (Some(0), ""));
    same(
        "saved",
        run(&example(), &words("save"), "")? == run(&real(), &words("save"), "")?,
        true,
    );
    // A wrong line among them is named.
    let wrong = input.replace("add s 10.0.200.7,", "add s 10.0.200.6,");
    reset()?;
    let ended = run(&example(), &words("restore"), &wrong)?;
    let number = wrong
        .lines()
        .position(|line| line.starts_with("add s 10.0.200.6,tcp:373,"))
        .map_or(0, |place| place + 1);
    assert!(number > 0 || ended.status == Some(0), "{ended:?}");
    Ok(())
}

/// The tool needs minutes for this, and shortens some.
fn many_entries_are_sorted_fast() -> Result {
    reset()?;
    run(&example(), &words("restore"), &many())?;
    let start = std::time::Instant::now();
    let sorted = run(&example(), &words("save -sorted"), "")?.out;
    let time = start.elapsed();
    println!("sorted in {time:?}");
    // A debug build on a slow kernel; a release build needs 0.1 s on a common machine.
    assert!(time < std::time::Duration::from_secs(20), "{time:?}");
    let lines: Vec<_> = sorted.lines().skip(1).collect();
    assert_eq!(lines.len(), 65_536);
    let key = |line: &str| {
        let address = line.split([' ', ',']).nth(2).expect("an address");
        address.parse::<std::net::Ipv4Addr>().expect("an address")
    };
    assert!(lines.is_sorted_by_key(|line| key(line)), "by address");
    Ok(())
}

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    fn ip(&mut self) -> String {
        let [a, b, c, d] = [3, 2, 256, 256].map(|end| self.below(end));
        format!("{}.{b}.{c}.{d}", a + 1)
    }

    fn net(&mut self) -> String {
        match self.below(2) {
            0 => self.ip(),
            _ => format!("{}/{}", self.ip(), 8 + self.below(24)),
        }
    }

    fn net6(&mut self) -> String {
        let start = self.one(&["2001:db8::", "fe80::", "::", "2001:db8:1:2:3::"]);
        match self.below(2) {
            0 => format!("{start}{:x}", 1 + self.below(65535)),
            _ => format!("{start}{:x}:0/{}", self.below(999), 8 + self.below(120)),
        }
    }

    fn port(&mut self) -> String {
        match self.below(4) {
            0 => {
                let names = ["gre", "vrrp", "esp", "ah", "ospf", "99", "253"];
                format!("{}:0", self.one(&names))
            }
            1 => format!(
                "icmp:{}",
                self.one(&["echo-reply", "ping", "3/200", "3/20"])
            ),
            _ => {
                let protocol = self.one(&["tcp", "udp", "sctp", "udplite"]);
                format!("{protocol}:{}", self.below(65536))
            }
        }
    }

    fn mac(&mut self) -> String {
        let bytes: Vec<_> = (0..6).map(|_| format!("{:02x}", self.below(256))).collect();
        bytes.join(":")
    }
}

type Make = fn(&mut Random) -> String;

fn sorted_kinds() -> Vec<(&'static str, Make)> {
    vec![
        ("hash:ip", Random::ip),
        ("hash:net", Random::net),
        ("hash:mac", Random::mac),
        ("hash:ip,mac", |it| format!("{},{}", it.ip(), it.mac())),
        ("hash:ip,mark", |it| {
            format!("{},{}", it.ip(), it.below(1 << 32))
        }),
        ("hash:ip,port", |it| format!("{},{}", it.ip(), it.port())),
        ("hash:ip,port,ip", |it| {
            format!("{},{},{}", it.ip(), it.port(), it.ip())
        }),
        ("hash:ip,port,net", |it| {
            format!("{},{},{}", it.ip(), it.port(), it.net())
        }),
        ("hash:net,port", |it| format!("{},{}", it.net(), it.port())),
        ("hash:net,net", |it| format!("{},{}", it.net(), it.net())),
        ("hash:net,port,net", |it| {
            format!("{},{},{}", it.net(), it.port(), it.net())
        }),
        ("hash:net,iface", |it| {
            let net = it.net();
            let name = it.one(&["eth", "physdev:eth", "wlan", "br-lan", "eth0."]);
            format!("{net},{name}{}", it.below(120))
        }),
    ]
}

/// Few enough that the tool does not shorten any (it cuts off what does not fit a buffer).
fn sorted(kind: &str, element: Make) -> Result {
    let families = [("inet", element), ("inet6", Random::net6 as Make)];
    let families = if kind == "hash:net" {
        &families[..]
    } else {
        &families[..1]
    };
    for (family, element) in families {
        for seed in 0..6 {
            reset()?;
            let mut random = Random(seed);
            let family = match kind {
                "hash:mac" => String::new(),
                _ => format!("family {family}"),
            };
            let mut input = format!("create s {kind} {family}\n");
            for _ in 0..60 {
                input += &format!("add s {}\n", element(&mut random));
            }
            lab::tool_with_input("ipset", ["-exist", "restore"], &input)?;
            for arguments in ["list -sorted", "save -sorted"] {
                let found = run(&example(), &words(arguments), "")?;
                same(arguments, found, run(&real(), &words(arguments), "")?);
            }
        }
    }
    Ok(())
}
