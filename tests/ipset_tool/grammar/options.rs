//! Random options with their values.

use super::lines::{Grammar, pick, words};

impl Grammar {
    pub(super) fn family(&mut self) -> Vec<String> {
        let six = self.six;
        match self.random.below(12) {
            0 => vec![if six { "-6" } else { "-4" }.to_owned()],
            1 => vec!["family".into(), if six { "ipv6" } else { "ipv4" }.into()],
            2 => vec![
                "family".into(),
                // Not unspec or any, which the example does not accept, as its help says.
                self.random.one(&["INET", "foo", "inet4"]).into(),
            ],
            _ => vec![
                self.keyword("family"),
                if six { "inet6" } else { "inet" }.into(),
            ],
        }
    }

    pub(super) fn range(&mut self, kind: &str) -> Vec<String> {
        if kind == "bitmap:port" {
            let range = self.random.one(&[
                "0-1023",
                "80-90",
                "0-65535",
                "ssh-http",
                "90-80",
                "80",
                "0x10-0x20",
                "tcp:0-99",
                "0-65536",
                "udp:domain-99",
                "-5",
                "a-b",
                "80-80",
            ]);
            let words = ["range", range];
            return match self.random.below(10) {
                0 => vec!["from".into(), "0".into(), "to".into(), "1023".into()],
                _ => words.map(Into::into).into(),
            };
        }
        let range = match self.random.below(3) {
            0 => "10.0.0.0/24",
            1 => "10.0.0.0-10.0.0.255",
            _ => self.random.one(&[
                "10.0.0.0/16",
                "10.0.0.0/15",
                "10.0.0.1-10.0.0.254",
                "10.0.0.5",
                "10.0.0.0/33",
                "10.0.0.7/28",
                "10.0.0.9-10.0.0.1",
                "10.0.0.0/0x18",
                "10.0.0.0",
                "::1-::5",
                "10.0.0.0-",
                "10.0.0.0/",
                "0.0.0.0/0",
                "10.0.0.0-10.0.255.255",
                "10.0.0.0/255.255.255.0",
            ]),
        };
        match self.random.below(12) {
            0 => vec!["network".into(), range.into()],
            1 => words("from 10.0.0.0 to 10.0.0.255"),
            2 => words("--from 10.0.0.0 --to 10.0.0.255"),
            3 => match self.random.below(4) {
                0 => words("to 10.0.0.255 from 10.0.0.0"),
                1 => words("from 10.0.0.0"),
                2 => words("to 10.0.0.0"),
                _ => words("from 10.0.0.0/24"),
            },
            _ => vec![self.keyword("range"), range.into()],
        }
    }

    pub(super) fn create_option(&mut self, kind: &str) -> Vec<String> {
        let hash = kind.starts_with("hash");
        let mut names = vec![
            "timeout", "timeout", "counters", "counters", "comment", "comment", "skbinfo",
        ];
        if hash {
            names.extend([
                "hashsize",
                "maxelem",
                "forceadd",
                "bucketsize",
                "initval",
                "netmask",
                "bitmask",
                "markmask",
                "probes",
                "resize",
                "gc",
            ]);
        }
        match kind {
            "list:set" => names.push("size"),
            "hash:ip" | "bitmap:ip" | "hash:ip,port" | "hash:net,net" => {
                names.extend(["netmask", "netmask", "bitmask"]);
            }
            "hash:ip,mark" => names.extend(["markmask"; 3]),
            _ => {}
        }
        if self.random.chance(4) {
            names.extend([
                "hashsize",
                "maxelem",
                "bucketsize",
                "initval",
                "netmask",
                "bitmask",
                "markmask",
                "probes",
                "gc",
                "size",
                "nomatch",
                "range",
                "from",
                "to",
                "network",
                "family",
            ]);
        }
        let name = self.random.one(&names);
        let value = match name {
            "timeout" => {
                let value = *pick(
                    &mut self.random,
                    &[0, 1000, 2000, 2_147_483, 2_147_484, 100_000],
                );
                Some(self.number(value))
            }
            "hashsize" => {
                let value = *pick(&mut self.random, &[0, 1, 64, 65, 1024, 2000, 4096]);
                Some(self.number(value))
            }
            "maxelem" => {
                let value = *pick(
                    &mut self.random,
                    &[0, 1, 5, 64, 65536, 100_000, u32::MAX.into()],
                );
                Some(self.number(value))
            }
            "bucketsize" => {
                let value = *pick(
                    &mut self.random,
                    &[0, 1, 2, 3, 7, 8, 11, 12, 13, 14, 255, 256],
                );
                Some(self.number(value))
            }
            "initval" => {
                let value = *pick(&mut self.random, &[1, 0, 0x1234, u32::MAX.into()]);
                Some(self.number(value))
            }
            "netmask" => {
                // From the network of a range's first address on, the kernel adds every address to a
                // hash:ip,port. With a prefix of 1 that takes minutes.
                let shortest = if kind == "hash:ip,port" { 8 } else { 1 };
                let value = *pick(
                    &mut self.random,
                    &[0, shortest, 8, 24, 28, 31, 32, 33, 64, 128, 129],
                );
                Some(self.number(value))
            }
            // No mask without leading ones in IPv4, for the same reason.
            "bitmask" => Some(
                self.random
                    .one(&[
                        "255.255.255.0",
                        "255.255.255.255",
                        "255.0.255.0",
                        "0.0.0.0",
                        "ffff::",
                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                        "::",
                        "::ffff",
                        "foo",
                    ])
                    .to_owned(),
            ),
            "markmask" => {
                let value = *pick(&mut self.random, &[0, 1, 0xff00, u32::MAX.into(), 1 << 32]);
                Some(self.number(value))
            }
            "size" => {
                let value = *pick(&mut self.random, &[0, 1, 2, 4, 8, 100, u32::MAX.into()]);
                Some(self.number(value))
            }
            "probes" | "resize" | "gc" => Some(self.number(7)),
            // The example does not check every value of these, as its help says.
            "from" | "to" if kind == "bitmap:port" => Some("5".into()),
            "from" | "to" => Some("10.0.0.0".into()),
            "network" | "range" => Some("10.0.0.0/24".into()),
            "family" => Some(self.random.one(&["inet", "inet6"]).to_owned()),
            _ => None,
        };
        let mut words = vec![self.keyword(name)];
        words.extend(value);
        words
    }

    pub(super) fn entry_option(&mut self, kind: &str) -> Vec<String> {
        let mut names = vec![
            "timeout", "timeout", "packets", "bytes", "comment", "comment", "skbmark", "skbprio",
            "skbqueue",
        ];
        if kind.contains("net") || self.random.chance(3) {
            names.extend(["nomatch"; 4]);
        }
        if kind.contains("iface") || self.random.chance(3) {
            names.extend(["wildcard"; 3]);
        }
        if kind == "list:set" || self.random.chance(2) {
            names.extend(["before", "after", "before", "after"]);
        }
        let name = self.random.one(&names);
        let value = match name {
            "timeout" => {
                let value = *pick(&mut self.random, &[0, 1000, 3000, 2_147_483, 2_147_484]);
                Some(self.number(value))
            }
            "packets" | "bytes" => {
                let value = *pick(&mut self.random, &[0, 1, 1500, u64::MAX - 1, u64::MAX]);
                Some(self.number(value))
            }
            "comment" => Some(self.comment()),
            "skbmark" => Some(
                self.random
                    .one(&[
                        "0x1",
                        "0x10/0xff",
                        "0xffffffff/0xffffffff",
                        "0x0",
                        "1",
                        "1/2",
                        "0x1/0x0",
                        "x",
                        "0X1",
                        "0x0/0x0",
                        "/",
                        "",
                    ])
                    .to_owned(),
            ),
            "skbprio" => Some(
                self.random
                    .one(&[
                        "1:10",
                        "1:a0",
                        "ffff:ffff",
                        "0:0",
                        "1",
                        "1:",
                        ":1",
                        "x:y",
                        "0x1:0x2",
                        "",
                        "0:ffff",
                    ])
                    .to_owned(),
            ),
            "skbqueue" => {
                let value = *pick(&mut self.random, &[0, 1, 10, 65535, 65536]);
                Some(self.number(value))
            }
            "before" | "after" => Some(self.random.one(&["a", "b", "c", "nosuch", "s"]).to_owned()),
            _ => None,
        };
        let mut words = vec![self.keyword(name)];
        words.extend(value);
        words
    }

    fn comment(&mut self) -> String {
        match self.random.below(12) {
            0 => "two words".into(),
            1 => "a -exist b".into(),
            2 => "caf\u{e9}".into(),
            3 => "\u{ff}\u{c3}".into(),
            4 => "x".repeat(255),
            5 => "x".repeat(256),
            6 => "a,b/c:[d]'e\\".into(),
            7 => "a\"b".into(),
            8 => String::new(),
            9 => "# no comment".into(),
            _ => self
                .random
                .one(&["one", "two", "timeout", "--comment"])
                .into(),
        }
    }
}
