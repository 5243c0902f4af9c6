//! A small HTTP server: one thread for all ports, and one for each request.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// Answers the requests to a port.
#[derive(Clone)]
pub enum Handler {
    Answer(Arc<dyn Fn() -> Answer + Send + Sync>),
    /// A text of this content type, which may be long: it is sent while it is written.
    Text(&'static str, Arc<WriteText>),
}

/// Writes a text.
type WriteText = dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync;

/// How long a client may take to send its whole request, and to read a part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many clients are answered at a time. Others are hung up on.
const MOST: usize = 64;

/// The ports that are served, with the answers.
pub struct Server {
    listeners: Arc<Mutex<BTreeMap<SocketAddr, Served>>>,
    /// Wakes the thread.
    wake: UnixStream,
}

#[derive(Clone)]
struct Served {
    listener: Arc<TcpListener>,
    handler: Handler,
}

impl Server {
    pub fn start() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let listeners = Arc::new(Mutex::new(BTreeMap::new()));
        let served = Arc::clone(&listeners);
        let run = move || accept(&served, woken);
        thread::Builder::new().name("http".into()).spawn(run)?;
        Ok(Self { listeners, wake })
    }

    /// Answers at an address from now on. If it does already, the answers change.
    pub fn serve(&mut self, address: SocketAddr, handler: Handler) -> io::Result<()> {
        let mut listeners = self.listeners.lock().expect("no thread panics with it");
        match listeners.get_mut(&address) {
            Some(served) => served.handler = handler,
            None => {
                let listener = listen(address).map_err(|error| {
                    io::Error::new(error.kind(), format!("listen on {address}: {error}"))
                })?;
                let listener = Arc::new(listener);
                listeners.insert(address, Served { listener, handler });
            }
        }
        drop(listeners);
        self.wake.write_all(b"!")
    }

    /// Answers no more at the addresses for which `keep` returns false.
    pub fn retain(&mut self, keep: impl Fn(&SocketAddr) -> bool) -> io::Result<()> {
        let mut listeners = self.listeners.lock().expect("no thread panics with it");
        let before = listeners.len();
        listeners.retain(|address, served| {
            let is_kept = keep(address);
            if !is_kept {
                // Clients are refused from now on. The thread drops the listener when it wakes.
                let _ = shutdown(served.listener.as_raw_fd(), Shutdown::Both);
            }
            is_kept
        });
        let is_same = listeners.len() == before;
        drop(listeners);
        if is_same {
            Ok(())
        } else {
            self.wake.write_all(b"!")
        }
    }
}

/// Returns the address with a port that stands for all of the node's.
pub fn any(port: u16, has_ipv6: bool) -> SocketAddr {
    match has_ipv6 {
        // It takes IPv4 as well.
        true => (Ipv6Addr::UNSPECIFIED, port).into(),
        false => (Ipv4Addr::UNSPECIFIED, port).into(),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept(listeners: &Mutex<BTreeMap<SocketAddr, Served>>, mut woken: UnixStream) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let served: Vec<_> = {
            let listeners = listeners.lock().expect("no thread panics with it");
            listeners.values().cloned().collect()
        };
        let mut fds = vec![PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        let listening = served.iter().map(|it| it.listener.as_fd());
        fds.extend(listening.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            continue;
        }
        let ready: Vec<_> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        drop(fds);
        if ready[0] {
            let mut bytes = [0; 64];
            match woken.read(&mut bytes) {
                Ok(0) => return, // the server was dropped
                _ => continue,   // ports or answers changed
            }
        }
        for (served, _) in served.iter().zip(&ready[1..]).filter(|(_, ready)| **ready) {
            while let Ok((stream, _)) = served.listener.accept() {
                if clients.load(Ordering::Relaxed) >= MOST {
                    continue;
                }
                clients.fetch_add(1, Ordering::Relaxed);
                let (handler, clients_) = (served.handler.clone(), Arc::clone(&clients));
                let answer = move || {
                    // A client that hangs up or is too slow gets no answer.
                    let _ = answer(stream, &handler);
                    clients_.fetch_sub(1, Ordering::Relaxed);
                };
                if thread::Builder::new().spawn(answer).is_err() {
                    clients.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Reads a request, whatever it asks for, and answers it.
fn answer(stream: TcpStream, handler: &Handler) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = Until {
        stream: &stream,
        end: Instant::now() + PATIENCE,
    };
    let mut request = BufReader::new(request).take(1 << 16);
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut output = BufWriter::new(&stream);
    match handler {
        Handler::Answer(handler) => send(&handler(), &mut output)?,
        Handler::Text(kind, write) => {
            // The end of the connection is the end of the text.
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: ";
            write!(output, "{head}{kind}\r\n\r\n")?;
            write(&mut output)?;
        }
    }
    output.flush()
}

/// Reads until its time is up. A timeout of each read would begin anew with each byte, so a client
/// could keep its place for as long as it likes.
struct Until<'a> {
    stream: &'a TcpStream,
    end: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        // A timeout of zero is none.
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

fn send(answer: &Answer, output: &mut impl Write) -> io::Result<()> {
    let Answer {
        status,
        headers,
        body,
    } = answer;
    write!(output, "HTTP/1.1 {status}\r\nconnection: close\r\n")?;
    for (name, value) in headers {
        write!(output, "{name}: {value}\r\n")?;
    }
    write!(output, "content-length: {}\r\n\r\n{body}", body.len())
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
