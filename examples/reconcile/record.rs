//! The file that keeps the record between two runs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use ipvset::ipvs::plan::Record;

use crate::Result;

/// Reads the record. If there is no file, nothing was applied before.
pub(crate) fn load(path: &Path) -> Result<Record> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Record::new()),
        text => text.map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let record = serde_json::from_slice(&text);
    Ok(record.map_err(|error| format!("{} is not a record: {error}", path.display()))?)
}

/// Writes the record beside the file and renames it into place, so that there is a whole record
/// at any moment.
pub(crate) fn save(path: &Path, record: &Record) -> io::Result<()> {
    let mut beside = OsString::from(path);
    beside.push(".new");
    write(Path::new(&beside), record)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn write(path: &Path, record: &Record) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    file.sync_all()
}
