//! Runs both programs on a real kernel, blocking and on tokio.

use std::process::{Command, ExitCode};

use lab::test::Test;

type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const SERVICE_PROXY: &str = env!("CARGO_BIN_EXE_service-proxy");
const BLOCK_LIST: &str = env!("CARGO_BIN_EXE_block-list");

fn main() -> ExitCode {
    let needs = lab::Needs::ipvs().and_sets(&["hash:ip,port", "hash:net"]);
    let tests = [("blocking", &[][..]), ("tokio", &["--tokio"])].map(|(name, options)| {
        [
            Test::new(&format!("service_proxy::{name}"), || service_proxy(options)),
            Test::new(&format!("block_list::{name}"), || block_list(options)),
        ]
    });
    lab::test::main(&needs, tests.into_iter().flatten().collect())
}

/// Runs a program on a file with this content. Returns what it prints to its two outputs.
fn run(program: &str, options: &[&str], content: &str) -> Result<(String, String)> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, content)?;
    let output = Command::new(program)
        .args(options)
        .arg(file.path())
        .output()?;
    let (out, err) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    assert!(output.status.success(), "{out}{err}");
    Ok((out, err))
}

/// Returns the sorted lines that a tool prints.
fn lines(tool: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let text = lab::tool(tool, arguments)?;
    let mut lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.sort();
    Ok(lines)
}

fn service_proxy(options: &[&str]) -> Result {
    let first = "\
        tcp 10.96.0.1:80 10.1.0.1:8080 10.1.0.2:8080\n\
        UDP 10.96.0.10:53 10.1.0.3:53\n\
        \n\
        tcp [fd00::1]:80\n";
    let (out, err) = run(SERVICE_PROXY, options, first)?;
    assert_eq!(err, "");
    let expected = "\
        SERVICES-IPv4 10.96.0.1,tcp:80\n\
        SERVICES-IPv4 10.96.0.10,udp:53\n\
        SERVICES-IPv6 fd00::1,tcp:80\n";
    assert_eq!(out, expected);
    let table = [
        "-A -t 10.96.0.1:80 -s rr",
        "-A -t [fd00::1]:80 -s rr",
        "-A -u 10.96.0.10:53 -s rr",
        "-a -t 10.96.0.1:80 -r 10.1.0.1:8080 -m -w 1",
        "-a -t 10.96.0.1:80 -r 10.1.0.2:8080 -m -w 1",
        "-a -u 10.96.0.10:53 -r 10.1.0.3:53 -m -w 1",
    ];
    assert_eq!(lines("ipvsadm", &["-S", "-n"])?, table);

    // A server leaves, and two services.
    let second = "tcp 10.96.0.1:80 10.1.0.2:8080\n";
    let (out, err) = run(SERVICE_PROXY, options, second)?;
    assert_eq!((&*out, &*err), ("SERVICES-IPv4 10.96.0.1,tcp:80\n", ""));
    let table = [
        "-A -t 10.96.0.1:80 -s rr",
        "-a -t 10.96.0.1:80 -r 10.1.0.2:8080 -m -w 1",
    ];
    assert_eq!(lines("ipvsadm", &["-S", "-n"])?, table);
    let names = ["SERVICES-IPv4", "SERVICES-IPv6"];
    assert_eq!(lines("ipset", &["list", "-name"])?, names);
    Ok(())
}

/// Returns the addresses in the set of a family.
fn blocked(family: &str) -> Result<Vec<String>> {
    let set = format!("blocked-{family}");
    let added = lines("ipset", &["save", &set])?;
    let prefix = format!("add {set} ");
    let entries = added.iter().filter_map(|line| line.strip_prefix(&prefix));
    let address = |entry: &str| entry.split(' ').next().map(str::to_owned);
    entries
        .map(|it| address(it).ok_or("an entry".into()))
        .collect()
}

fn block_list(options: &[&str]) -> Result {
    let first = "192.0.2.7\n198.51.100.9/24\nnonsense\n2001:db8::/32\n0.0.0.0/0\n";
    let (out, err) = run(BLOCK_LIST, options, first)?;
    assert!(err.starts_with("line 3: "), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    let reports: Vec<_> = out.lines().collect();
    let [ipv4, refused, ipv6] = reports[..] else {
        panic!("{out}");
    };
    assert_eq!(ipv4, "blocked-IPv4: 2 put, 0 removed");
    assert!(refused.starts_with("0.0.0.0/0: "), "{out}");
    assert_eq!(ipv6, "blocked-IPv6: 1 put, 0 removed");
    assert_eq!(blocked("IPv4")?, ["192.0.2.7", "198.51.100.0/24"]);
    assert_eq!(blocked("IPv6")?, ["2001:db8::/32"]);

    let second = "192.0.2.8\n198.51.100.0/24\n";
    let (out, err) = run(BLOCK_LIST, options, second)?;
    let expected = "\
        blocked-IPv4: 2 put, 1 removed\n\
        blocked-IPv6: 0 put, 1 removed\n";
    assert_eq!((&*out, &*err), (expected, ""));
    assert_eq!(blocked("IPv4")?, ["192.0.2.8", "198.51.100.0/24"]);
    assert_eq!(blocked("IPv6")?, Vec::<String>::new());
    Ok(())
}
