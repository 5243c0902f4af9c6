//! Random elements.

use super::lines::{Grammar, pick};

/// A part of an element.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Ip,
    Net,
    Port,
    Ports,
    Mac,
    Mark,
    Interface,
    Member,
}

fn parts(kind: &str) -> Vec<Part> {
    let (method, parts) = kind.split_once(':').expect("a type has a colon");
    let part = |name: &str| match name {
        "ip" => Part::Ip,
        "net" => Part::Net,
        "port" if method == "bitmap" => Part::Ports,
        "port" => Part::Port,
        "mac" => Part::Mac,
        "mark" => Part::Mark,
        "iface" => Part::Interface,
        _ => Part::Member,
    };
    parts.split(',').map(part).collect()
}

impl Grammar {
    pub(super) fn element(&mut self, kind: &str) -> String {
        let mut parts: Vec<String> = parts(kind).iter().map(|it| self.part(*it)).collect();
        match self.random.below(120) {
            0 => parts.truncate(parts.len() - 1),
            1 | 2 => parts.push(self.random.one(&["x", "", "10.0.0.1", "80"]).to_owned()),
            3 => parts.reverse(),
            4 if kind == "bitmap:ip,mac" => parts.truncate(1),
            _ => {}
        }
        if kind == "bitmap:ip,mac" && self.random.chance(25) {
            parts.truncate(1);
        }
        parts.join(",")
    }

    fn part(&mut self, part: Part) -> String {
        match part {
            Part::Ip => self.ip(),
            Part::Net => self.net(),
            Part::Port => self.port(),
            Part::Ports => self.ports(),
            Part::Mac => self.mac(),
            Part::Mark => {
                let mark = *pick(
                    &mut self.random,
                    &[0, 1, 0x12, 0xff00, u32::MAX.into(), 1 << 32],
                );
                self.number(mark)
            }
            Part::Interface => self.interface(),
            Part::Member => self.member(),
        }
    }

    fn address(&mut self) -> String {
        match self.random.below(40) {
            0 if !self.six => "0.0.0.0".into(),
            1 => "localhost".into(),
            _ => self.common_address(),
        }
    }

    /// Returns one of a few close addresses, so that ranges between them stay small.
    fn common_address(&mut self) -> String {
        let low = self.random.below(12);
        if self.six ^ self.random.chance(2) {
            return match self.random.below(10) {
                0 => format!("2001:DB8::{low:X}"),
                1 => format!("[2001:db8::{low:x}]"),
                2 => "::".into(),
                3 => "::1.2.3.4".into(),
                _ => format!("2001:db8::{low:x}"),
            };
        }
        match self.random.below(40) {
            0 => format!("[10.0.0.{low}]"),
            _ => format!("10.0.0.{low}"),
        }
    }

    fn address_range(&mut self) -> String {
        if self.ordered && !self.six {
            let first = self.random.below(12);
            return format!("10.0.0.{first}-10.0.0.{}", first + 1 + self.random.below(3));
        }
        let [first, last] = [self.common_address(), self.common_address()];
        format!("{first}-{last}")
    }

    fn wrong_address(&mut self) -> String {
        self.random
            .one(&[
                "",
                "10.0.0.256",
                "10.0.0",
                "10.0.0.1.",
                "010.0.0.1",
                "0x0a.0.0.1",
                "fe80::1%lo",
                ":::",
                "1::2::3",
                "10.0.0.1/",
                "10.0.0.1-",
                "-10.0.0.1",
                "/24",
                "10.0.0.1/24/25",
                "10.0.0.1-10.0.0.2-10.0.0.3",
                "[10.0.0.1",
                "10.0.0.1]",
                "10.0.0.1 ",
                "!10.0.0.1",
                "167772161",
                "caf\u{e9}",
                "10.0.0.1/255.255.255.0",
            ])
            .to_owned()
    }

    fn ip(&mut self) -> String {
        if self.random.chance(5) {
            return self.wrong_address();
        }
        let address = self.address();
        let most = if self.six { 128 } else { 32 };
        match self.random.below(20) {
            0 | 1 => {
                let prefix = *pick(&mut self.random, &[most - 4, most - 1, most, most + 1]);
                let prefix = match self.six {
                    // The tool accepts only the decimal 128 here. The help of the example names this.
                    true => prefix.to_string(),
                    false => self.number(prefix),
                };
                format!("{address}/{prefix}")
            }
            2 | 3 => self.address_range(),
            4 if !self.six && !self.ordered => {
                format!("10.0.0.{0}-10.0.0.{0}", self.random.below(12))
            }
            _ => address,
        }
    }

    fn net(&mut self) -> String {
        if self.random.chance(5) {
            return self.wrong_address();
        }
        let address = self.address();
        let most = if self.six { 128 } else { 32 };
        match self.random.below(10) {
            0..=4 => {
                let prefix = *pick(
                    &mut self.random,
                    &[0, 1, 8, 16, 24, most - 4, most - 1, most, most + 1],
                );
                let prefix = self.number(prefix);
                format!("{address}/{prefix}")
            }
            5 | 6 => self.address_range(),
            7 if !self.six && self.random.chance(20) => "0.0.0.0-255.255.255.255".into(),
            _ => address,
        }
    }

    fn port_number(&mut self) -> String {
        match self.random.below(10) {
            0 => self
                .random
                .one(&[
                    "http", "domain", "ssh", "[ssh]", "[http]", "nosuch", "HTTP", "0", "65535",
                    "65536", "-1",
                ])
                .to_owned(),
            _ => {
                let port = 78 + self.random.below(6);
                self.number(port)
            }
        }
    }

    fn port_range(&mut self) -> String {
        let first = self.port_number();
        match self.random.below(8) {
            0 if self.ordered => {
                let first = 78 + self.random.below(6);
                format!("{first}-{}", first + 1 + self.random.below(3))
            }
            0 => {
                let last = self.port_number();
                format!("{first}-{last}")
            }
            _ => first,
        }
    }

    fn port(&mut self) -> String {
        match self.random.below(20) {
            0..=5 => {
                let protocol = self
                    .random
                    .one(&["tcp", "udp", "TCP", "sctp", "udplite", "6", "017", "0x11"]);
                // The tool finds services only for protocols in lower case. The help names this.
                let port = match protocol {
                    "TCP" => self.number(80),
                    _ => self.port_range(),
                };
                format!("{protocol}:{port}")
            }
            6 => self
                .random
                .one(&[
                    "icmp:ping",
                    "icmp:8/0",
                    "icmp:3/0x4",
                    "icmp:echo-reply",
                    "icmp:PING",
                    "icmpv6:ping",
                    "icmpv6:128/0",
                    "icmpv6:3/1",
                    "ipv6-icmp:1/1",
                    "icmp:8",
                    "icmp:foo",
                    "icmp:256/0",
                    "icmp:0",
                    "icmpv6:0",
                    "1:8/0",
                    "58:1/4",
                    "icmp:any",
                    "icmp:/",
                    "icmp:3/",
                    "icmp:echo-request-ping",
                    "icmp:010/0",
                ])
                .to_owned(),
            7 => self
                .random
                .one(&[
                    "gre:0",
                    "esp:0",
                    "ah:0",
                    "99:0",
                    "0:0",
                    "256:0",
                    "gre:80",
                    "gre:",
                    "ospf:0",
                    "OSPFIGP:0",
                    "IPSEC-ESP:0",
                    "IP-ENCAP:0",
                    "tcp:",
                    ":80",
                    "tcp:80:90",
                    "foo:80",
                    "tcp",
                    "gre:00",
                    "gre:0x0",
                    "hopopt:0",
                    "ip:0",
                    "0x2f:0",
                    "47:0",
                    "dccp:80",
                    "GRE:0",
                    "tcp:0",
                    "udp:0",
                    "tcp-80",
                    "[tcp]:80",
                    "gre:0-0",
                    "-1:0",
                ])
                .to_owned(),
            _ => self.port_range(),
        }
    }

    fn ports(&mut self) -> String {
        match self.random.below(10) {
            0 => {
                let protocol = self.random.one(&["tcp", "udp", "6", "foo", "sctp", "gre"]);
                let port = self.port_range();
                format!("{protocol}:{port}")
            }
            1 => self
                .random
                .one(&["", "x", "80-", "-80", "80-81-82", "tcp:", ":80"])
                .to_owned(),
            _ => self.port_range(),
        }
    }

    fn mac(&mut self) -> String {
        match self.random.below(8) {
            0 => self
                .random
                .one(&[
                    "",
                    "0:1:2:3:4:5",
                    "00:01:02:03:04",
                    "00:01:02:03:04:05:06",
                    "00-01-02-03-04-05",
                    "00:00:00:00:00:00",
                    "ff:ff:ff:ff:ff:ff",
                    "AA:BB:CC:DD:EE:FF",
                    "g0:01:02:03:04:05",
                    "000102030405",
                    "x",
                    "0a:1:2:3:4:5",
                    "aa:bb:cc:dd:ee:fff",
                ])
                .to_owned(),
            _ => format!("00:01:02:03:04:0{}", self.random.below(6)),
        }
    }

    fn interface(&mut self) -> String {
        match self.random.below(8) {
            0 => self
                .random
                .one(&[
                    "physdev:physdev:x",
                    "abcdefghijklmno",
                    "abcdefghijklmnop",
                    "physdev:abcdefghijklmno",
                    "eth0/1",
                    "caf\u{e9}",
                    "PHYSDEV:eth0",
                    "+",
                    "eth+",
                    "eth0:1",
                    "[eth0]",
                    "-eth",
                    "!eth0",
                    ".",
                    "..",
                ])
                .to_owned(),
            1 | 2 => format!("physdev:eth{}", self.random.below(4)),
            _ => format!("eth{}", self.random.below(4)),
        }
    }

    fn member(&mut self) -> String {
        let name = self
            .random
            .one(&["a", "b", "c", "a", "b", "c", "nosuch", "s", "caf\u{e9}"]);
        match self.random.below(12) {
            0 => {
                let place = self.random.one(&["before", "after", "behind", "BEFORE"]);
                let other = self.random.one(&["a", "b", "c", "nosuch", ""]);
                format!("{name},{place},{other}")
            }
            1 if self.random.chance(30) => format!("{name},"),
            _ => name.to_owned(),
        }
    }
}
