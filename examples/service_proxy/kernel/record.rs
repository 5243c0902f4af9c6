//! The file that says what the proxy did to this node.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use ipvset::ipvs::plan::Record;
use serde::{Deserialize, Serialize};

use super::sysctls::Before;

/// The file. A program that was restarted goes on from it.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
    /// What settings were before. It is part of what the file says.
    sysctls: Arc<Mutex<Before>>,
    /// What the file says, if that is known. It is not written again.
    written: Arc<Mutex<Option<(Record, Before)>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Content {
    /// Virtual services and servers, and when drains end.
    ipvs: Record,
    sysctls: Before,
}

#[derive(Serialize)]
struct ContentRef<'a> {
    ipvs: &'a Record,
    sysctls: &'a Before,
}

impl RecordFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sysctls: Arc::default(),
            written: Arc::default(),
        }
    }

    /// Reads the file. One that does not exist is that of a program that did nothing yet.
    pub fn read(&self) -> io::Result<Record> {
        let content: Content = match fs::read(&self.path) {
            Ok(json) => {
                let content: Content =
                    serde_json::from_slice(&json).map_err(|error| self.explain(error.into()))?;
                let written = (content.ipvs.clone(), content.sysctls.clone());
                *self.written() = Some(written);
                content
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(self.explain(error)),
        };
        self.change_sysctls(|sysctls| *sysctls = content.sysctls);
        Ok(content.ipvs)
    }

    /// Replaces the file at once, unless it says this already: another program sees the old one or the
    /// new one.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let sysctls = self.change_sysctls(|sysctls| sysctls.clone());
        let mut written = self.written();
        if matches!(&*written, Some((ipvs, before)) if ipvs == record && *before == sysctls) {
            return Ok(());
        }
        let content = ContentRef {
            ipvs: record,
            sysctls: &sysctls,
        };
        let write = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(&content)?)?;
            fs::rename(&new, &self.path)
        };
        *written = None;
        write().map_err(|error| self.explain(error))?;
        *written = Some((record.clone(), sysctls));
        Ok(())
    }

    pub fn remove(&self) -> io::Result<()> {
        *self.written() = None;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.explain(error)),
            _ => Ok(()),
        }
    }

    /// Calls a function with what settings were before. The next [`RecordFile::write`] saves it.
    pub fn change_sysctls<T>(&self, change: impl FnOnce(&mut Before) -> T) -> T {
        change(&mut self.sysctls.lock().expect("no thread panics with it"))
    }

    fn written(&self) -> MutexGuard<'_, Option<(Record, Before)>> {
        self.written.lock().expect("no thread panics with it")
    }

    fn explain(&self, error: io::Error) -> io::Error {
        io::Error::new(
            error.kind(),
            format!("record {}: {error}", self.path.display()),
        )
    }
}
