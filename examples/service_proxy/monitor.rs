//! What the proxy says of itself to Prometheus, before the metrics of the kernel.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::http::{Handler, Server};
use crate::kernel::Report;
use crate::metrics::{self, Metrics};

/// Serves the metrics, if there is an address for them.
#[derive(Debug, Default)]
pub struct Monitor {
    figures: Arc<Mutex<Figures>>,
    /// Serves as long as it lives.
    _server: Option<Server>,
}

/// What the proxy counts.
#[derive(Debug, Default)]
struct Figures {
    applications: u64,
    failures: u64,
    drifted: u64,
    services: usize,
    draining: usize,
    last: Option<Last>,
}

/// The last application.
#[derive(Debug)]
struct Last {
    end: SystemTime,
    time: Duration,
    failures: usize,
}

impl Monitor {
    pub fn new(address: Option<SocketAddr>) -> io::Result<Self> {
        let figures = Arc::default();
        let server = match address {
            None => None,
            Some(address) => {
                let figures = Arc::clone(&figures);
                let write = move |output: &mut dyn Write| {
                    lock(&figures).write(&mut Metrics::new(output))?;
                    metrics::write(output)
                };
                let mut server = Server::start()?;
                server.serve(
                    address,
                    Handler::Text(metrics::CONTENT_TYPE, Arc::new(write)),
                )?;
                Some(server)
            }
        };
        Ok(Self {
            figures,
            _server: server,
        })
    }

    /// Enters an application of what is wanted.
    pub fn applied(&self, report: &Report, services: usize, draining: usize) {
        let mut figures = lock(&self.figures);
        figures.applications += 1;
        figures.services = services;
        figures.last = Some(Last {
            end: SystemTime::now(),
            time: report.time,
            failures: report.failures.len(),
        });
        figures.enter(report, draining);
    }

    /// Enters a look at the virtual services.
    pub fn looked(&self, report: &Report, draining: usize) {
        lock(&self.figures).enter(report, draining);
    }
}

/// Locks the figures, which are whole at any time.
fn lock(figures: &Mutex<Figures>) -> std::sync::MutexGuard<'_, Figures> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Figures {
    fn enter(&mut self, report: &Report, draining: usize) {
        self.failures += report.failures.len() as u64;
        self.drifted += report.drifted as u64;
        self.draining = draining;
    }

    fn write(&self, metrics: &mut Metrics<'_>) -> io::Result<()> {
        let counters = [
            (
                "service_proxy_applications_total",
                "How often what is wanted was applied.",
                self.applications,
            ),
            (
                "service_proxy_failures_total",
                "The number of failures.",
                self.failures,
            ),
            (
                "service_proxy_drift_total",
                "How many services and servers another program had changed.",
                self.drifted,
            ),
        ];
        for (name, help, value) in counters {
            metrics.begin(name, "counter", help)?;
            metrics.sample(&[], &value)?;
        }
        let gauges = [
            (
                "service_proxy_services",
                "The number of Services of the cluster.",
                self.services,
            ),
            (
                "service_proxy_draining_servers",
                "How many servers drain.",
                self.draining,
            ),
        ];
        for (name, help, value) in gauges {
            metrics.begin(name, "gauge", help)?;
            metrics.sample(&[], &value)?;
        }
        let Some(last) = &self.last else {
            return Ok(());
        };
        let since = last.end.duration_since(SystemTime::UNIX_EPOCH);
        let of_last = [
            (
                "service_proxy_last_application_timestamp_seconds",
                "When the last application ended.",
                since.unwrap_or_default().as_secs_f64(),
            ),
            (
                "service_proxy_last_application_seconds",
                "How long the last application took.",
                last.time.as_secs_f64(),
            ),
            (
                "service_proxy_last_application_failures",
                "How many failures the last application had.",
                last.failures as f64,
            ),
        ];
        for (name, help, value) in of_last {
            metrics.begin(name, "gauge", help)?;
            metrics.sample(&[], &value)?;
        }
        Ok(())
    }
}
