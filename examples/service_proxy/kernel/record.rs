//! The file that says what the proxy did to this node.
//!
//! Each line is a JSON document that says what applies to one virtual service, or to the settings,
//! from there on. So a change of one service is written in the same time whatever the number of
//! services. When most lines no longer apply, the file is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use ipvset::ipvs::ServiceKey;
use ipvset::ipvs::plan::{Record, RecordedService};
use serde::{Deserialize, Serialize};

/// The values that settings had before the proxy changed them, for `--cleanup`.
pub type Before = BTreeMap<String, String>;

/// The file. A program that was restarted goes on from it.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What settings were before.
    sysctls: Before,
    /// The file, once this program has written to it.
    file: Option<File>,
    /// How long the file is, without a line that was not written to its end.
    length: u64,
    /// How many lines it had when all of them applied.
    whole: usize,
    /// How many lines came since.
    since: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A virtual service and its servers, and when drains end.
    Ipvs(RecordedService),
    Sysctls(Before),
}

/// This many lines may come, and as many as there were, until the file is written anew.
const MANY: usize = 1_000;

impl RecordFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            state: Arc::default(),
        }
    }

    /// Reads the file. One that does not exist is that of a program that did nothing yet.
    pub fn read(&self) -> io::Result<Record> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| self.explain(error))?,
        };
        // A line without an end was being written when the program was killed.
        let length = text.rfind('\n').map_or(0, |it| it + 1);
        let (mut record, mut state) = (Record::new(), State::default());
        for line in text[..length].lines() {
            state.since += 1;
            match serde_json::from_str(line) {
                Ok(Line::Ipvs(service)) => record.enter(service),
                Ok(Line::Sysctls(before)) => state.sysctls = before,
                Err(error) => return Err(self.explain(error.into())),
            }
        }
        state.length = length as u64;
        *self.state() = state;
        Ok(record)
    }

    /// Saves what the record says of some services.
    pub fn save(&self, record: &Record, services: &BTreeSet<ServiceKey>) -> io::Result<()> {
        let mut state = self.state();
        let saved = if state.since + services.len() > state.whole + MANY {
            self.write(&mut state, record)
        } else {
            let lines = services.iter().map(|it| Line::Ipvs(record.service(it)));
            self.append(&mut state, lines)
        };
        saved.map_err(|error| self.explain(error))
    }

    /// Replaces the file at once: another program sees the old one or the new one.
    fn write(&self, state: &mut State, record: &Record) -> io::Result<()> {
        let services = record.services().map(|it| Line::Ipvs(record.service(it)));
        let lines = services.chain([Line::Sysctls(state.sysctls.clone())]);
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        let count = write_lines(&mut file, lines)?;
        fs::rename(&new, &self.path)?;
        state.length = file.stream_position()?;
        (state.whole, state.since) = (count, 0);
        state.file = Some(file);
        Ok(())
    }

    fn append(&self, state: &mut State, lines: impl Iterator<Item = Line>) -> io::Result<()> {
        let mut file = match state.file.take() {
            Some(file) => file,
            None => {
                let file = File::options().append(true).create(true).open(&self.path)?;
                file.set_len(state.length)?;
                file
            }
        };
        let count = write_lines(&mut file, lines)?;
        state.length = file.stream_position()?;
        state.since += count;
        state.file = Some(file);
        Ok(())
    }

    pub fn remove(&self) -> io::Result<()> {
        *self.state() = State::default();
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.explain(error)),
            _ => Ok(()),
        }
    }

    /// Returns what settings were before.
    pub fn sysctls(&self) -> Before {
        self.state().sysctls.clone()
    }

    /// Saves what settings were before.
    pub fn save_sysctls(&self, before: Before) -> io::Result<()> {
        let mut state = self.state();
        if state.sysctls == before {
            return Ok(());
        }
        state.sysctls = before.clone();
        let saved = self.append(&mut state, [Line::Sysctls(before)].into_iter());
        saved.map_err(|error| self.explain(error))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }

    fn explain(&self, error: io::Error) -> io::Error {
        io::Error::new(
            error.kind(),
            format!("record {}: {error}", self.path.display()),
        )
    }
}

/// Writes lines, and returns their number.
fn write_lines(file: &mut File, lines: impl Iterator<Item = Line>) -> io::Result<usize> {
    let (mut file, mut count) = (BufWriter::new(file), 0);
    for line in lines {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
        count += 1;
    }
    file.flush()?;
    Ok(count)
}
