//! A wanted table from the save format.

use std::collections::HashMap;
use std::str::FromStr;

use super::object::Object;
use super::wanted::{WantedServer, WantedService, WantedTable, check_server};
use crate::error::Cause;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::text::{self, WantedLine};
use crate::{Error, Names, Result};

impl WantedTable {
    /// Reads a table in the save format of `ipvsadm -S -n`, with names in place of numbers.
    ///
    /// Empty lines and lines that begin with `#` are skipped. Each other line adds a service
    /// (`-A`) or a server of a service in a line before (`-a`).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with the line and column
    /// ([`Error::position`]):
    /// - a line cannot be read, or does anything else,
    /// - two lines are for the same service or server: the error names the other line,
    /// - a service or server is invalid.
    pub fn parse_with(
        text: &(impl AsRef<[u8]> + ?Sized),
        names: &(dyn Names + Sync),
    ) -> Result<Self> {
        let mut table = Self::new();
        let mut lines = HashMap::new();
        for line in text::wanted(text.as_ref(), names) {
            let line = line?;
            let object = Object::of(&line.operation);
            if let Some(first) = object.and_then(|object| lines.insert(object, line.number)) {
                let why = format!("`{}` is in line {first} already", line.operation);
                return Err(wrong(line.number, why));
            }
            let number = line.number;
            table.add_line(line).map_err(|why| wrong(number, why))?;
        }
        Ok(table)
    }

    fn add_line(&mut self, line: WantedLine) -> Result<(), String> {
        match line.operation {
            Operation::AddService(service) => {
                let service = WantedService::empty(service).map_err(|error| error.reason())?;
                self.insert_service(service).map_err(|error| error.reason())
            }
            Operation::AddServer(key, config) => {
                let server = WantedServer {
                    config,
                    keep_weight: line.keeps_weight,
                };
                check_server(&key, &server).map_err(|error| error.reason())?;
                let service = self
                    .get_mut(&key)
                    .ok_or_else(|| format!("no line before this one adds the service {key}"))?;
                service.push(server);
                Ok(())
            }
            _ => Err("a wanted table has only services (-A) and servers (-a)".into()),
        }
    }
}

fn wrong(line: usize, message: String) -> Error {
    let cause = Cause::Text {
        line,
        column: 1,
        message: message.into(),
    };
    Error::new("read wanted table", cause)
}

impl FromStr for WantedTable {
    type Err = Error;

    /// Does what [`WantedTable::parse_with`] does, without names.
    fn from_str(text: &str) -> Result<Self> {
        Self::parse_with(text, &())
    }
}
