//! Sets and entries as text. No kernel is needed.

use std::io::Write as _;
use std::time::Duration;

use ipvset::Family;
use ipvset::ipset::SetName;
use ipvset::ipset::elements::{Interface, MacAddress, Member, icmp, protocol, tcp, udp};
use ipvset::ipset::text::{Line, Reader, Writer};
use ipvset::ipset::types::{AnyType, SetType};
use ipvset::ipset::types::{HashIp, HashIpPort, HashNetIface, HashNetPort, ListSet};
use ipvset::ipset::{AnySet, Entry, IpSet};

/// Outputs of the tool, and the commands that led to them.
const SAVED: [&str; 2] = [
    include_str!("data/ipset-save-linux-6.1.txt"),
    include_str!("data/ipset-save-linux-6.18.txt"),
];

#[test]
fn the_tools_output_is_read_and_written_back() {
    let mut types = std::collections::BTreeSet::new();
    for saved in SAVED {
        let mut writer = Writer::new(Vec::new());
        for line in Reader::new(saved.as_bytes()) {
            match line.unwrap() {
                Line::Create(set) => {
                    set.validate().unwrap();
                    types.insert((set.type_name(), set.options().family == Family::Ipv6));
                    writer.create(&set).unwrap();
                }
                Line::Add(set, entry) => writer.add(&set, &entry).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::to_owned);
            let said = |line: &String| !line.is_empty() && !line.starts_with('#');
            lines.filter(said).collect()
        };
        let written = String::from_utf8(writer.into_inner()).unwrap();
        let (written, meant) = (lines(&written), lines(saved));
        for (written, meant) in written.iter().zip(&meant) {
            assert_eq!(written, meant);
        }
        assert_eq!(written.len(), meant.len());
        assert!(meant.len() > 10);
    }
    // Twelve types have both families. The three bitmaps, hash:mac and list:set have one.
    let named: std::collections::BTreeSet<_> = types.iter().map(|(name, _)| *name).collect();
    let all: std::collections::BTreeSet<_> = AnyType::all().map(|it| it.name()).collect();
    assert_eq!(named, all);
    assert_eq!(types.len(), 16 + 11);
}

/// The commands that created the sets are in the tool's syntax, too.
#[test]
fn the_tools_commands_are_read() {
    let mut entries = 0;
    for saved in SAVED {
        let commands = saved
            .lines()
            .filter_map(|line| line.strip_prefix("# ipset "));
        let refused: Vec<_> = saved
            .lines()
            .zip(saved.lines().skip(1))
            .filter(|(_, next)| next.starts_with("#   ("))
            .map(|(line, _)| line)
            .collect();
        let mut set: Option<AnySet> = None;
        for command in commands {
            if refused.iter().any(|line| line.ends_with(command)) {
                continue;
            }
            if let Some(create) = command.strip_prefix("create ") {
                // The crate refuses values that the kernel would clamp or round.
                if !create.contains("hashsize 1000") || !create.contains("maxelem 0") {
                    set = Some(create.parse().unwrap());
                }
            } else if let Some(add) = command.strip_prefix("add ") {
                let (_, entry) = add.split_once(' ').unwrap();
                set.as_ref().unwrap().parse_entry(entry).unwrap();
                entries += 1;
            }
        }
    }
    assert!(entries > 100, "{entries}");
}

#[test]
fn typed_text_is_equal_to_the_builders() {
    let set: IpSet<HashNetPort> = "web hash:net,port family inet6 maxelem 10 timeout 5 comment \
                                   forceadd bucketsize 4 initval 0x1"
        .parse()
        .unwrap();
    let built = IpSet::<HashNetPort>::new("web").unwrap();
    let built = built
        .inet6()
        .maxelem(10)
        .timeout(Duration::from_secs(5))
        .comments()
        .forceadd();
    let built = built.bucketsize(4).initval(1);
    assert!(set == built);
    assert_eq!(
        set.to_string(),
        "web hash:net,port family inet6 maxelem 10 timeout 5 comment forceadd bucketsize 4 \
         initval 0x00000001"
    );

    let entry = |text: &str| text.parse::<Entry<HashIpPort>>().unwrap();
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    assert_eq!(entry("10.0.0.1,80"), Entry::new((address, tcp(80))));
    assert_eq!(entry("10.0.0.1,udp:9-7"), Entry::new((address, udp(7..=9))));
    assert_eq!(
        entry("10.0.0.1,icmp:ping"),
        Entry::new((address, icmp(8, 0)))
    );
    assert_eq!(entry("10.0.0.1,gre:0"), Entry::new((address, protocol(47))));
    assert_eq!(
        entry("10.0.0.1,TCP:80 timeout 0x10 comment \"\" skbmark 0x1/0x3 skbprio 1:a0"),
        Entry::new((address, tcp(80)))
            .timeout(Duration::from_secs(16))
            .comment("")
            .skbmark(ipvset::ipset::SkbMark { mark: 1, mask: 3 })
            .skbprio(1, 0xa0)
    );

    let entry: Entry<HashNetIface> = "0.0.0.0/0,physdev:veth nomatch wildcard".parse().unwrap();
    let veth = Interface::new("veth").unwrap().physdev().wildcard();
    let all: ipnet::Ipv4Net = "0.0.0.0/0".parse().unwrap();
    assert_eq!(entry, Entry::new((all, veth)).nomatch());
    assert_eq!(entry.to_string(), "0.0.0.0/0,physdev:veth nomatch wildcard");

    let entry: Entry<ListSet> = "a before b timeout 3".parse().unwrap();
    let member = Member::new("a").unwrap().before("b").unwrap();
    assert_eq!(entry, Entry::new(member).timeout(Duration::from_secs(3)));
    assert_eq!(
        "a,before,b timeout 3".parse::<Entry<ListSet>>().unwrap(),
        entry
    );
    assert_eq!(entry.to_string(), "a before b timeout 3");

    let mac: MacAddress = "1:2:3:4:5:6".parse().unwrap();
    assert_eq!(mac, MacAddress([1, 2, 3, 4, 5, 6]));
}

#[test]
fn a_set_of_another_type_is_refused() {
    let error = "web hash:net".parse::<IpSet<HashIp>>().unwrap_err();
    assert_eq!(error.position(), Some((1, 5)));
    assert_eq!(error.reason(), "the type is hash:net, not hash:ip");
}

#[test]
fn errors_have_a_line_and_a_column() {
    let head = "create ip hash:ip\ncreate n hash:net,iface family inet6\n\
                create p hash:ip,port timeout 0\ncreate l list:set\ncreate m bitmap:ip,mac range 10.0.0.0/24\n";
    let cases = [
        ("foo", 1, "'foo' is neither"),
        ("del ip 1.1.1.1", 1, "neither"),
        ("add", 4, "the set's name is missing"),
        ("add ip", 7, "the entry is missing"),
        ("add nosuch 1.1.1.1", 5, "creates the set nosuch"),
        ("add ip 1.1.1.x", 8, "cannot parse '1.1.1.x' as an address"),
        ("add ip 1.1.1.1/33", 16, "'33' is out of range 0-32"),
        ("add ip 1.1.1.1-x", 16, "cannot parse 'x'"),
        ("add ip ::1", 8, "IPv4"),
        ("add ip 1.1.1.1,80", 16, "settype hash:ip supports none"),
        ("add ip 0.0.0.0", 8, "0.0.0.0"),
        ("add ip 1.1.1.1 timeout", 23, "the timeout is missing"),
        ("add ip 1.1.1.1 timeout 2147484", 24, "0-2147483"),
        (
            "add ip 1.1.1.1 timeout 1 timeout 2",
            26,
            "timeout already specified",
        ),
        (
            "add ip 1.1.1.1 nomatch",
            16,
            "hash:ip has no option 'nomatch'",
        ),
        ("add ip 1.1.1.1 comment \"ü\"x", 27, "a blank is missing"),
        ("add ip 1.1.1.1 comment \"abc", 24, "not closed"),
        ("add ip 1.1.1.1 comment a\"b", 24, "around a whole word"),
        ("add ip 1.1.1.1 skbmark 5", 24, "skbmark"),
        ("add ip 1.1.1.1 skbmark 0x100000000", 24, "skbmark"),
        ("add ip 1.1.1.1 skbprio 10000:0", 24, "skbprio"),
        ("add ip 1.1.1.1 skbprio +1:0", 24, "skbprio"),
        ("add ip 1.1.1.1 skbqueue 65536", 25, "0-65535"),
        ("add ip 1.1.1.1 wildcard", 16, "wildcard"),
        (
            "add p 1.1.1.1",
            14,
            "Second element is missing from 1.1.1.1",
        ),
        ("add p 1.1.1.1,", 15, "Second element is missing"),
        ("add p 1.1.1.1 timeout 5", 14, "Second element is missing"),
        ("add p ,80", 10, "First element is missing"),
        ("add p 1.1.1.1,http", 15, "'http' is invalid as number"),
        ("add p 1.1.1.1,65536", 15, "0-65535"),
        ("add p 1.1.1.1,-1", 15, "'-1' is out of range"),
        ("add p 1.1.1.1,1,2", 17, "Two elem separators"),
        ("create x bitmap:port range 5", 28, "FROM-TO"),
        ("add p 1.1.1.1,gre:1", 19, "pseudo port value 0"),
        ("add p 1.1.1.1,foo:1", 15, "'foo' as a protocol"),
        ("add p 1.1.1.1,0:0", 15, "'0' as a protocol"),
        ("add p 1.1.1.1,icmp:8", 20, "type/code"),
        ("add p 1.1.1.1,icmp:8/256", 22, "0-255"),
        ("add p 1.1.1.1,icmpv6:8/0", 15, "with family inet6 only"),
        ("add n ::/0,", 12, "Second element is missing"),
        ("add n ::/129,eth0", 10, "0-128"),
        ("add n ::1-::2,eth0", 7, "IPv4"),
        ("add n ::1,sixteen-letters-", 11, "16 bytes"),
        ("add l a before", 15, "the other set's name is missing"),
        ("add l a,beside,b", 9, "'before' or 'after'"),
        ("add l a,before,b after c", 9, "mixed syntax"),
        ("add m 10.0.0.1,1:2:3:4:5", 16, "ethernet"),
        ("add m 10.0.0.0/30,1:2:3:4:5:6", 7, "plain IP address"),
        ("create", 7, "the set's name is missing"),
        ("create x", 9, "the set's type is missing"),
        ("create x hash:foo", 10, "typename 'hash:foo' is unknown"),
        ("create x hash:ip maxelem", 25, "the value is missing"),
        ("create x hash:ip maxelem -1", 26, "out of range"),
        ("create x hash:ip size 8", 18, "no option 'size'"),
        ("create x hash:net netmask 8", 19, "no option 'netmask'"),
        (
            "create x hash:ip netmask 33",
            18,
            "netmask 33 is not between 1 and 32",
        ),
        ("create x hash:ip family foo", 25, "unknown inet family foo"),
        ("create x hash:mac family inet", 19, "no option 'family'"),
        ("create x bitmap:ip", 19, "needs a range"),
        ("create x bitmap:ip range 10.0.0.1", 26, "IP/cidr or IP-IP"),
        ("create x bitmap:port range 1-65536", 30, "0-65535"),
        ("create x hash:ip bitmask ffff::", 18, "IPv4"),
        (
            "create aaaaaaaaaabbbbbbbbbbccccccccccdd hash:ip",
            8,
            "32 bytes",
        ),
        ("create a\0b hash:ip", 8, "zero byte"),
        ("create \"\" hash:ip", 9, "empty"),
    ];
    for (line, column, words) in cases {
        let file = format!("{head}# ünd\n{line}\nadd ip 9.9.9.9\n");
        let lines: Vec<_> = Reader::new(file.as_bytes()).collect();
        let error = lines[5].as_ref().expect_err(line);
        assert_eq!(error.position(), Some((7, column)), "{line}: {error}");
        assert!(error.to_string().contains(words), "{line}: {error}");
        assert!(error.is_invalid_input());
        // The next line is read.
        assert!(matches!(lines[6], Ok(Line::Add(..))), "{line}");
    }
}

#[test]
fn names_with_blanks_are_quoted() {
    let file = "create \"two words\" hash:ip family inet\nadd \"two words\" 1.1.1.1\n";
    let mut writer = Writer::new(Vec::new());
    for line in Reader::new(file.as_bytes()) {
        match line.unwrap() {
            Line::Create(set) => writer.create(&set).unwrap(),
            Line::Add(set, entry) => writer.add(&set, &entry).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(writer.into_inner(), file.as_bytes());
}

/// A bitmap accepts the zero MAC address, which hashes refuse, and the tool prints it.
#[test]
fn a_bitmap_accepts_the_zero_mac_address() {
    let set: AnySet = "x bitmap:ip,mac range 10.0.0.0/24".parse().unwrap();
    let text = "10.0.0.1,00:00:00:00:00:00";
    assert_eq!(set.parse_entry(text).unwrap().to_string(), text);
    assert_eq!(set.parse_entry("10.0.0.1").unwrap().to_string(), "10.0.0.1");
}

#[test]
fn comments_that_a_line_cannot_contain_are_refused() {
    let set = IpSet::<HashIp>::new("s").unwrap();
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    for comment in [
        "a\"b",
        "a\nb",
        "x\" skbqueue 3 comment \"y",
        "\"",
        "\" timeout 3 \"",
        // The tool takes them for its own options, also in quotes.
        "-q",
        "-exist",
        "-!",
        "-file",
        "-o",
        "--quiet",
        "--!",
    ] {
        let entry = Entry::<HashIp>::new(address).comment(comment);
        let mut writer = Writer::new(Vec::new());
        let error = writer.add(set.name(), &entry).unwrap_err();
        assert!(error.is_invalid_input());
        assert_eq!(writer.into_inner(), b"");
        // The displayed text is not read as another entry.
        let shown = entry.to_string();
        assert!(shown.parse::<Entry<HashIp>>().is_err(), "{shown}");
    }
}

#[test]
fn comments_with_a_dash_that_are_no_option_are_written() {
    let set = IpSet::<HashIp>::new("s").unwrap();
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    for comment in ["-", "--", "-x", "---q", "-q ", "-q -exist", "q", "-Q"] {
        let entry = Entry::<HashIp>::new(address).comment(comment);
        let mut writer = Writer::new(Vec::new());
        writer.add(set.name(), &entry).unwrap();
        let shown = entry.to_string();
        assert_eq!(shown.parse::<Entry<HashIp>>().unwrap(), entry);
        assert_eq!(writer.into_inner(), format!("add s {shown}\n").as_bytes());
    }
}

#[test]
fn entries_for_sets_that_exist_are_read() {
    let set: AnySet = "old hash:ip family inet6".parse().unwrap();
    let mut lines = Reader::new(&b"add old ::1\n"[..]).with_set(set);
    assert!(matches!(lines.next(), Some(Ok(Line::Add(..)))));
    assert!(lines.next().is_none());
}

#[test]
fn an_io_error_is_returned() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let error = Reader::new(std::io::BufReader::new(Broken)).next();
    let error = error.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("read save file: "), "{error}");
}

#[test]
fn a_million_lines_are_read() {
    let mut file = Vec::from(&b"create s hash:ip,port,ip\n"[..]);
    for number in 0..1_000_000u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number / 1000);
        writeln!(file, "add s {address},tcp:{},10.0.0.1", number % 1000).unwrap();
    }
    let lines = Reader::new(&file[..])
        .inspect(|line| assert!(line.is_ok()))
        .count();
    assert_eq!(lines, 1_000_001);
}

/// Names and comments are bytes, and are written back unchanged.
#[test]
fn text_that_is_not_utf8_is_written_back() {
    let file = b"create caf\xe9 hash:net,iface family inet comment\n\
                 add caf\xe9 10.0.0.0/8,eth\xe9 comment \"caf\xe9 au lait\"\n\
                 create \"two w\xf6rds\" list:set\n\
                 add \"two w\xf6rds\" caf\xe9\n";
    let mut writer = Writer::new(Vec::new());
    let mut texts = Vec::new();
    for line in Reader::new(&file[..]) {
        match line.unwrap() {
            Line::Create(set) => writer.create(&set).unwrap(),
            Line::Add(set, entry) => {
                writer.add(&set, &entry).unwrap();
                texts.push((entry.to_text(), entry.to_string()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        writer.into_inner().escape_ascii().to_string(),
        file.escape_ascii().to_string()
    );
    assert_eq!(
        texts[0].0,
        b"10.0.0.0/8,eth\xe9 comment \"caf\xe9 au lait\""
    );
    // A `String` cannot contain the bytes. Its escaped text is not read as another name.
    assert_eq!(
        texts[0].1,
        "\"10.0.0.0/8,eth\\xe9\"(escaped) comment \"caf\\xe9 au lait\"(escaped)"
    );
    assert!(texts[0].1.parse::<Entry<HashNetIface>>().is_err());
    assert!(texts[1].1.parse::<Entry<ListSet>>().is_err());
}

/// An invalid address is not used as a host name. Older forms of addresses are passed to `Names`.
#[test]
fn invalid_addresses_are_not_used_as_host_names() {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Mutex;

    use ipvset::Names;

    #[derive(Default)]
    struct Asked(Mutex<Vec<String>>);
    impl Names for Asked {
        fn address(&self, host: &str, _: Option<Family>) -> Option<IpAddr> {
            self.0.lock().unwrap().push(host.to_owned());
            Some(Ipv4Addr::new(10, 0, 0, 1).into())
        }
    }
    let set: AnySet = "s hash:ip".parse().unwrap();
    let wrong = [
        "0x0a.1.2.3",
        "10.0.0.0x1",
        "256.1.1.1",
        "1.1.1.256",
        "1.2.3.4.5",
        "1.1.1.08",
        "10.65536.1",
        "fe80::1%lo",
        "1.2.3.4%lo",
        "::x",
        "1.2.3.4\u{a0}",
        "1..2",
        "",
        "a b",
    ];
    let names = Asked::default();
    for text in wrong {
        assert!(
            set.parse_entry_with(format!("\"{text}\""), &names).is_err(),
            "{text}"
        );
    }
    assert!(names.0.into_inner().unwrap().is_empty());
    let names = Asked::default();
    for text in [
        "router",
        "10.example",
        "router.1a",
        "\u{fc}.example",
        "10.1",
        "010.0.0.1",
        "10",
    ] {
        assert!(set.parse_entry(text).is_err(), "{text}");
        let entry = set.parse_entry_with(text, &names).unwrap();
        assert_eq!(entry.to_string(), "10.0.0.1");
        assert_eq!(names.0.lock().unwrap().pop().as_deref(), Some(text));
    }
}

/// A trailing comma is part of the name or of the address, as in the tool.
#[test]
fn a_trailing_comma_is_not_a_separator() {
    let list: AnySet = "l list:set".parse().unwrap();
    for (text, name) in [
        ("a,", "a,"),
        (",a", ",a"),
        ("a,b,", "a,b,"),
        ("\"a b,\"", "a b,"),
    ] {
        let entry = list.parse_entry(text).unwrap();
        let member = Member::from(SetName::existing(name).unwrap());
        assert_eq!(entry, Entry::new(member), "{text}");
        let mut writer = Writer::new(Vec::new());
        writer.add(list.name(), &entry).unwrap();
        assert_eq!(writer.into_inner(), format!("add l {text}\n").as_bytes());
    }
    for (set, text) in [
        ("m bitmap:ip,mac range 10.0.0.0/24", "10.0.0.1,"),
        ("h hash:ip", "10.0.0.1,"),
        ("p hash:ip,port", "10.0.0.1,80,"),
        ("n hash:net,iface", "10.0.0.0/8,eth0,"),
        ("l list:set", ","),
    ] {
        let set: AnySet = set.parse().unwrap();
        assert!(
            text == "," || set.parse_entry(text).is_err(),
            "{set} {text}"
        );
    }
}

/// Numbers may be decimal, octal or hexadecimal wherever the tool accepts this.
#[test]
fn numbers_may_be_octal_or_hexadecimal() {
    let set: AnySet = "s hash:ip,port hashsize 0x100 maxelem 010 timeout 0x10 bucketsize 0x4 \
                       initval 0x10 netmask 0x18"
        .parse()
        .unwrap();
    assert_eq!(
        set.to_string(),
        "s hash:ip,port family inet hashsize 256 maxelem 8 timeout 16 bucketsize 4 \
         initval 0x00000010 netmask 24"
    );
    for (text, meant) in [
        ("1.1.1.1,017:0", "1.1.1.1,15:0"),
        ("1.1.1.1,0x6:0x50-0120", "1.1.1.1,tcp:80"),
        ("1.1.1.1,icmp:0x8/00", "1.1.1.1,icmp:echo-request"),
        (
            "1.1.1.0/0x1f,80 timeout 0x5 skbqueue 010",
            "1.1.1.0/31,tcp:80 timeout 5 skbqueue 8",
        ),
        ("1.1.1.1,IP-ENCAP:0", "1.1.1.1,ipencap:0"),
        ("1.1.1.1,IPSEC-ESP:0", "1.1.1.1,esp:0"),
        ("1.1.1.1,OSPFIGP:0", "1.1.1.1,ospf:0"),
    ] {
        assert_eq!(set.parse_entry(text).unwrap().to_string(), meant);
    }
}

/// Values are rounded as the kernel does.
#[test]
fn values_that_the_kernel_rounds_are_rounded() {
    for (text, meant) in [
        ("hash:ip bucketsize 14", "hash:ip family inet bucketsize 12"),
        (
            "hash:ip bucketsize 0x9",
            "hash:ip family inet bucketsize 10",
        ),
        ("hash:ip bucketsize 0", "hash:ip family inet bucketsize 2"),
        ("hash:ip hashsize 0x0", "hash:ip family inet hashsize 64"),
        ("list:set size 0x2", "list:set size 4"),
        (
            "bitmap:ip range 10.0.0.1-10.0.0.254 netmask 28",
            "bitmap:ip range 10.0.0.0-10.0.0.255 netmask 28",
        ),
        (
            "bitmap:ip netmask 0x1c range 10.0.0.1-10.0.0.254",
            "bitmap:ip range 10.0.0.0-10.0.0.255 netmask 28",
        ),
    ] {
        let set: AnySet = format!("s {text}").parse().unwrap();
        assert_eq!(set.to_string(), format!("s {meant}"), "{text}");
        let file = format!("create s {text}\n");
        let line = Reader::new(file.as_bytes()).next().unwrap().unwrap();
        assert_eq!(line, Line::Create(set));
    }
}

#[test]
fn flags_may_be_given_twice_and_old_options_are_read() {
    for (text, meant) in [
        ("hash:ip counters counters", "hash:ip family inet counters"),
        (
            "hash:ip comment --comment skbinfo skbinfo",
            "hash:ip family inet comment skbinfo",
        ),
        (
            "hash:ip gc 7 probes x resize 50 hashsize 128",
            "hash:ip family inet hashsize 128",
        ),
        (
            "hash:ip,port from 1.1.1.1 to x network y",
            "hash:ip,port family inet",
        ),
        (
            "bitmap:ip from 10.0.0.9 to 10.0.0.1",
            "bitmap:ip range 10.0.0.1-10.0.0.9",
        ),
        (
            "bitmap:ip network 10.0.0.0/30",
            "bitmap:ip range 10.0.0.0-10.0.0.3",
        ),
        ("bitmap:port from 5 to 1", "bitmap:port range 1-5"),
        ("hash:ip -4", "hash:ip family inet"),
        ("hash:ip -6", "hash:ip family inet6"),
        (
            "bitmap:ip range 10.0.0.1/32",
            "bitmap:ip range 10.0.0.1-10.0.0.1",
        ),
        (
            "bitmap:ip range 10.0.0.1-10.0.0.1",
            "bitmap:ip range 10.0.0.1-10.0.0.1",
        ),
    ] {
        let set: AnySet = format!("s {text}").parse().unwrap();
        assert_eq!(set.to_string(), format!("s {meant}"), "{text}");
    }
    for text in [
        "hash:net gc 7",
        "hash:net,port probes 7",
        "bitmap:ip from 1.1.1.1",
        "hash:ip -4 -6",
        "hash:ip maxelem 1 maxelem 1",
        "bitmap:ip range 10.0.0.0/24 network 10.0.0.0/24",
    ] {
        assert!(format!("s {text}").parse::<AnySet>().is_err(), "{text}");
    }
    let set: AnySet = "s hash:net,iface".parse().unwrap();
    let entry = set
        .parse_entry("10.0.0.0/8,eth nomatch nomatch wildcard --wildcard")
        .unwrap();
    assert_eq!(entry.to_string(), "10.0.0.0/8,eth nomatch wildcard");
    assert!(
        set.parse_entry("10.0.0.0/8,eth timeout 1 timeout 1")
            .is_err()
    );
}

/// Checks that an entry is written as this text. Without a text, a line cannot contain the entry:
/// writing it fails, and its displayed text is not read as another entry.
fn check_written<T: SetType + Default>(entry: Entry<T>, text: Option<&str>) {
    let set = IpSet::<T>::new("s").unwrap();
    let mut writer = Writer::new(Vec::new());
    let written = writer.add(set.name(), &entry);
    let shown = entry.to_string();
    let Some(text) = text else {
        assert!(written.unwrap_err().is_invalid_input());
        assert!(set.parse_entry(&shown).is_err(), "{shown}");
        return;
    };
    written.unwrap();
    assert_eq!(writer.into_inner(), format!("add s {text}\n").as_bytes());
    assert_eq!(shown, text);
    assert_eq!(set.parse_entry(text).unwrap(), entry);
}

#[test]
fn unusual_names_are_written_or_escaped() {
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    let interface = |name: &str| Interface::existing(name).unwrap();
    for (interface, text) in [
        (
            interface("physdev:x").physdev(),
            Some("10.0.0.1,physdev:physdev:x"),
        ),
        (interface("a b"), Some("\"10.0.0.1,a b\"")),
        (interface("x\u{a0}"), Some("10.0.0.1,x\u{a0}")),
        (interface("physdev:x"), None),
        (interface("a,b"), None),
        (interface("a\"b"), None),
        (interface("a\nb"), None),
    ] {
        check_written(Entry::<HashNetIface>::new((address, interface)), text);
    }
    let name = |name: &str| SetName::existing(name).unwrap();
    for (member, text) in [
        (Member::from(name("two words")), Some("\"two words\"")),
        (Member::from(name("-x")), Some("-x")),
        (
            Member::from(name("a")).before(name("b c")).unwrap(),
            Some("a before \"b c\""),
        ),
        (Member::from(name("a,b")), None),
        (Member::from(name("-exist")), None),
    ] {
        check_written(Entry::<ListSet>::new(member), text);
    }
}

#[test]
fn comment_lossy_accepts_any_text() {
    let address = std::net::Ipv4Addr::new(10, 0, 0, 1);
    let set = IpSet::<HashIp>::new("s").unwrap().comments();
    let cut = format!("{}\u{fc}", "x".repeat(254));
    for (text, kept) in [
        ("a \"b\"\n".to_owned(), "a 'b' ".to_owned()),
        ("a\0b".to_owned(), "a b".to_owned()),
        ("\u{fc}".repeat(200), "\u{fc}".repeat(127)),
        (cut, "x".repeat(254)),
        ("x".repeat(255), "x".repeat(255)),
    ] {
        let entry = Entry::<HashIp>::new(address);
        assert!(text.len() == 255 || set.validate_entry(entry.clone().comment(&text)).is_err());
        let entry = entry.comment_lossy(&text);
        assert_eq!(entry.options().comment().unwrap(), kept);
        set.validate_entry(entry).unwrap();
    }
    let bytes = [0xbf; 300];
    let entry = Entry::<HashIp>::new(address).comment_lossy(bytes);
    assert_eq!(entry.options().comment_bytes().unwrap().len(), 255);
}

#[test]
fn addresses_are_read_from_their_text() {
    use ipvset::ipset::elements::Addresses;
    for text in [
        "10.0.0.1",
        "::1",
        "10.0.0.0/8",
        "2001:db8::/32",
        "10.0.0.1-10.0.0.9",
    ] {
        assert_eq!(text.parse::<Addresses>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "10.0.0",
        "10.0.0.1/33",
        "::1-::2",
        "a-b",
        "10.0.0.1 ",
        "010.0.0.1",
        "fe80::1%lo",
    ] {
        let error = text.parse::<Addresses>().unwrap_err();
        assert!(error.is_invalid_input(), "{text}: {error}");
    }
}

#[test]
fn entries_can_be_collected_in_a_hash_set() {
    use ipvset::ipset::Entry;
    use ipvset::ipset::types::HashIp;
    use std::collections::HashSet;
    let entry = |last| Entry::<HashIp>::from(std::net::Ipv4Addr::new(10, 0, 0, last));
    let all: HashSet<_> = [
        entry(1),
        entry(2),
        entry(1),
        entry(2).timeout(Duration::from_secs(7)),
    ]
    .into();
    assert_eq!(all.len(), 3);
}

#[test]
fn comments_are_read_up_to_the_longest() {
    let set: AnySet = "s hash:ip comment".parse().unwrap();
    let read = |length| set.parse_entry(format!("10.0.0.1 comment \"{}\"", "x".repeat(length)));
    assert_eq!(
        read(255).unwrap().options().comment_bytes().unwrap().len(),
        255
    );
    for length in [256, 257] {
        let error = read(length).unwrap_err().to_string();
        assert!(error.contains(&format!("{length} bytes")), "{error}");
    }
}

#[test]
fn parts_of_an_entry_have_texts_of_their_own() {
    let set: AnySet = "s hash:net,iface comment".parse().unwrap();
    let text = "10.0.0.0/8,eth0 nomatch comment \"a b\"";
    let entry = set.parse_entry(text).unwrap();
    assert_eq!(entry.to_text(), text.as_bytes());
    assert_eq!(entry.value_to_text(), b"10.0.0.0/8,eth0");
    let options: Vec<_> = entry
        .option_texts()
        .into_iter()
        .map(|it| (it.name, it.value))
        .collect();
    let expected = [("nomatch", None), ("comment", Some("\"a b\"".to_owned()))];
    assert_eq!(options.len(), expected.len());
    for expected in expected {
        assert!(options.contains(&expected), "{options:?}");
    }
    // A line has no place for an empty comment, nor for one with a quote.
    let entry = Entry::<HashIp>::new(std::net::Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(entry.clone().comment("").to_text(), b"10.0.0.1");
    let quoted = entry.comment("a\"b").to_text();
    let set: AnySet = "s hash:ip comment".parse().unwrap();
    assert!(set.parse_entry(&quoted).is_err());
}

#[test]
fn a_type_has_its_own_options() {
    let options = |kind: &str| {
        let kind: AnyType = kind.parse().unwrap();
        kind.create_options().map(|it| it.name).collect::<Vec<_>>()
    };
    for (kind, has_size, is_hash) in [
        ("list:set", true, false),
        ("bitmap:ip", false, false),
        ("hash:net,iface", false, true),
    ] {
        let options = options(kind);
        assert_eq!(options.contains(&"size"), has_size, "{kind}: {options:?}");
        for name in ["hashsize", "maxelem"] {
            assert_eq!(options.contains(&name), is_hash, "{kind}: {options:?}");
        }
    }
}

#[test]
fn readers_count_lines() {
    use ipvset::ipset::text::AddressLines;
    let text = "create s hash:ip\n\nadd s 10.0.0.1\n";
    let mut reader = Reader::new(text.as_bytes());
    let mut lines = AddressLines::new(&b"10.0.0.1\n# none\n10.0.0.2\n"[..]);
    for number in [1, 3] {
        reader.next().unwrap().unwrap();
        assert_eq!(reader.line_number(), number);
        lines.next().unwrap().unwrap();
        assert_eq!(lines.line_number(), number);
    }
}

#[test]
fn a_set_whose_name_a_line_cannot_contain_is_not_written() {
    for (name, is_carried) in [("two words", true), ("a\nb", false), ("a\"b", false)] {
        let set = IpSet::<HashIp>::new(SetName::existing(name).unwrap()).unwrap();
        let mut writer = Writer::new(Vec::new());
        let written = writer.create(&set);
        assert_eq!(written.is_ok(), is_carried, "{name:?}");
        assert_eq!(writer.into_inner().is_empty(), !is_carried, "{name:?}");
    }
}

/// The kernel takes such an entry. The tool refuses it.
#[test]
fn a_protocol_of_the_other_family_is_not_written() {
    use ipvset::ipset::AnyEntry;
    use ipvset::ipset::elements::{AnyElement, AnyValue, Port, icmpv6};
    use std::net::IpAddr;

    let addresses = [IpAddr::from([10, 0, 0, 1]), "fd00::1".parse().unwrap()];
    let ports: [Port; 2] = [icmp(8, 0), icmpv6(128, 0)];
    for (place, address) in addresses.into_iter().enumerate() {
        for (family, port) in ports.iter().enumerate() {
            let name = SetName::new("s").unwrap();
            let typed = Entry::<HashIpPort>::new((address, *port));
            let written = Writer::new(Vec::new()).add(&name, &typed);
            assert_eq!(written.is_ok(), place == family, "{typed}");
            let elements = [AnyElement::from(address), AnyElement::from(*port)];
            let untyped = AnyEntry::new(elements.into_iter().collect::<AnyValue>());
            let written = Writer::new(Vec::new()).add(&name, &untyped);
            assert_eq!(written.is_ok(), place == family, "{untyped}");
        }
    }
}
