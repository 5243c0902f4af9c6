//! Tests the exact form of some values, and that reading it returns the same value.

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_str, from_value, json, to_value};

use crate::ipset::*;
use crate::ipvs::messages::*;
use crate::ipvs::proc::sysctl::{ConnectionReuse, DefenseMode, SyncThreshold};
use crate::ipvs::*;

#[track_caller]
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, form: Value) {
    assert_eq!(to_value(&value).unwrap(), form);
    assert_eq!(from_value::<T>(form).unwrap(), value);
}

#[track_caller]
fn refused<T: DeserializeOwned + Debug>(form: Value, word: &str) {
    let error = from_value::<T>(form).unwrap_err().to_string();
    assert!(error.contains(word), "{error}");
}

fn ip<T: std::str::FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[test]
fn services() {
    let web = VirtualService::tcp(ip("10.0.0.1:80")).scheduler(Scheduler::RoundRobin);
    same(web, json!({"key": "-t 10.0.0.1:80", "scheduler": "rr"}));
    let dns = VirtualService::udp(ip("[fd00::1]:53"))
        .scheduler(Scheduler::SourceHashing)
        .scheduler_flags(SchedulerFlags::SH_PORT | SchedulerFlags::from_bits_retain(0x40))
        .persistence_granularity(64)
        .persistent(Duration::from_secs(300))
        .persistence_engine(PersistenceEngine::Sip)
        .one_packet();
    same(
        dns,
        json!({
            "key": "-u [fd00::1]:53",
            "scheduler": "sh",
            "scheduler_flags": "FLAG_2 | 0x40",
            "persistence": {"timeout": 300, "granularity": 64},
            "persistence_engine": "sip",
            "one_packet": true,
        }),
    );
    let mark = VirtualService::firewall_mark(7.try_into().unwrap(), crate::Family::Ipv6);
    same(mark, json!({"key": "-f 7 -6", "scheduler": "wlc"}));
    let masked = VirtualService::tcp(ip("10.0.0.1:80")).persistence_granularity(24);
    let form = to_value(&masked).unwrap();
    assert_eq!(form["persistence"]["granularity"], "255.255.255.0");
    let least: VirtualService = from_value(json!({"key": "-t 10.0.0.1:80"})).unwrap();
    assert_eq!(least, VirtualService::tcp(ip("10.0.0.1:80")));
}

#[test]
fn what_no_constructor_makes_is_refused() {
    refused::<Scheduler>(json!("longer-than-kernel-allows"), "at most 15");
    refused::<ServiceKey>(json!("10.0.0.1:80"), "");
    refused::<VirtualService>(json!({"key": "-t 10.0.0.1:80", "weight": 1}), "weight");
    refused::<crate::Protocol>(json!("tpc"), "tpc");
    refused::<SetName>(json!("x".repeat(32)), "31 is the limit");
    refused::<Interface>(json!({"name": "sixteen-letters-"}), "15 is the limit");
    refused::<Entry<HashIp>>(json!({"value": "10.0.0.1,tcp:80"}), "separator");
    refused::<Entry<HashIp>>(json!({"value": "10.0.0.1 timeout 5"}), "they are fields");
    refused::<IpSet<HashIp>>(json!({"name": "a", "type": "hash:net"}), "not hash:ip");
    let form = json!({"name": "a", "type": "hash:ip", "markmask": 1});
    refused::<IpSet<HashIp>>(form, "has no markmask");
    refused::<AnySet>(json!({"name": "a", "type": "hash:ip,ip"}), "hash:ip,ip");
    refused::<SkbMark>(json!("16"), "hexadecimal");
    let odd = VirtualService::tcp(ip("10.0.0.1:80")).persistent(Duration::from_millis(1500));
    let error = to_value(&odd).unwrap_err().to_string();
    assert!(error.contains("1.5s"), "{error}");
}

#[test]
fn servers() {
    let server = RealServer::new(ip("10.1.0.1:8080")).weight(5);
    same(
        server,
        json!({
            "address": "10.1.0.1:8080",
            "forwarding": "masquerade",
            "weight": 5,
            "upper_threshold": 0,
            "lower_threshold": 0,
        }),
    );
    let gue = RealServer::new(ip("[fd00::1]:80")).tunnel(Tunnel::gue(6080).checksum());
    let form = to_value(&gue).unwrap();
    let tunnel = json!({"tunnel": {"gue": {"port": 6080, "flags": "CHECKSUM"}}});
    assert_eq!(form["forwarding"], tunnel);
    assert_eq!(from_value::<RealServer>(form).unwrap(), gue);
    same(
        ForwardingMethod::Tunnel(Tunnel::Ipip),
        json!({"tunnel": "ipip"}),
    );
    same(ForwardingMethod::Other(7), json!({"other": 7}));
    same(ForwardingMethod::LocalNode, json!("local_node"));
    let least = json!({"address": "10.1.0.1:80"});
    let least: RealServer = from_value(least).unwrap();
    assert_eq!(least, RealServer::new(ip("10.1.0.1:80")));
}

#[test]
fn operations_and_settings() {
    let key = ServiceKey::tcp(ip("10.0.0.1:80"));
    same(Operation::Flush, json!("flush"));
    same(
        Operation::RemoveServer(key, ip("10.1.0.1:80")),
        json!({"remove_server": ["-t 10.0.0.1:80", "10.1.0.1:80"]}),
    );
    same(
        Timeouts::new().tcp(Duration::from_secs(900)),
        json!({"tcp": 900}),
    );
    same(
        SyncDaemon::master("eth0").sync_id(3).ttl(2),
        json!({"role": "master", "interface": "eth0", "sync_id": 3, "ttl": 2}),
    );
    same(Query::Servers(key), json!({"servers": "-t 10.0.0.1:80"}));
    same(crate::Protocol::from_number(50), json!("esp"));
    same(crate::Protocol::from_number(300), json!(300));
    same(crate::Protocol::SCTP, json!("sctp"));
    let capitals: crate::Protocol = serde_json::from_value(json!("TCP")).unwrap();
    assert_eq!(capitals, crate::Protocol::TCP);
    same(ConnectionReuse::RESCHEDULE, json!("RESCHEDULE"));
    same(DefenseMode::AutomaticActive, json!("automatic_active"));
    let threshold = SyncThreshold {
        threshold: 3,
        period: 50,
    };
    same(threshold, json!({"threshold": 3, "period": 50}));
    same(crate::ErrorKind::NotFound, json!("not_found"));
    same(
        crate::Missing::SchedulerOrEngine,
        json!("scheduler_or_engine"),
    );
}

#[test]
fn what_the_kernel_reports() {
    let table = TableEntry {
        service: ServiceInfo {
            config: ip("-t 10.0.0.1:80 -s rr"),
            statistics: Statistics::default(),
        },
        servers: vec![ServerInfo {
            config: ip("-r 10.1.0.1:80 -m"),
            active_connections: 1,
            inactive_connections: 2,
            persistent_connections: 3,
            statistics: Statistics {
                connections: u64::MAX,
                ..Default::default()
            },
        }],
    };
    let form = to_value(&table).unwrap();
    assert_eq!(form["service"]["config"]["key"], "-t 10.0.0.1:80");
    assert_eq!(form["servers"][0]["statistics"]["connections"], u64::MAX);
    same(table, form);
    let info = Info {
        version: Version {
            major: 1,
            minor: 2,
            patch: 1,
        },
        connection_table_size: 4096,
    };
    same(
        info,
        json!({"version": "1.2.1", "connection_table_size": 4096}),
    );
}

#[test]
fn typed_sets_and_entries() {
    let set = IpSet::<HashNetPort>::new("allowed")
        .unwrap()
        .inet6()
        .timeout(Duration::from_secs(3600))
        .counters();
    same(
        set,
        json!({
            "name": "allowed",
            "type": "hash:net,port",
            "family": "ipv6",
            "timeout": 3600,
            "counters": true,
        }),
    );
    let net: ipnet::IpNet = ip("2001:db8::/32");
    let entry = Entry::<HashNetPort>::new((net, tcp(8000..=8080)))
        .timeout(Duration::from_secs(60))
        .comment("our \u{fc}");
    same(
        entry,
        json!({"value": "2001:db8::/32,tcp:8000-8080", "timeout": 60, "comment": "our \u{fc}"}),
    );
    let address: std::net::Ipv4Addr = ip("10.0.0.1");
    let mark = SkbMark {
        mark: 16,
        mask: 255,
    };
    let mut entry = Entry::<HashIp>::new(address).counters(1, 2);
    entry.options_mut().skbmark = Some(mark);
    entry.options_mut().skbprio = Some(SkbPriority {
        major: 1,
        minor: 0xa0,
    });
    same(
        entry,
        json!({
            "value": "10.0.0.1",
            "packets": 1,
            "bytes": 2,
            "skbmark": "0x10/0xff",
            "skbprio": "1:a0",
        }),
    );
    let port = Interface::new("veth").unwrap().physdev().wildcard();
    let entry = Entry::<HashNetIface>::new((address, port)).nomatch();
    same(
        entry,
        json!({"value": "10.0.0.1,physdev:veth wildcard", "nomatch": true}),
    );
    let member = Member::new("a").unwrap().before("b").unwrap();
    same(
        Entry::<ListSet>::new(member),
        json!({"value": "a before b"}),
    );
    let bitmap = IpSet::<BitmapPort>::new("ports").unwrap().range(80..=90);
    let form = json!({"name": "ports", "type": "bitmap:port", "family": "ipv4", "range": "80-90"});
    same(bitmap, form);
}

#[test]
fn what_is_known_at_run_time_only() {
    let address: std::net::Ipv4Addr = ip("10.0.0.1");
    let value: AnyValue = [AnyElement::from(address), icmp(8, 0).into()]
        .into_iter()
        .collect();
    same(
        AnyEntry::new(value).timeout(Duration::from_secs(0)),
        json!({
            "value": [{"addresses": "10.0.0.1"}, {"port": "icmp:echo-request"}],
            "timeout": 0,
        }),
    );
    for element in [
        AnyElement::from(ip::<ipnet::Ipv4Net>("10.0.0.0/8")),
        Ipv4Range::new(ip("10.0.0.1"), ip("10.0.0.9")).into(),
        AnyElement::from(PortRange::from(5)),
        protocol(47).into(),
        MacAddress([2, 0, 0, 0, 0, 1]).into(),
        OptionalMac(None).into(),
        Mark(7).into(),
        Interface::new("eth0").unwrap().into(),
        Member::new("a").unwrap().after("b").unwrap().into(),
    ] {
        let form = to_value(&element).unwrap();
        assert_eq!(
            from_value::<AnyElement>(form.clone()).unwrap(),
            element,
            "{form}"
        );
    }
    for kind in AnyType::all() {
        same(kind, json!(kind.name()));
    }
    same(HashNetPortNet, json!("hash:net,port,net"));
    let member = Member::new("a").unwrap().after("b").unwrap();
    same(member, json!({"name": "a", "place": {"after": "b"}}));
    let set: AnySet = ip("nets hash:net family inet6 hashsize 1024 maxelem 65536 comment");
    same(
        set,
        json!({
            "name": "nets",
            "type": "hash:net",
            "family": "ipv6",
            "hashsize": 1024,
            "maxelem": 65536,
            "comment": true,
        }),
    );
}

#[test]
fn every_line_of_the_tool_comes_back() {
    for file in [
        include_str!("../../tests/data/ipset-save-linux-6.1.txt"),
        include_str!("../../tests/data/ipset-save-linux-6.18.txt"),
    ] {
        let mut count = 0;
        for line in crate::ipset::text::Reader::new(file.as_bytes()) {
            let line = line.unwrap();
            let json = serde_json::to_string(&line).unwrap();
            assert_eq!(
                from_str::<crate::ipset::text::Line>(&json).unwrap(),
                line,
                "{json}"
            );
            count += 1;
        }
        assert!(count > 20);
    }
}

#[test]
fn what_proc_has() {
    use crate::ipvs::proc::{Connection, Connections, Snapshot};

    let file = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0A000001 B7E6 0A090909 0050 0A000002 1F90 ESTABLISHED     899
";
    let connection: Connection = Connections::new(file.as_bytes()).next().unwrap().unwrap();
    let form = to_value(&connection).unwrap();
    assert_eq!(form["protocol"], "tcp");
    assert_eq!(form["client"], "10.0.0.1:47078");
    assert_eq!(
        (&form["state"], &form["expires_in"]),
        (&json!("ESTABLISHED"), &json!(899))
    );
    same(connection, form);

    let file = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A090909:0050 rr
  -> 0A000002:1F90      Masq    1      0          0
  -> 0A000003:1F90      Tunnel  2      0          0
FWM  00000007 wlc
";
    let snapshot = Snapshot::read(file.as_bytes()).unwrap();
    let form = to_value(&snapshot).unwrap();
    assert_eq!(form["services"][0]["servers"][1]["forwarding"], "tunnel");
    assert_eq!(form["services"].as_array().unwrap().len(), 2);
    same(snapshot, form);
}

/// Unknown fields are an error.
#[test]
fn misspelt_fields_are_refused() {
    refused::<Entry<HashIp>>(json!({"value": "10.0.0.1", "timout": 5}), "timout");
    let value = json!([{"addresses": "10.0.0.1"}]);
    refused::<AnyEntry>(json!({"value": value, "coment": "a"}), "coment");
    refused::<EntryOptions>(json!({"timout": 5}), "timout");
    refused::<CreateOptions>(json!({"maxelm": 5}), "maxelm");
    refused::<AnySet>(
        json!({"name": "a", "type": "hash:ip", "maxelm": 5}),
        "maxelm",
    );
    refused::<IpSet<HashIp>>(
        json!({"name": "a", "type": "hash:ip", "famly": "inet"}),
        "famly",
    );
}

#[test]
fn a_number_is_no_text() {
    refused::<Scheduler>(json!(4), "expected a text");
    refused::<IpSet<HashIp>>(json!({"name": "a", "type": 4}), "expected a text");
}

#[test]
fn a_fourth_element_is_refused() {
    let one = json!({"addresses": "10.0.0.1"});
    refused::<AnyValue>(json!([one, one, one, one]), "three elements");
    let value: AnyValue = [ip::<std::net::Ipv4Addr>("10.0.0.1"); 4]
        .into_iter()
        .collect();
    let error = to_value(&value).unwrap_err().to_string();
    assert!(error.contains("three elements"), "{error}");
}

/// Other programs may use names with blanks, commas, or bytes that are not UTF-8.
#[test]
fn odd_names_come_back_as_they_were() {
    let address: std::net::Ipv4Addr = ip("10.0.0.1");
    same(SetName::existing("two words").unwrap(), json!("two words"));
    same(SetName::existing(b"a\xe9").unwrap(), json!([97, 233]));
    for name in [
        &b"a b"[..],
        b"physdev:x",
        b"a,b",
        b"a\xe9",
        b"a\"b",
        b"x wildcard",
    ] {
        for port in [false, true] {
            let mut interface = Interface::existing(name).unwrap();
            if port {
                interface = interface.physdev();
            }
            let entry =
                Entry::<HashNetIface>::new((address, interface)).timeout(Duration::from_secs(5));
            let form = to_value(&entry).unwrap();
            assert_eq!(
                from_value::<Entry<HashNetIface>>(form.clone()).unwrap(),
                entry,
                "{form}"
            );
            let value: AnyValue = [AnyElement::from(address), interface.into()]
                .into_iter()
                .collect();
            let entry = AnyEntry::new(value);
            let form = to_value(&entry).unwrap();
            assert_eq!(
                from_value::<AnyEntry>(form.clone()).unwrap(),
                entry,
                "{form}"
            );
        }
        let name = SetName::existing(name).unwrap();
        for member in [
            Member::from(name),
            Member::new("a").unwrap().before(name).unwrap(),
            Member::from(name).after("a").unwrap(),
        ] {
            let entry = Entry::<ListSet>::new(member);
            let form = to_value(&entry).unwrap();
            assert_eq!(
                from_value::<Entry<ListSet>>(form.clone()).unwrap(),
                entry,
                "{form}"
            );
        }
    }
}
