//! A file with what is wanted.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};

use crate::Result;

/// A file, or standard input, with a wanted `T`.
pub(crate) struct Source<T> {
    name: OsString,
    parse: fn(&[u8]) -> ipvset::Result<T>,
    /// What was read last.
    text: Option<Vec<u8>>,
}

impl<T> Source<T> {
    pub(crate) fn new(name: OsString, parse: fn(&[u8]) -> ipvset::Result<T>) -> Self {
        Self {
            name,
            parse,
            text: None,
        }
    }

    pub(crate) fn is_input(&self) -> bool {
        self.name == "-"
    }

    /// Reads what is wanted.
    pub(crate) fn read(&mut self) -> Result<T> {
        let wanted = self.read_if_changed()?;
        Ok(wanted.ok_or("the file is read once")?)
    }

    /// Reads what is wanted again. Returns `None` if the text is the same as before. Standard
    /// input never changes.
    pub(crate) fn read_if_changed(&mut self) -> Result<Option<T>> {
        let is_input = self.is_input();
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
        let wanted = (self.parse)(&text);
        self.text = Some(text);
        wanted.map(Some).map_err(|error| self.wrong(&error).into())
    }

    fn wrong(&self, error: &dyn std::error::Error) -> String {
        format!("{}: {error}", self.name.to_string_lossy())
    }
}
