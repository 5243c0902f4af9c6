//! Compares the example `ipset` with the real tool, with the same arguments on the same sets.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipvset::ipset::types::AnyType;
use lab::test::{Test, has};

use crate::common::{Result, same};
use crate::initval::Initval;
use crate::random::Random;

/// Returns the example's executable.
pub(crate) fn example() -> PathBuf {
    lab::tool::example("ipset").unwrap_or_else(|error| panic!("{error}"))
}

/// The exit status and output of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(program: &PathBuf, words: &[String], input: &str) -> Result<Ended> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let ended = std::thread::scope(|scope| {
        // On a separate thread, because the tool may print a lot before it has read everything.
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

pub(crate) fn real() -> PathBuf {
    "ipset".into()
}

pub(crate) fn words(line: &str) -> Vec<String> {
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

/// Removes all sets.
pub(crate) fn reset() -> Result {
    lab::tool("ipset", ["flush"])?;
    lab::tool("ipset", ["destroy"])?;
    Ok(())
}

/// Returns the kernel's sets without what depends on time.
pub(crate) fn state() -> Result<String> {
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

/// Returns the tests of the groups of commands for whose set types `wanted` holds.
pub(crate) fn tests(wanted: impl Fn(&[&str]) -> bool) -> Vec<Test> {
    let mut tests = Vec::new();
    for (number, (group, needed)) in groups().enumerate() {
        if wanted(&needed) {
            let name = format!("{number:02} {}", group.first().unwrap_or(&""));
            tests.push(Test::new(&name, move || commands(&group)));
        }
    }
    let kinds = sorted_kinds().into_iter();
    for (kind, element) in kinds.filter(|(kind, _)| wanted(&[*kind])) {
        let name = format!("sorted {kind}");
        tests.push(Test::new(&name, move || sorted(kind, element)));
    }
    tests
}

/// Commands with which the tool ends otherwise on older kernels: the status on newer ones, and what
/// the older ones lack.
const OLDER: [(&str, i32, &str); 3] = [
    (
        "-exist destroy nosuch",
        0,
        "-exist for a missing set to destroy",
    ),
    // The set is full afterwards, or nearly, depending on its hash.
    (
        "add s 0.0.0.0/0,udp:53-54,0.0.0.0/0 nomatch",
        0,
        "a network of /0 beside a range",
    ),
    (
        "~ add mk 0.0.0.0,0",
        1,
        "a refusal of 0.0.0.0 with the mark 0",
    ),
];

/// Returns true if the programs can be compared from this command on.
fn is_comparable(line: &str, meant: &Ended) -> bool {
    let Some((_, newer, what)) = OLDER.iter().find(|(older, ..)| *older == line) else {
        return true;
    };
    let compared = match meant.status == Some(*newer) {
        true => Ok(()),
        false => Err(format!("{line}: {meant:?}")),
    };
    has(what, compared).is_some()
}

/// Runs a group of commands with both programs and compares the results.
fn commands(group: &[&str]) -> Result {
    let initval = Initval::probe();
    let group: Vec<_> = group.iter().map(|line| initval.text(line)).collect();
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
        let meant = Ended {
            out: initval.listing(&meant.out).into_owned(),
            ..meant
        };
        let found = Ended {
            out: initval.listing(&without_forceadd(&found.out)).into_owned(),
            ..found
        };
        if !is_comparable(line, &meant) {
            return Ok(());
        }
        if meant.err.contains("Your kernel is behind") && found.err.contains("Syntax error") {
            // The tool reports this before it has checked all words, and the example after that.
            same(line, found.status, Some(1));
        } else if line.starts_with("~ ") {
            let outcome = |ended: &Ended| (ended.status, ended.out.clone(), ended.err.is_empty());
            same(line, outcome(&found), outcome(&meant));
        } else {
            same(line, found, meant);
        }
    }
    let state = state()?;
    same(
        "the sets",
        initval.listing(&state),
        initval.listing(&state_meant),
    );
    listings()
}

/// Removes forceadd, which the tool does not print.
fn without_forceadd(text: &str) -> String {
    text.replace(" forceadd", "").replace("<forceadd/>", "")
}

/// Compares all formats of listings between both programs.
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
        for _ in 0..30 {
            if found != meant {
                // The timeouts may differ by a second between the two.
                (found, meant) = both()?;
            }
        }
        same(arguments, found, meant);
    }
    Ok(())
}

impl Random {
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

/// Compares sorted listings. The sets are small, because the tool cuts off what does not fit a buffer.
fn sorted(kind: &str, element: Make) -> Result {
    let families = [("inet", element), ("inet6", Random::net6 as Make)];
    let families = if kind == "hash:net" {
        &families[..]
    } else {
        &families[..1]
    };
    for (family, element) in families {
        for seed in 0..4 {
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
