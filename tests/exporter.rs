//! Tests the example exporter on a real kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ipvset::OnFailure;
use ipvset::ipvs::{Ipvs, Operation, RealServer, VirtualService};
use lab::Needs;
use lab::test::eventually;
use nix::sched::{CloneFlags, setns};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ADDRESS: &str = "127.0.0.1:9713";
/// The user `nobody`.
const NOBODY: u32 = 65534;

lab::tests![
    Needs::ipvs().and_sets(&["hash:ip"]);
    what_the_kernel_has,
    without_a_capability,
    in_a_user_namespace,
    counters_grow,
    memory_does_not_grow_with_scrapes,
    slow_clients_give_way,
];

/// A running exporter.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Exporter {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        let exporter = Self(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        assert_eq!(line, format!("listening on http://{ADDRESS}/metrics\n"));
        Ok(exporter)
    }
}

/// Asks for the metrics, and checks their form. Returns the value of each name with its labels.
fn metrics() -> Result<BTreeMap<String, String>> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: node\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or("no head")?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let (mut values, mut begun) = (BTreeMap::new(), BTreeSet::new());
    let mut name = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            name = rest.split(' ').next().unwrap_or_default();
            assert!(begun.insert(name), "{name} comes twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let kinds = ["counter", "gauge"].map(|kind| format!("{name} {kind}"));
            assert!(kinds.iter().any(|kind| kind == rest), "{rest}");
            assert_eq!(
                name.ends_with("_total"),
                rest.ends_with("counter"),
                "{rest}"
            );
        } else {
            let (key, value) = line.rsplit_once(' ').ok_or("no value")?;
            assert_eq!(key.split('{').next(), Some(name));
            value.parse::<f64>()?;
            let before = values.insert(key.to_owned(), value.to_owned());
            assert_eq!(before, None, "{key} comes twice");
        }
    }
    Ok(values)
}

/// A table with both families, a mark of both, and a draining server.
fn table() -> Result {
    let lines = "\
        -A -t 10.0.0.1:80 -s rr -p 60\n\
        -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3\n\
        -a -t 10.0.0.1:80 -r 10.1.0.2:8080 -m -w 0\n\
        -A -u [fd00::1]:53 -s wlc\n\
        -a -u [fd00::1]:53 -r [fd00::2]:53 -g -w 1\n\
        -A -f 255 -s rr\n\
        -a -f 255 -r 10.1.0.1:0 -g -w 1\n\
        -A -f 255 -6 -s rr\n\
        -a -f 255 -6 -r [fd00::2]:0 -g -w 2\n";
    for line in lines.lines() {
        lab::tool("ipvsadm", line.split_whitespace())?;
    }
    lab::tool("ipset", ["create", "a\\b", "hash:ip"])?;
    lab::tool("ipset", ["add", "a\\b", "192.0.2.1"])?;
    Ok(())
}

const SERVER: &str = "family=\"ipv4\",local_address=\"10.0.0.1\",local_port=\"80\",proto=\"TCP\",local_mark=\"\",remote_address=\"10.1.0.1\",remote_port=\"8080\"";

fn what_the_kernel_has() -> Result {
    table()?;
    let _exporter = Exporter::start(&mut Command::new(lab::tool::example("exporter")?))?;
    let values = metrics()?;
    let value = |key: &str| values.get(key).map(String::as_str);
    for part in ["table", "statistics", "ipv6", "totals", "sets"] {
        assert_eq!(
            value(&format!("ipvset_part_available{{part=\"{part}\"}}")),
            Some("1")
        );
    }
    assert_eq!(value("node_ipvs_connections_total"), Some("0"));
    assert_eq!(
        value(&format!("node_ipvs_backend_weight{{{SERVER}}}")),
        Some("3")
    );
    assert_eq!(
        value(&format!("ipvset_server_incoming_bytes_total{{{SERVER}}}")),
        Some("0")
    );
    let service = "local_address=\"10.0.0.1\",local_port=\"80\",proto=\"TCP\",local_mark=\"\"";
    assert_eq!(
        value(&format!(
            "ipvset_servers_without_weight{{family=\"ipv4\",{service}}}"
        )),
        Some("1")
    );
    // The same mark in both families.
    let of_mark = |family: &str, remote: &str| {
        format!(
            "node_ipvs_backend_weight{{family=\"{family}\",local_address=\"\",local_port=\"0\",proto=\"FWM\",local_mark=\"000000FF\",remote_address=\"{remote}\",remote_port=\"0\"}}"
        )
    };
    assert_eq!(value(&of_mark("ipv4", "10.1.0.1")), Some("1"));
    assert_eq!(value(&of_mark("ipv6", "fd00::2")), Some("2"));
    let udp = "ipvset_service_connections_total{family=\"ipv6\",local_address=\"fd00::1\",local_port=\"53\",proto=\"UDP\",local_mark=\"\"}";
    assert_eq!(value(udp), Some("0"));
    assert_eq!(
        value("ipvset_set_entries{set=\"a\\\\b\",type=\"hash:ip\"}"),
        Some("1")
    );
    Ok(())
}

fn without_a_capability() -> Result {
    table()?;
    // The folder of the examples may be closed to other users.
    let copy = "/tmp/exporter";
    fs::copy(lab::tool::example("exporter")?, copy)?;
    fs::set_permissions(copy, fs::Permissions::from_mode(0o755))?;
    let _exporter = Exporter::start(Command::new(copy).uid(NOBODY).gid(NOBODY).current_dir("/"))?;
    let values = metrics()?;
    for (part, available) in [
        ("table", "1"),
        ("statistics", "0"),
        ("ipv6", "1"),
        ("totals", "1"),
        ("sets", "0"),
    ] {
        let key = format!("ipvset_part_available{{part=\"{part}\"}}");
        assert_eq!(
            values.get(&key).map(String::as_str),
            Some(available),
            "{part}"
        );
    }
    let weight = values.get(&format!("node_ipvs_backend_weight{{{SERVER}}}"));
    assert_eq!(weight.map(String::as_str), Some("3"));
    let beyond = ["ipvset_set_", "ipvset_service_", "ipvset_server_"];
    let absent = |key: &String| !beyond.iter().any(|prefix| key.starts_with(prefix));
    assert!(values.keys().all(absent), "{values:#?}");
    Ok(())
}

/// Socket options, which are all there is, do not list IPv6.
fn in_a_user_namespace() -> Result {
    let script = "ip link set lo up && exec \"$0\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", script]);
    let exporter = Exporter::start(command.arg(lab::tool::example("exporter")?))?;
    let values = beside(exporter.0.id(), || {
        table()?;
        metrics()
    })?;
    for (part, available) in [("table", "1"), ("statistics", "1"), ("ipv6", "0")] {
        let value = values.get(&format!("ipvset_part_available{{part=\"{part}\"}}"));
        assert_eq!(value.map(String::as_str), Some(available), "{part}");
    }
    let has = |family: &str| {
        let label = format!("family=\"{family}\"");
        values.keys().any(|key| key.contains(&label))
    };
    assert!(has("ipv4") && !has("ipv6"), "{values:#?}");
    Ok(())
}

/// Runs something in the network namespace of a process.
fn beside<T: Send>(process: u32, body: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let namespace = fs::File::open(format!("/proc/{process}/ns/net"))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            body()
        });
        run.join().unwrap_or_else(|_| Err("it panicked".into()))
    })
}

fn counters_grow() -> Result {
    lab::address::add("10.0.0.1/32", "lo")?;
    lab::tool("ipvsadm", ["-A", "-t", "10.0.0.1:80", "-s", "rr"])?;
    lab::tool(
        "ipvsadm",
        ["-a", "-t", "10.0.0.1:80", "-r", "127.0.0.1:8080", "-m"],
    )?;
    let _server = lab::http::serve(&lab::Namespace::current()?, "127.0.0.1:8080", "hello")?;
    let _exporter = Exporter::start(&mut Command::new(lab::tool::example("exporter")?))?;
    let key = "ipvset_service_connections_total{family=\"ipv4\",local_address=\"10.0.0.1\",local_port=\"80\",proto=\"TCP\",local_mark=\"\"}";
    for connections in 1..=3 {
        TcpStream::connect("10.0.0.1:80")?;
        // The kernel adds its counters up every two seconds.
        eventually(|| {
            let values = metrics().map_err(|error| error.to_string())?;
            match values.get(key) {
                Some(value) if *value == connections.to_string() => Ok(()),
                other => Err(format!("{other:?} instead of {connections}")),
            }
        })?;
    }
    Ok(())
}

/// A scrape holds the table until it is answered, and nothing after that.
fn memory_does_not_grow_with_scrapes() -> Result {
    const SERVICES: u16 = 500;
    let services = (1..=SERVICES).map(|port| {
        let service = VirtualService::tcp(([10, 0, 0, 1], port).into());
        let servers = (1..=10).map(move |host| RealServer::new(([10, 1, 0, host], port).into()));
        (service, servers)
    });
    let operations = services.flat_map(|(service, servers)| {
        let key = service.key;
        let servers = servers.map(move |server| Operation::AddServer(key, server));
        std::iter::once(Operation::AddService(service)).chain(servers)
    });
    Ipvs::connect()?
        .execute_all(operations, OnFailure::Stop)
        .into_result()?;
    let exporter = Exporter::start(&mut Command::new(lab::tool::example("exporter")?))?;
    let most = || -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", exporter.0.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
        let value = line.and_then(|it| it.split_whitespace().next());
        Ok(value.ok_or("no VmHWM")?.parse()?)
    };
    let scrape = |times: usize| -> Result<u64> {
        for _ in 0..times {
            let mut stream = TcpStream::connect(ADDRESS)?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: node\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            let weights = answer.matches("\nnode_ipvs_backend_weight{").count();
            assert_eq!(weights, usize::from(SERVICES) * 10);
        }
        most()
    };
    let few = scrape(4)?;
    let many = scrape(16)?;
    // The table alone takes more than a mebibyte.
    assert!(many < few + 1024, "{few} KiB, then {many} KiB");
    Ok(())
}

/// More clients than are answered at a time, which never come to the end of their request.
fn slow_clients_give_way() -> Result {
    let _exporter = Exporter::start(&mut Command::new(lab::tool::example("exporter")?))?;
    let connect = |_| Ok(TcpStream::connect(ADDRESS)?);
    let mut clients = (0..70).map(connect).collect::<Result<Vec<_>>>()?;
    let begin = Instant::now();
    // A client with an answer had to wait for the others to be hung up on.
    while metrics().is_err() {
        let slow = begin.elapsed();
        assert!(slow < Duration::from_secs(60), "locked out for {slow:?}");
        clients.retain_mut(|client| client.write_all(b"x").is_ok());
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
