//! Plain TCP and UDP in a network namespace: servers that answer with their name, and clients.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::Namespace;
pub use crate::answer::{Answer, Unanswered};
use crate::answer::{decode, encode};
use crate::error::{Error, Result, failed};

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Closing it wakes the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts a TCP server in the namespace that answers every line of every connection. It listens when this function returns.
pub fn serve_tcp(namespace: &Namespace, address: &str, name: &str) -> Result<Server> {
    let listener = namespace
        .run(|| TcpListener::bind(address))
        .map_err(failed("listen on", address))?;
    listener
        .set_nonblocking(true)
        .map_err(failed("listen on", address))?;
    let name = name.to_owned();
    serve(format!("tcp {address}"), move |stopped| {
        while !stopped(listener.as_fd()) {
            while let Ok((stream, client)) = listener.accept() {
                let _ = stream.set_nonblocking(false);
                let answer = encode(&name, client);
                // The thread ends with its client, or with the program at the latest.
                let _ = thread::Builder::new().spawn(move || converse(stream, &answer));
            }
        }
    })
}

fn converse(stream: TcpStream, answer: &str) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        line?;
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// Starts a UDP server in the namespace that answers every datagram.
pub fn serve_udp(namespace: &Namespace, address: &str, name: &str) -> Result<Server> {
    let socket = namespace
        .run(|| UdpSocket::bind(address))
        .map_err(failed("listen on", address))?;
    socket
        .set_nonblocking(true)
        .map_err(failed("listen on", address))?;
    let name = name.to_owned();
    serve(format!("udp {address}"), move |stopped| {
        while !stopped(socket.as_fd()) {
            while let Ok((_, client)) = socket.recv_from(&mut [0; 2048]) {
                let _ = socket.send_to(encode(&name, client).as_bytes(), client);
            }
        }
    })
}

/// Runs a server's loop on a thread. The loop's argument waits for input or reports that the server is to stop.
fn serve(
    name: String,
    run: impl FnOnce(&dyn Fn(BorrowedFd<'_>) -> bool) + Send + 'static,
) -> Result<Server> {
    let (stop, stopped) = UnixStream::pair().map_err(failed("start", &name))?;
    let wait = move |socket: BorrowedFd<'_>| {
        let mut fds = [
            PollFd::new(socket, PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        let _ = poll(&mut fds, PollTimeout::NONE);
        fds[1].any().unwrap_or(true)
    };
    let thread = thread::Builder::new()
        .name(name.clone())
        .spawn(move || run(&wait))
        .map_err(failed("start", name))?;
    Ok(Server {
        stop: Some(stop),
        thread: Some(thread),
    })
}

/// A TCP connection that stays open, so that it appears in the tables of IPVS.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Asks the server again over this connection.
    pub fn ask(&mut self) -> Result<Answer, Unanswered> {
        self.stream.get_mut().write_all(b"who are you?\n")?;
        let mut text = String::new();
        for _ in 0..2 {
            self.stream.read_line(&mut text)?;
        }
        decode(&text)
    }

    /// Returns the address of the client's end.
    pub fn local_address(&self) -> Result<SocketAddr, Unanswered> {
        Ok(self.stream.get_ref().local_addr()?)
    }
}

/// Opens a TCP connection from the namespace. `timeout` limits this and each question.
pub fn connect(
    namespace: &Namespace,
    address: &str,
    timeout: Duration,
) -> Result<Connection, Unanswered> {
    let address = parse(address)?;
    let stream = namespace.run(|| TcpStream::connect_timeout(&address, timeout))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(Connection {
        stream: BufReader::new(stream),
    })
}

/// Asks over a new TCP connection who serves the address.
pub fn ask_tcp(
    namespace: &Namespace,
    address: &str,
    timeout: Duration,
) -> Result<Answer, Unanswered> {
    connect(namespace, address, timeout)?.ask()
}

/// Asks with one UDP datagram, from a new port, who serves the address.
pub fn ask_udp(
    namespace: &Namespace,
    address: &str,
    timeout: Duration,
) -> Result<Answer, Unanswered> {
    let address = parse(address)?;
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = namespace.run(|| UdpSocket::bind(any))?;
    socket.set_read_timeout(Some(timeout))?;
    // Only a connected socket receives "port unreachable".
    socket.connect(address)?;
    socket.send(b"who are you?\n")?;
    let mut bytes = [0; 2048];
    let length = socket.recv(&mut bytes)?;
    decode(&String::from_utf8_lossy(&bytes[..length]))
}

/// Returns the outcome of `ask`, which waits for at most `patience` for an answer that must not come.
///
/// On a stalled machine, nothing answers in any time. So after an error, a server of the namespace's own has to answer in the same time, or `ask`
/// is called again. Fails if that server never answers in time.
pub fn unless_stalled<T, E>(
    namespace: &Namespace,
    patience: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
) -> Result<Result<T, E>> {
    const ADDRESS: &str = "127.0.0.1:49999";
    let _server = serve_tcp(namespace, ADDRESS, "the namespace itself")?;
    for _ in 0..100 {
        let outcome = ask();
        if outcome.is_ok() || ask_tcp(namespace, ADDRESS, patience).is_ok() {
            return Ok(outcome);
        }
    }
    Err(Error::Other(format!(
        "the machine is too busy: even a server in the same namespace did not answer within {patience:?}"
    )))
}

fn parse(address: &str) -> Result<SocketAddr, Unanswered> {
    address
        .parse()
        .map_err(|_| Unanswered::Other(format!("`{address}` is not an address and port")))
}
