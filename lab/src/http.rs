//! HTTP in a network namespace: a server that answers with its own name, and a client that makes one new connection per request.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::Namespace;
pub use crate::answer::{Answer, Unanswered};
use crate::error::{Error, Result, failed};

/// The header with the client's address as the server saw it.
const CLIENT: &str = "client";

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    requests: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Returns the number of requests that the server has answered.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts a server in the namespace that answers every request with `name`. It listens when this function returns.
pub fn serve(namespace: &Namespace, address: &str, name: &str) -> Result<Server> {
    let address: SocketAddr = address
        .parse()
        .map_err(|_| Error::Other(format!("`{address}` is not an address and port")))?;
    // A socket stays in the namespace of the thread that opened it, whichever thread uses it.
    let listener = namespace
        .run(|| TcpListener::bind(address))
        .map_err(failed("listen on", address.to_string()))?;
    listener
        .set_nonblocking(true)
        .map_err(failed("listen on", address.to_string()))?;
    let requests = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = oneshot::channel();
    let (sender, started) = mpsc::channel();
    let (name, counter) = (Arc::from(name), Arc::clone(&requests));
    let run = move || match runtime(listener) {
        Ok((runtime, listener)) => {
            let _ = sender.send(Ok(()));
            runtime.block_on(accept(listener, name, counter, stopped));
        }
        Err(error) => drop(sender.send(Err(error))),
    };
    let thread = thread::Builder::new()
        .name(format!("http {address}"))
        .spawn(run)
        .map_err(failed("start", "an HTTP server"))?;
    let started = started
        .recv()
        .map_err(|_| Error::Other("the HTTP server's thread ended".to_owned()))?;
    started.map_err(failed("start", "an HTTP server"))?;
    Ok(Server {
        requests,
        stop: Some(stop),
        thread: Some(thread),
    })
}

fn runtime(
    listener: TcpListener,
) -> std::io::Result<(tokio::runtime::Runtime, tokio::net::TcpListener)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    Ok((runtime, listener))
}

async fn accept(
    listener: tokio::net::TcpListener,
    name: Arc<str>,
    counter: Arc<AtomicUsize>,
    mut stopped: oneshot::Receiver<Infallible>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        let Ok((stream, client)) = accepted else {
            continue;
        };
        let (name, counter) = (Arc::clone(&name), Arc::clone(&counter));
        let answer = service_fn(move |_: Request<Incoming>| {
            counter.fetch_add(1, Ordering::Relaxed);
            let body = Full::new(Bytes::from(format!("{name}\n")));
            async move {
                Response::builder()
                    .header(CLIENT, client.to_string())
                    .body(body)
            }
        });
        // The runtime ends with this server, and its connections with the runtime.
        tokio::spawn(
            http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer),
        );
    }
}

/// Sends `GET /` from the namespace over a new connection, as `curl http://ADDRESS/` does, and waits for the answer for at most `timeout`.
pub fn get(namespace: &Namespace, address: &str, timeout: Duration) -> Result<Answer, Unanswered> {
    namespace.run(|| request(address, timeout))
}

fn request(address: &str, timeout: Duration) -> Result<Answer, Unanswered> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        // The environment's proxy is not in this namespace.
        .proxy(None)
        .max_idle_connections(0)
        .build()
        .into();
    let response = agent
        .get(format!("http://{address}/"))
        .header("connection", "close")
        .call();
    let mut response = response.map_err(unanswered)?;
    let client = response
        .headers()
        .get(CLIENT)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let server = response.body_mut().read_to_string().map_err(unanswered)?;
    match client {
        Some(client) => Ok(Answer {
            server: server.trim_end().to_owned(),
            client,
        }),
        None => Err(Unanswered::Other(format!(
            "some other server answered: {server}"
        ))),
    }
}

fn unanswered(error: ureq::Error) -> Unanswered {
    match error {
        ureq::Error::Timeout(_) => Unanswered::TimedOut,
        ureq::Error::Io(error) => error.into(),
        other => Unanswered::Other(other.to_string()),
    }
}
