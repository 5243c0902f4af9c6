//! Makes random command lines. Most are right, some have one or two errors.

use ipvset::ipset::types::AnyType;

use crate::random::Random;

/// The words of a command line. Each character stands for one byte, so the result need not be UTF-8.
pub(crate) type Line = Vec<String>;

/// A set and the commands on it.
pub(crate) struct Case {
    pub(crate) lines: Vec<Line>,
}

/// The state of the generator.
pub(crate) struct Grammar {
    pub(super) random: Random,
    /// Whether the family of the current set is IPv6.
    pub(super) six: bool,
    /// Whether ranges must be ascending and contain more than one address or port. For other ranges in
    /// a set with a mask, the kernel's result depends on how the range is sent. The crate sends ranges
    /// in ascending order, and a range of one address as that address.
    pub(super) ordered: bool,
}

impl Grammar {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            six: false,
            ordered: false,
        }
    }

    /// Makes commands that create a set of this type and change it.
    pub(crate) fn case(&mut self, kind: &'static str) -> Case {
        let mut lines = Vec::new();
        if kind == "list:set" {
            for name in ["a", "b", "c"] {
                lines.push(words(&format!("create {name} hash:ip")));
            }
        }
        self.ordered = matches!(
            kind,
            "hash:ip" | "hash:ip,port" | "hash:net,net" | "bitmap:ip" | "bitmap:port"
        );
        self.six = self.random.chance(30);
        let six = self.six;
        for number in 0..3 {
            // With several attempts, one is more likely to succeed.
            if number == 0 || self.random.chance(30) {
                self.six = six ^ self.random.chance(3);
                let line = self.create(kind);
                lines.push(line);
            }
        }
        self.six = six;
        for _ in 0..8 {
            let line = self.entry(kind);
            lines.push(line);
        }
        Case { lines }
    }

    pub(super) fn number(&mut self, number: u64) -> String {
        match self.random.below(12) {
            0 => format!("{number:#x}"),
            1 => format!("0{number:o}"),
            2 => format!("0X{number:X}"),
            3 if self.random.chance(20) => self.wrong_number(number),
            _ => number.to_string(),
        }
    }

    fn wrong_number(&mut self, number: u64) -> String {
        let other = self.random.one(&[
            "",
            "x",
            "-1",
            "0x",
            "08",
            "1.5",
            "4294967296",
            "18446744073709551616",
            "99999999999999999999999",
            "1e3",
        ]);
        match self.random.below(3) {
            0 => format!("{number}x"),
            _ => other.to_owned(),
        }
    }

    pub(super) fn keyword(&mut self, name: &str) -> String {
        match self.random.below(60) {
            0 => name.to_uppercase(),
            1 => name[..name.len() - 1].to_owned(),
            2..=5 => format!("--{name}"),
            6 => format!("-{name}"),
            _ => name.to_owned(),
        }
    }

    /// Returns the first name of a command, or any of them.
    fn command(&mut self, names: &[&str]) -> String {
        match self.random.chance(60) {
            true => names[0].to_owned(),
            false => self.random.one(names).to_owned(),
        }
    }

    fn create(&mut self, kind: &'static str) -> Line {
        let mut line = Vec::new();
        line.push(self.command(&["create", "create", "-N", "n", "new", "cr", "--create", "c"]));
        line.push("s".into());
        let aliases = kind.parse::<AnyType>().expect("a type").aliases();
        line.push(match self.random.below(40) {
            0 => kind.to_uppercase(),
            1 => kind[..kind.len() - 1].to_owned(),
            2..=6 if !aliases.is_empty() => self.random.one(aliases).to_owned(),
            _ => kind.to_owned(),
        });
        let mut options = Vec::new();
        let hash = kind.starts_with("hash");
        if kind.starts_with("bitmap") && !self.random.chance(3) {
            let option = self.range(kind);
            options.push(option);
        }
        if hash && kind != "hash:mac" && (self.six || self.random.chance(30)) {
            let option = self.family();
            options.push(option);
        }
        for _ in 0..self.random.below(5) {
            let option = self.create_option(kind);
            options.push(option);
        }
        self.shuffle(&mut options);
        self.repeat(&mut options);
        line.extend(options.into_iter().flatten());
        self.flags(&mut line);
        line
    }

    fn shuffle(&mut self, options: &mut [Vec<String>]) {
        for end in (1..options.len()).rev() {
            let other = self.random.below(end as u64 + 1) as usize;
            options.swap(end, other);
        }
    }

    /// Repeats an option, cuts one off, or adds an unknown one.
    fn repeat(&mut self, options: &mut Vec<Vec<String>>) {
        if self.random.chance(6) {
            if let Some(option) = options.first().cloned() {
                options.push(option);
            }
        }
        if self.random.chance(2) {
            if let Some(option) = options.last_mut() {
                option.pop();
            }
        }
        if self.random.chance(2) {
            let word = self
                .random
                .one(&["foo", "--foo", "-4", "-6", "timeout", "comment"]);
            options.push(vec![word.to_owned()]);
        }
    }

    /// Adds a flag of the whole line.
    fn flags(&mut self, line: &mut Line) {
        if self.random.chance(15) {
            let flag = self
                .random
                .one(&["-exist", "-!", "--exist", "-q", "-quiet"]);
            let place = self.random.below(line.len() as u64 + 1) as usize;
            line.insert(place, flag.to_owned());
        }
    }

    /// Makes an `add`, `del` or `test`, and now and then a command on a whole set.
    fn entry(&mut self, kind: &'static str) -> Line {
        let mut line = Vec::new();
        let which = self.random.below(40);
        let adds = which < 24;
        line.push(match which {
            0..24 => self.command(&["add", "add", "-A", "a", "ad", "--add"]),
            24..31 => self.command(&["del", "-D", "d", "de", "--del"]),
            31..39 => self.command(&["test", "-T", "t", "te", "--test"]),
            _ => return self.other(),
        });
        line.push(
            if self.random.chance(99) {
                "s"
            } else {
                "nosuch"
            }
            .to_owned(),
        );
        let element = self.element(kind);
        line.push(element);
        let mut options = Vec::new();
        let most = if adds { 4 } else { 2 };
        for _ in 0..self.random.below(most) {
            if adds || self.random.chance(40) {
                let option = self.entry_option(kind);
                options.push(option);
            }
        }
        self.repeat(&mut options);
        line.extend(options.into_iter().flatten());
        self.flags(&mut line);
        line
    }

    fn other(&mut self) -> Line {
        words(self.random.one(&[
            "flush s",
            "flush",
            "rename s t",
            "swap s t",
            "add s",
            "test s",
            "del",
            "destroy nosuch",
            "flush nosuch",
            "foo s",
            "rename s s",
            "swap s s",
            "add",
            "rename s",
            "-F s",
            "f s",
            "fl s",
        ]))
    }
}

pub(super) fn words(line: &str) -> Line {
    line.split(' ').map(Into::into).collect()
}

pub(super) fn pick<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    &of[random.below(of.len() as u64) as usize]
}
