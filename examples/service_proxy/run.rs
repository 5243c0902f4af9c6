//! Follows the inputs, and applies what they say.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ipvset::Family;

use crate::cluster::Cluster;
use crate::gather::Gather;
use crate::health::HealthChecks;
use crate::input::{self, Event};
use crate::kernel::{Kernel, Report};
use crate::monitor::Monitor;
use crate::options::{Mode, Run};
use crate::signals::{self, Asked};
use crate::translate::Wanted;

/// What the threads tell the one that applies.
enum Message {
    Event(usize, Box<Event>),
    /// An input ended, perhaps with an error.
    Ended(usize, io::Result<()>),
    Asked(Asked),
}

/// How many events wait while something is applied. Then the inputs wait.
const WAITING: usize = 4096;
/// After a failure, all is tried again this much later, and then twice as late each time.
const RETRY: Duration = Duration::from_secs(1);
const SLOWEST_RETRY: Duration = Duration::from_secs(60);

struct Proxy {
    kernel: Kernel,
    wanted: Wanted,
    cluster: Cluster,
    health: Option<HealthChecks>,
    monitor: Monitor,
    gather: Gather,
    mode: Mode,
    /// Whether the next application compares everything with the kernel.
    full: bool,
    /// Whether an input has named an object.
    has_objects: bool,
    /// Whether the last application failed.
    failed: bool,
    /// Whether something that an input said was not understood, or an input could not be read.
    misread: bool,
    retry: Option<(Instant, Duration)>,
    look: Option<Instant>,
}

/// Runs until the input ends (`--once`) or a signal asks to stop. Returns true if all went well.
pub fn run(options: Run) -> Result<bool, Box<dyn Error>> {
    let Run {
        node,
        settings,
        setup,
        mode,
        metrics,
        files,
    } = options;
    let (sender, messages) = sync_channel(WAITING);
    let asked = sender.clone();
    signals::watch(move |it| asked.send(Message::Asked(it)).is_ok())?;
    let has_ipv6 = setup.families.contains(&Family::Ipv6);
    let health = match mode.dry_run {
        true => None,
        false => Some(HealthChecks::new(has_ipv6)?),
    };
    let kernel = Kernel::open(setup)?;
    let inputs = start_inputs(files, &sender)?;
    let mut proxy = Proxy {
        look: None,
        kernel,
        wanted: Wanted::new(node, settings)?,
        cluster: Cluster::default(),
        health,
        monitor: Monitor::new(metrics)?,
        gather: Gather::new(inputs, mode.once),
        mode,
        full: true,
        has_objects: false,
        failed: false,
        misread: false,
        retry: None,
    };
    proxy.follow(&messages)?;
    let misread = mode.once && proxy.misread;
    Ok(!proxy.failed && !misread)
}

/// Starts a thread for each input, and returns their number.
fn start_inputs(files: Vec<PathBuf>, sender: &SyncSender<Message>) -> io::Result<usize> {
    let inputs: Vec<Option<PathBuf>> = match files.is_empty() {
        true => vec![None],
        false => files.into_iter().map(Some).collect(),
    };
    let count = inputs.len();
    for (input, file) in inputs.into_iter().enumerate() {
        let sender = sender.clone();
        let read = move || {
            // A pipe is opened when its other end is.
            let source: io::Result<Box<dyn Read>> = match &file {
                None => Ok(Box::new(io::stdin())),
                Some(path) => File::open(path)
                    .map(|it| Box::new(it) as _)
                    .map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    }),
            };
            let ended = source.and_then(|source| {
                input::read(source, |event| {
                    // The program ends where nobody listens.
                    let _ = sender.send(Message::Event(input, Box::new(event)));
                })
            });
            let _ = sender.send(Message::Ended(input, ended));
        };
        thread::Builder::new()
            .name(format!("input {input}"))
            .spawn(read)?;
    }
    Ok(count)
}

impl Proxy {
    fn follow(&mut self, messages: &Receiver<Message>) -> Result<(), Box<dyn Error>> {
        loop {
            let now = Instant::now();
            let due = |time: Option<Instant>| time.is_some_and(|it| it <= now);
            let retry = self.retry.map(|(time, _)| time);
            if due(self.gather.due()) || due(retry) {
                self.apply()?;
                if self.mode.once && self.gather.has_ended() {
                    return Ok(());
                }
                continue;
            }
            if due(self.look) {
                self.look();
                continue;
            }
            let next = [self.gather.due(), retry, self.look];
            let message = match next.into_iter().flatten().min() {
                Some(time) => messages.recv_timeout(time.saturating_duration_since(now)),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Event(input, event)) => self.enter(input, *event),
                Ok(Message::Ended(input, ended)) => self.end(input, ended),
                Ok(Message::Asked(Asked::Stop)) => return Ok(()),
                Ok(Message::Asked(Asked::Look)) => {
                    self.full = true;
                    self.gather.hurry();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn enter(&mut self, input: usize, event: Event) {
        self.has_objects |= matches!(event, Event::Put { .. } | Event::Misread(_));
        match event {
            Event::ListBegins => self.gather.list_begins(input),
            Event::ListEnds => self.gather.list_ends(input),
            Event::Broken { .. } | Event::ServerError(_) => {}
            Event::Put { .. } | Event::Delete { .. } | Event::Misread(_) => self.gather.hear(input),
        }
        if let Some(text) = self.cluster.enter(input, event) {
            eprintln!("input {}: {text}", input + 1);
            self.misread = true;
        }
    }

    fn end(&mut self, input: usize, ended: io::Result<()>) {
        self.gather.end(input, ended.is_err());
        if let Err(error) = ended {
            eprintln!("input {}: {error}", input + 1);
            self.misread = true;
        }
        if self.gather.has_ended() && !self.mode.once {
            println!("the input has ended; what it said stays applied until a signal comes");
        }
    }

    /// Returns why nothing can be applied yet.
    fn obstacle(&self) -> Option<String> {
        match self.gather.missing().next() {
            Some(input) => Some(format!("input {} did not say everything", input + 1)),
            None if !self.has_objects => Some("the input names no object".into()),
            None => None,
        }
    }

    fn apply(&mut self) -> Result<(), Box<dyn Error>> {
        self.retry = self.retry.map(|(_, pause)| (Instant::now() + pause, pause));
        if let Some(reason) = self.obstacle() {
            eprintln!("{reason}, so nothing is changed");
            self.gather.skip();
            self.failed |= self.mode.once;
            return Ok(());
        }
        self.gather.done();
        for note in self.wanted.follow(&mut self.cluster) {
            eprintln!("{note}");
        }
        if self.mode.dry_run {
            print!("{}", self.kernel.describe(&mut self.wanted)?);
            return Ok(());
        }
        let mut report = Report::default();
        self.look = Some(self.kernel.apply(&mut self.wanted, self.full, &mut report));
        if let Some(health) = &mut self.health {
            report
                .failures
                .extend(health.follow(&self.wanted.health_checks));
        }
        self.full = false;
        let (services, draining) = (self.wanted.services(), self.kernel.draining());
        self.monitor.applied(&report, services, draining);
        println!("{services} Services; {report}");
        self.tell(&report);
        self.failed = !report.failures.is_empty();
        self.retry = self.failed.then(|| {
            let pause = self
                .retry
                .map_or(RETRY, |(_, pause)| SLOWEST_RETRY.min(pause * 2));
            (Instant::now() + pause, pause)
        });
        Ok(())
    }

    fn look(&mut self) {
        let mut report = Report::default();
        self.look = Some(self.kernel.look(&mut self.wanted, &mut report));
        self.monitor.looked(&report, self.kernel.draining());
        if !report.is_unchanged() {
            println!("looked: {report}");
        }
        self.tell(&report);
    }

    fn tell(&self, report: &Report) {
        for failure in &report.failures {
            eprintln!("{failure}");
        }
    }
}
