//! The file with the wanted table.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};

use ipvset::ipvs::plan::WantedTable;

use crate::Result;

/// A file, or standard input.
pub(crate) struct Source {
    name: OsString,
    /// What was read last.
    text: Option<Vec<u8>>,
}

impl Source {
    pub(crate) fn new(name: OsString) -> Self {
        Self { name, text: None }
    }

    /// Reads the wanted table.
    pub(crate) fn read(&mut self) -> Result<WantedTable> {
        let table = self.read_if_changed()?;
        Ok(table.ok_or("the file is read once")?)
    }

    /// Reads the wanted table again. Returns `None` if the text is the same as before. Standard
    /// input never changes.
    pub(crate) fn read_if_changed(&mut self) -> Result<Option<WantedTable>> {
        let is_input = self.name == "-";
        if is_input && self.text.is_some() {
            return Ok(None);
        }
        let text = match is_input {
            true => {
                let mut text = Vec::new();
                io::stdin().read_to_end(&mut text).map(|_| text)
            }
            false => fs::read(&self.name),
        };
        let text = text.map_err(|error| self.wrong(&error))?;
        if self.text.as_ref() == Some(&text) {
            return Ok(None);
        }
        let table = WantedTable::parse_with(&text, &());
        self.text = Some(text);
        table.map(Some).map_err(|error| self.wrong(&error).into())
    }

    fn wrong(&self, error: &dyn std::error::Error) -> String {
        format!("{}: {error}", self.name.to_string_lossy())
    }
}
