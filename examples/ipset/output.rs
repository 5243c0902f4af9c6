//! The output of listings: standard output, or a file that is replaced completely or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use crate::complaint::{Complaint, io_text, said};

pub enum Output {
    Standard(io::Stdout),
    /// A device or a pipe, which cannot be replaced.
    Special(File),
    File(Replacement),
}

/// A temporary file in the folder of the file that it replaces when it is finished.
pub struct Replacement {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Output {
    pub fn open(path: Option<&OsStr>) -> Result<Self, Complaint> {
        let Some(path) = path else {
            return Ok(Self::Standard(io::stdout()));
        };
        Self::of_file(Path::new(path)).map_err(|error| {
            let behind = format!(" for writing: {}", io_text(&error));
            let path = path.as_encoded_bytes();
            Complaint::new(said(b"Cannot open ", path, behind.as_bytes()))
        })
    }

    fn of_file(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                Ok(Self::Special(file))
            }
            // Keeps a symbolic link and replaces its target.
            Ok(there) => Replacement::beside(fs::canonicalize(path)?, Some(&there)).map(Self::File),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Replacement::beside(path.to_owned(), None).map(Self::File)
            }
            Err(error) => Err(error),
        }
    }

    /// Completes the output after everything is written.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush(),
            Self::Special(_) => Ok(()),
            Self::File(replacement) => replacement.finish(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Special(file) => file.write(bytes),
            Self::File(replacement) => replacement.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Replacement {
    /// Creates a temporary file in the folder of `path`. `there` is the metadata of the file that it
    /// will replace.
    fn beside(path: PathBuf, there: Option<&fs::Metadata>) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create_new(&temporary)?;
        let replacement = Self {
            file,
            temporary,
            path,
            done: false,
        };
        if let Some(there) = there {
            // Only root can change the owner. The content matters more, so a failure is ignored.
            let _ = chown(&replacement.temporary, Some(there.uid()), Some(there.gid()));
            replacement.file.set_permissions(there.permissions())?;
        }
        Ok(replacement)
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
