//! Reads lines as operations.

mod line;
mod server;
mod service;

use std::str::FromStr;
use std::time::Duration;

use line::{Line, number, split};

use super::options::{Command, Setting, command};
use super::words::{Word, Words};
use crate::Names;
use crate::ipvs::model::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::operation::Operation;
use crate::ipvs::model::server::RealServer;
use crate::ipvs::model::service::VirtualService;
use crate::ipvs::model::timeouts::Timeouts;
use crate::{Error, Result};

/// Reads the operation of a line.
pub(super) fn operation(
    line: &str,
    number: usize,
    names: &(dyn Names + Sync),
) -> Result<Operation> {
    let (_, command, mut positional) = begin(line, number)?;
    match command {
        Command::SetTimeouts => {
            let timeouts = Timeouts {
                tcp: positional.seconds()?,
                tcp_fin: positional.seconds()?,
                udp: positional.seconds()?,
            };
            positional.end()?;
            Ok(Operation::SetTimeouts(timeouts))
        }
        Command::StartDaemon => {
            let role = positional.role()?;
            let line = Line::read(positional.rest()?, Some(command), names)?;
            Ok(Operation::StartDaemon(line.daemon(role)?))
        }
        Command::StopDaemon => {
            let role = positional.role()?;
            positional.end()?;
            Ok(Operation::StopDaemon(role))
        }
        command => Line::read(positional.rest()?, Some(command), names)?.operation(command),
    }
}

/// Reads a line of a wanted table: the operation, and whether it has `--keep-weight`.
pub(super) fn wanted(
    line: &str,
    number: usize,
    names: &(dyn Names + Sync),
) -> Result<(Operation, bool)> {
    let (first, command, positional) = begin(line, number)?;
    let command = match command {
        Command::AddService => Command::AddService,
        Command::AddServer => Command::WantServer,
        _ => {
            let why = "a wanted table contains only `-A` and `-a`";
            return Err(positional.words.wrong(first, why));
        }
    };
    let line = Line::read(positional.rest()?, Some(command), names)?;
    let keeps_weight = line.get(Setting::KeepWeight).is_some();
    Ok((line.operation(command)?, keeps_weight))
}

/// Reads the command of a line, which is its first word.
fn begin(line: &str, number: usize) -> Result<(Word<'_>, Command, Positional<'_>)> {
    let mut words = Words::new(line, number);
    let first = words
        .next()
        .ok_or_else(|| words.wrong_line("a command is missing"))?;
    let (name, value) = split(first);
    let command = command(name.text)
        .ok_or_else(|| words.wrong(first, format!("`{}` is not a command", first.text)))?;
    Ok((first, command, Positional { words, value }))
}

/// The values that follow a command and have no option.
struct Positional<'a> {
    words: Words<'a>,
    /// A value that is in the same word as the command.
    value: Option<Word<'a>>,
}

impl<'a> Positional<'a> {
    fn value(&mut self, what: &str) -> Result<Word<'a>> {
        self.value
            .take()
            .or_else(|| self.words.next())
            .ok_or_else(|| self.words.wrong_end(format!("{what} is missing")))
    }

    /// Reads a timeout. The tool writes 0 to leave a timeout unchanged.
    fn seconds(&mut self) -> Result<Option<Duration>> {
        let word = self.value("a timeout")?;
        let seconds: u32 = number(&self.words, word)?;
        Ok((seconds != 0).then(|| Duration::from_secs(seconds.into())))
    }

    fn role(&mut self) -> Result<SyncRole> {
        let word = self.value("`master` or `backup`")?;
        match word.text {
            "master" => Ok(SyncRole::Master),
            "backup" => Ok(SyncRole::Backup),
            other => Err(self
                .words
                .wrong(word, format!("`{other}` is neither `master` nor `backup`"))),
        }
    }

    fn rest(self) -> Result<Words<'a>> {
        match self.value {
            None => Ok(self.words),
            Some(word) => Err(self.words.wrong(word, "the command takes no value")),
        }
    }

    fn end(self) -> Result<()> {
        let mut words = self.rest()?;
        match words.next() {
            None => Ok(()),
            Some(word) => Err(words.wrong(word, format!("`{}` is one value too many", word.text))),
        }
    }
}

impl Line<'_> {
    fn operation(&self, command: Command) -> Result<Operation> {
        let if_present = self.get(Setting::IfPresent).is_some();
        Ok(match command {
            Command::AddService => Operation::AddService(self.service()?),
            Command::EditService => Operation::UpdateService(self.service()?),
            Command::PutService => Operation::PutService(self.service()?),
            Command::DeleteService if if_present => Operation::RemoveServiceIfPresent(self.key()?),
            Command::DeleteService => Operation::RemoveService(self.key()?),
            Command::AddServer | Command::WantServer => {
                let key = self.key()?;
                Operation::AddServer(key, self.server(Some(&key))?)
            }
            Command::EditServer => {
                let key = self.key()?;
                Operation::UpdateServer(key, self.server(Some(&key))?)
            }
            Command::PutServer => {
                let key = self.key()?;
                Operation::PutServer(key, self.server(Some(&key))?)
            }
            Command::DeleteServer => {
                let key = self.key()?;
                let address = self.server_address(Some(&key))?;
                if if_present {
                    Operation::RemoveServerIfPresent(key, address)
                } else {
                    Operation::RemoveServer(key, address)
                }
            }
            Command::Clear => Operation::Flush,
            Command::Zero if self.is_empty() => Operation::Zero,
            Command::Zero => Operation::ZeroService(self.key()?),
            Command::SetTimeouts | Command::StartDaemon | Command::StopDaemon => {
                return Err(self.words.wrong_line("the command takes values"));
            }
        })
    }

    fn daemon(&self, role: SyncRole) -> Result<SyncDaemon> {
        let interface = self.value(Setting::Interface);
        let interface = interface.map_or(SyncDaemon::DEFAULT_INTERFACE, |it| it.text);
        Ok(SyncDaemon {
            role,
            interface: interface.into(),
            sync_id: self.number(Setting::SyncId)?.unwrap_or(0),
            max_length: self.number(Setting::MaxLength)?,
            group: self.number(Setting::Group)?,
            port: self.number(Setting::Port)?,
            ttl: self.number(Setting::Ttl)?,
        })
    }
}

impl FromStr for Operation {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        operation(line, 1, &())
    }
}

impl FromStr for ServiceKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Line::read(Words::new(text, 1), Some(Command::Zero), &())?.key()
    }
}

impl FromStr for VirtualService {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Line::read(Words::new(text, 1), Some(Command::AddService), &())?.service()
    }
}

impl FromStr for RealServer {
    type Err = Error;

    /// Reads a server without its service. A missing port is 0, because the service's port is
    /// unknown.
    fn from_str(text: &str) -> Result<Self> {
        let line = Line::read(Words::new(text, 1), Some(Command::AddServer), &())?;
        if let Some(service) = line.at(Setting::Tcp) {
            let why = "the text of a server does not contain its service";
            return Err(line.words.wrong(service.name, why));
        }
        line.server(None)
    }
}

impl FromStr for SyncDaemon {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut positional = Positional {
            words: Words::new(text, 1),
            value: None,
        };
        let role = positional.role()?;
        Line::read(positional.rest()?, Some(Command::StartDaemon), &())?.daemon(role)
    }
}
