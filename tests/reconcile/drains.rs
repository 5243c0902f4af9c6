//! Servers that drain while they have connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::test::eventually;
use nix::sys::signal::Signal;

use crate::program::{Folder, Result, Running, expect_table, weight};

crate::tests![
    apply_waits_until_the_connections_are_gone,
    apply_ends_when_the_time_is_up,
    a_killed_program_goes_on_with_its_drains,
    a_program_without_a_record_goes_on_with_its_drains,
    a_server_that_returns_keeps_its_connection,
];

const SERVICE: &str = "10.9.9.9:80";
const OLD: &str = "10.0.0.2:8080";
const NEW: &str = "10.0.0.3:8080";

/// A service whose server has an open connection.
struct Busy {
    folder: Folder,
    connection: Connection,
}

struct Connection(TcpStream, TcpStream);

impl Connection {
    /// Fails unless bytes go through.
    fn is_open(&mut self) -> Result {
        let Self(client, server) = self;
        client.write_all(b"hello")?;
        server.read_exact(&mut [0; 5])?;
        Ok(())
    }

    /// Resets the connection, which the kernel forgets after ten seconds.
    fn reset(self) -> Result {
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        nix::sys::socket::setsockopt(&self.0, nix::sys::socket::sockopt::Linger, &at_once)?;
        Ok(())
    }
}

/// Returns the table in which the service has this server.
fn table(server: &str) -> String {
    format!("-A -t {SERVICE} -s rr\n-a -t {SERVICE} -r {server} -m -w 1\n")
}

fn drained(server: &str) -> String {
    format!("-a -t {SERVICE} -r {server} -m -w 0\n")
}

fn busy() -> Result<Busy> {
    for address in ["10.9.9.9/32", "10.0.0.2/32", "10.0.0.3/32"] {
        lab::address::add(address, "lo")?;
    }
    let folder = Folder::new()?;
    folder.write("old", &table(OLD))?;
    folder.write("new", &table(NEW))?;
    let ended = folder.run("--apply --record record old")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let listener = TcpListener::bind(OLD)?;
    let service: SocketAddr = SERVICE.parse()?;
    let client = TcpStream::connect_timeout(&service, Duration::from_secs(30))?;
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (server, _) = listener.accept()?;
    server.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut connection = Connection(client, server);
    connection.is_open()?;
    Ok(Busy { folder, connection })
}

/// Starts the example, and waits until the old server drains.
fn draining(folder: &Folder, line: &str) -> Result<Running> {
    let running = folder.start(line)?;
    eventually(|| match weight(SERVICE, OLD)? {
        Some(0) => Ok(()),
        other => Err(Box::<dyn std::error::Error>::from(format!("{other:?}"))),
    })?;
    Ok(running)
}

fn apply_waits_until_the_connections_are_gone() -> Result {
    let mut busy = busy()?;
    let running = draining(&busy.folder, "--apply new")?;
    for _ in 0..3 {
        std::thread::sleep(Duration::from_secs(1));
        busy.connection.is_open()?;
        expect_table(&format!("{}{}", table(NEW), drained(OLD)));
    }
    busy.connection.reset()?;
    let (status, out) = running.wait()?;
    assert_eq!(status.code(), Some(0), "{out}");
    assert!(out.contains(&format!("-r {OLD}: removed")), "{out}");
    expect_table(&table(NEW));
    Ok(())
}

fn apply_ends_when_the_time_is_up() -> Result {
    let busy = busy()?;
    let ended = busy.folder.run("--apply --drain 3 new")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let cut = format!("-t {SERVICE} -r {OLD}: its time was up, connections: 1");
    assert!(ended.out.contains(&cut), "{ended:#?}");
    expect_table(&table(NEW));
    Ok(())
}

/// The deadline is in the record: a second run does not start the time anew.
fn a_killed_program_goes_on_with_its_drains() -> Result {
    let mut busy = busy()?;
    let began = Instant::now();
    let record = "--apply --record record";
    let running = draining(&busy.folder, &format!("{record} --drain 20 new"))?;
    running.end(Signal::SIGKILL)?;
    busy.connection.is_open()?;
    expect_table(&format!("{}{}", table(NEW), drained(OLD)));

    // A signal ends the next run, too, which says what drains.
    let running = busy.folder.start(&format!("{record} --drain 600 new"))?;
    std::thread::sleep(Duration::from_secs(3));
    let (status, out) = running.end(Signal::SIGTERM)?;
    assert_eq!(status.code(), Some(1), "{out}");
    let drains = format!("-t {SERVICE} -r {OLD}: drains for ");
    let left = out
        .strip_prefix(&drains)
        .and_then(|it| it.split(' ').next());
    let left: u64 = left.ok_or(out.clone())?.parse()?;
    assert!(left <= 20, "{out}");
    busy.connection.is_open()?;
    expect_table(&format!("{}{}", table(NEW), drained(OLD)));

    let ended = busy.folder.run(&format!("{record} --drain 600 new"))?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert!(ended.out.contains("its time was up"), "{ended:#?}");
    // The record has the time in whole seconds, rounded up.
    assert!(
        began.elapsed() >= Duration::from_secs(19),
        "{:?}",
        began.elapsed()
    );
    expect_table(&table(NEW));
    Ok(())
}

/// A server of weight 0 that is not wanted drains.
fn a_program_without_a_record_goes_on_with_its_drains() -> Result {
    let mut busy = busy()?;
    let running = draining(&busy.folder, "--apply new")?;
    running.end(Signal::SIGKILL)?;
    busy.connection.is_open()?;
    let ended = busy.folder.run("new")?;
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let drains = "# draining already: 1 server";
    assert!(ended.out.lines().any(|it| it == drains), "{ended:#?}");

    let mut running = busy.folder.start("--apply --watch 1 new")?;
    running.expect(&[&format!("-t {SERVICE} -r {OLD}: drains for ")]);
    busy.connection.is_open()?;
    busy.connection.reset()?;
    running.expect(&[&format!("-t {SERVICE} -r {OLD}: removed")]);
    expect_table(&table(NEW));
    Ok(())
}

fn a_server_that_returns_keeps_its_connection() -> Result {
    let mut busy = busy()?;
    busy.folder.write("wanted", &table(NEW))?;
    let mut running = draining(&busy.folder, "--apply --watch 1 --record record wanted")?;
    let replaced = "# warning: 1 of 1 servers are removed";
    running.expect(&[
        replaced,
        &format!("-t {SERVICE} -r {NEW}: added"),
        &format!("-t {SERVICE} -r {OLD}: drains for "),
    ]);
    busy.folder.write("wanted", &table(OLD))?;
    running.expect(&[
        &format!("-t {SERVICE} -r {NEW}: drains for "),
        &format!("-t {SERVICE} -r {OLD}: updated"),
    ]);
    running.expect(&[&format!("-t {SERVICE} -r {NEW}: removed")]);
    expect_table(&table(OLD));
    busy.connection.is_open()?;
    Ok(())
}
