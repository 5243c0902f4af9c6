//! Lines as operations.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::options::{Command, Setting, Takes, command, setting};
use super::print::flag_names;
use super::words::{Word, Words};
use crate::ipvs::daemon::{SyncDaemon, SyncRole};
use crate::ipvs::key::{Family, Protocol, ServiceKey};
use crate::ipvs::operation::Operation;
use crate::ipvs::persistence::Persistence;
use crate::ipvs::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::server::{ForwardingMethod, RealServer};
use crate::ipvs::service::VirtualService;
use crate::ipvs::timeouts::Timeouts;
use crate::ipvs::tunnel::{Tunnel, TunnelFlags};
use crate::{Error, Result};

/// The operation that a line stands for.
pub(super) fn operation(line: &str, number: usize) -> Result<Operation> {
    let mut words = Words::new(line, number);
    let first = words
        .next()
        .ok_or_else(|| words.wrong_line("a command is missing"))?;
    let (name, value) = split(first);
    let command = command(name.text)
        .ok_or_else(|| words.wrong(first, format!("`{}` is no command", first.text)))?;
    let mut positional = Positional { words, value };
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
            let line = Line::read(positional.rest()?, Some(command))?;
            Ok(Operation::StartDaemon(line.daemon(role)?))
        }
        Command::StopDaemon => {
            let role = positional.role()?;
            positional.end()?;
            Ok(Operation::StopDaemon(role))
        }
        command => Line::read(positional.rest()?, Some(command))?.operation(command),
    }
}

/// The values that stand behind a command by their place alone.
struct Positional<'a> {
    words: Words<'a>,
    /// One that is in the same word as the command.
    value: Option<Word<'a>>,
}

impl<'a> Positional<'a> {
    fn value(&mut self, what: &str) -> Result<Word<'a>> {
        self.value
            .take()
            .or_else(|| self.words.next())
            .ok_or_else(|| self.words.wrong_end(format!("{what} is missing")))
    }

    /// Zero is the tool's way to leave a timeout as it is.
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
            Some(word) => Err(words.wrong(word, format!("`{}` is too much", word.text))),
        }
    }
}

/// An option as it stands in a line.
#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    setting: Setting,
    /// The option itself.
    name: Word<'a>,
    value: Option<Word<'a>>,
    /// A second value: the address behind a protocol's number.
    second: Option<Word<'a>>,
}

/// The options of a line.
struct Line<'a> {
    words: Words<'a>,
    given: Vec<Given<'a>>,
}

/// An option without its value, and the value in the same word: `--weight=5`, `-w5`.
fn split(word: Word<'_>) -> (Word<'_>, Option<Word<'_>>) {
    let text = word.text;
    let end = if text.starts_with("--") {
        text.find('=')
    } else {
        text.char_indices().nth(2).map(|(at, _)| at)
    };
    let Some(end) = end else {
        return (word, None);
    };
    let name = Word {
        text: text.get(..end).unwrap_or(text),
        ..word
    };
    let skip = usize::from(text.starts_with("--"));
    (name, Some(word.after(end + skip)))
}

impl<'a> Line<'a> {
    fn read(mut words: Words<'a>, command: Option<Command>) -> Result<Self> {
        let mut given: Vec<Given<'a>> = Vec::new();
        while let Some(word) = words.next() {
            let (name, attached) = split(word);
            let (setting, takes) = setting(name.text)
                .ok_or_else(|| words.wrong(name, format!("`{}` is no option", name.text)))?;
            if command.is_some_and(|command| !setting.goes_with(command)) {
                return Err(words.wrong(
                    name,
                    format!("`{}` does not go with this command", name.text),
                ));
            }
            if let Some(other) = given
                .iter()
                .find(|it| it.setting.place() == setting.place())
            {
                return Err(words.wrong(
                    name,
                    format!("`{}` can't stand beside `{}`", name.text, other.name.text),
                ));
            }
            let value = match (takes, attached) {
                (Takes::Nothing, None) => None,
                (Takes::Nothing, Some(value)) => {
                    return Err(words.wrong(value, format!("`{}` takes no value", name.text)));
                }
                (_, Some(value)) => Some(value),
                (Takes::Value, None) => Some(words.next().ok_or_else(|| {
                    words.wrong_end(format!("the value of `{}` is missing", name.text))
                })?),
                (Takes::ValueOrNothing, None) => words
                    .peek()
                    .filter(|it| !it.text.starts_with('-'))
                    .and_then(|_| words.next()),
            };
            let second = if setting == Setting::Protocol {
                Some(
                    words
                        .next()
                        .ok_or_else(|| words.wrong_end("the address of the service is missing"))?,
                )
            } else {
                None
            };
            given.push(Given {
                setting,
                name,
                value,
                second,
            });
        }
        Ok(Self { words, given })
    }

    fn operation(&self, command: Command) -> Result<Operation> {
        let if_present = self.get(Setting::IfPresent).is_some();
        Ok(match command {
            Command::AddService => Operation::AddService(self.service()?),
            Command::EditService => Operation::UpdateService(self.service()?),
            Command::PutService => Operation::PutService(self.service()?),
            Command::DeleteService if if_present => Operation::RemoveServiceIfPresent(self.key()?),
            Command::DeleteService => Operation::RemoveService(self.key()?),
            Command::AddServer => {
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
            Command::Zero if self.given.is_empty() => Operation::Zero,
            Command::Zero => Operation::ZeroService(self.key()?),
            Command::SetTimeouts | Command::StartDaemon | Command::StopDaemon => {
                return Err(self.words.wrong_line("the command takes values"));
            }
        })
    }

    fn get(&self, setting: Setting) -> Option<&Given<'a>> {
        self.given.iter().find(|it| it.setting == setting)
    }

    /// The option that was given of those that share a place.
    fn at(&self, place: Setting) -> Option<&Given<'a>> {
        self.given.iter().find(|it| it.setting.place() == place)
    }

    fn value(&self, setting: Setting) -> Option<Word<'a>> {
        self.get(setting).and_then(|it| it.value)
    }

    fn number<N: FromStr>(&self, setting: Setting) -> Result<Option<N>> {
        self.value(setting)
            .map(|word| number(&self.words, word))
            .transpose()
    }

    fn key(&self) -> Result<ServiceKey> {
        let ipv6 = self.get(Setting::Ipv6);
        let given = self.at(Setting::Tcp).ok_or_else(|| {
            self.words
                .wrong_line("a service (`-t`, `-u`, …) is missing")
        })?;
        let value = given.value.unwrap_or(given.name);
        if given.setting == Setting::Mark {
            let family = match ipv6 {
                None => Family::Ipv4,
                Some(_) => Family::Ipv6,
            };
            return Ok(ServiceKey::firewall_mark(self.mark(value)?, family));
        }
        let protocol = match given.setting {
            Setting::Tcp => Protocol::TCP,
            Setting::Udp => Protocol::UDP,
            Setting::Sctp => Protocol::SCTP,
            _ => Protocol::from_number(number(&self.words, value)?),
        };
        let address = self.address(given.second.unwrap_or(value), 0)?;
        if let Some(given) = ipv6.filter(|_| address.is_ipv4()) {
            let why = "the service's address is an IPv4 address";
            return Err(self.words.wrong(given.name, why));
        }
        Ok(ServiceKey::address(protocol, address))
    }

    /// The tool prints a mark from 2,147,483,648 on as a negative number.
    fn mark(&self, word: Word<'_>) -> Result<NonZeroU32> {
        let negative = word.text.parse::<i32>().ok().filter(|it| *it < 0);
        let mark = match negative {
            Some(mark) => mark as u32,
            None => number(&self.words, word)?,
        };
        NonZeroU32::new(mark).ok_or_else(|| self.words.wrong(word, "a firewall mark is not 0"))
    }

    /// An address with a port, or without one, which is `port` then.
    fn address(&self, word: Word<'_>, port: u16) -> Result<SocketAddr> {
        let text = word.text;
        let bare = text
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(text);
        text.parse()
            .or_else(|_| bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, port)))
            .map_err(|_| {
                let why = format!("`{text}` is no numeric address with or without a port");
                self.words.wrong(word, why)
            })
    }

    fn service(&self) -> Result<VirtualService> {
        let mut service = VirtualService::new(self.key()?);
        if let Some(word) = self.value(Setting::Scheduler) {
            service.scheduler = Scheduler::new(word.text).map_err(|it| self.at_word(word, &it))?;
        }
        if self.get(Setting::Persistent).is_some() {
            let seconds: Option<u32> = self.number(Setting::Persistent)?;
            service = service.persistent(seconds.map_or(Persistence::DEFAULT_TIMEOUT, |it| {
                Duration::from_secs(it.into())
            }));
        }
        if let Some(word) = self.value(Setting::Netmask) {
            if service.persistence.is_none() {
                return Err(self.words.wrong(word, "a netmask goes with `-p`"));
            }
            service = match service.key.family() {
                Family::Ipv4 => service.persistence_mask(number(&self.words, word)?),
                Family::Ipv6 => service.persistence_granularity(number(&self.words, word)?),
            };
        }
        if let Some(word) = self.value(Setting::Engine) {
            let engine = PersistenceEngine::new(word.text);
            service.persistence_engine = Some(engine.map_err(|it| self.at_word(word, &it))?);
        }
        service.one_packet = self.get(Setting::OnePacket).is_some();
        if let Some(word) = self.value(Setting::Flags) {
            service.scheduler_flags = self.flags(word, service.scheduler)?;
        }
        Ok(service)
    }

    fn flags(&self, word: Word<'_>, scheduler: Scheduler) -> Result<SchedulerFlags> {
        let names = flag_names(scheduler);
        let mut flags = SchedulerFlags::empty();
        let mut start = 0;
        for name in word.text.split(',') {
            let here = word.after(start);
            start += name.len() + 1;
            flags |= if let Some((_, flag)) = names.iter().find(|(it, _)| *it == name) {
                *flag
            } else if let Some(bits) = hexadecimal(name) {
                SchedulerFlags::from_bits_retain(bits)
            } else {
                let why = format!("the scheduler `{scheduler}` has no flag `{name}`");
                return Err(self.words.wrong(here, why));
            };
        }
        Ok(flags)
    }

    /// As the tool has it, the port is the service's where none is given, and also where the
    /// forwarding leaves the packet's port as it is.
    fn server_address(&self, key: Option<&ServiceKey>) -> Result<SocketAddr> {
        let word = self
            .value(Setting::Server)
            .ok_or_else(|| self.words.wrong_line("a server (`-r`) is missing"))?;
        let port = key.and_then(ServiceKey::socket_address).map(|it| it.port());
        self.address(word, port.unwrap_or(0))
    }

    fn server(&self, key: Option<&ServiceKey>) -> Result<RealServer> {
        let mut address = self.server_address(key)?;
        let forwarding = self.forwarding()?;
        let keeps_port = matches!(
            forwarding,
            ForwardingMethod::DirectRouting | ForwardingMethod::Tunnel(_)
        );
        if let Some(service) = key
            .and_then(ServiceKey::socket_address)
            .filter(|_| keeps_port)
        {
            address.set_port(service.port());
        }
        let mut server = RealServer::new(address).forwarding(forwarding);
        if let Some(weight) = self.number(Setting::Weight)? {
            server.weight = weight;
        }
        server.upper_threshold = self.number(Setting::Upper)?.unwrap_or(0);
        server.lower_threshold = self.number(Setting::Lower)?.unwrap_or(0);
        Ok(server)
    }

    fn forwarding(&self) -> Result<ForwardingMethod> {
        let method = self.at(Setting::DirectRouting);
        if !method.is_some_and(|it| it.setting == Setting::Tunnel) {
            let options = [
                Setting::TunnelType,
                Setting::TunnelPort,
                Setting::TunnelNoChecksum,
            ];
            if let Some(stray) = options.iter().find_map(|it| self.at(*it)) {
                let why = format!("`{}` goes with `-i`", stray.name.text);
                return Err(self.words.wrong(stray.name, why));
            }
        }
        let Some(method) = method else {
            return Ok(ForwardingMethod::DirectRouting);
        };
        Ok(match method.setting {
            Setting::Tunnel => ForwardingMethod::Tunnel(self.tunnel()?),
            Setting::Masquerade => ForwardingMethod::Masquerade,
            Setting::Forward => {
                let word = method.value.unwrap_or(method.name);
                match word.text {
                    "local" => ForwardingMethod::LocalNode,
                    "bypass" => ForwardingMethod::Bypass,
                    _ => ForwardingMethod::from_number(number(&self.words, word)?, Tunnel::Ipip),
                }
            }
            _ => ForwardingMethod::DirectRouting,
        })
    }

    fn tunnel(&self) -> Result<Tunnel> {
        let port: Option<u16> = self.number(Setting::TunnelPort)?;
        let checksum = self.at(Setting::TunnelNoChecksum);
        let flags = match checksum {
            None => TunnelFlags::empty(),
            Some(given) => match given.setting {
                Setting::TunnelChecksum => TunnelFlags::CHECKSUM,
                Setting::TunnelRemoteChecksum => TunnelFlags::REMOTE_CHECKSUM,
                Setting::TunnelFlags => {
                    let word = given.value.unwrap_or(given.name);
                    let bits = hexadecimal(word.text).and_then(|it| u16::try_from(it).ok());
                    let bits = bits.ok_or_else(|| {
                        let why = format!("`{}` is no flags, as 0x3 is", word.text);
                        self.words.wrong(word, why)
                    })?;
                    TunnelFlags::from_bits_retain(bits)
                }
                _ => TunnelFlags::empty(),
            },
        };
        let Some(kind) = self.value(Setting::TunnelType) else {
            let options = [Setting::TunnelPort, Setting::TunnelNoChecksum];
            return match options.iter().find_map(|it| self.at(*it)) {
                None => Ok(Tunnel::Ipip),
                Some(stray) => {
                    let why = format!("`{}` goes with `--tun-type`", stray.name.text);
                    Err(self.words.wrong(stray.name, why))
                }
            };
        };
        match (kind.text, port, checksum) {
            ("ipip", None, None) => Ok(Tunnel::Ipip),
            ("ipip", ..) => Err(self.words.wrong(kind, "`ipip` has no port and no checksum")),
            ("gue", Some(port), _) => Ok(Tunnel::Gue { port, flags }),
            ("gue", None, _) => Err(self.words.wrong(kind, "`gue` needs `--tun-port`")),
            ("gre", None, _) => Ok(Tunnel::Gre { flags }),
            ("gre", Some(_), _) => Err(self.words.wrong(kind, "`gre` has no port")),
            (_, port, _) => {
                let number = number(&self.words, kind)?;
                Ok(Tunnel::from_parts(number, port.unwrap_or(0), flags))
            }
        }
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

    /// The error of a name, in its place.
    fn at_word(&self, word: Word<'_>, error: &Error) -> Error {
        self.words.wrong(word, error.reason())
    }
}

/// A number, or anything else that is read from one word.
fn number<N: FromStr>(words: &Words<'_>, word: Word<'_>) -> Result<N> {
    word.text.parse().map_err(|_| {
        let what = std::any::type_name::<N>();
        let what = match what.rsplit("::").next().unwrap_or(what) {
            "u8" => "a number from 0 to 255",
            "u16" => "a number from 0 to 65535",
            "u32" => "a number from 0 to 4294967295",
            _ => "a numeric address",
        };
        words.wrong(word, format!("`{}` is not {what}", word.text))
    })
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

impl FromStr for Operation {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        operation(line, 1)
    }
}

impl FromStr for ServiceKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Line::read(Words::new(text, 1), Some(Command::Zero))?.key()
    }
}

impl FromStr for VirtualService {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Line::read(Words::new(text, 1), Some(Command::AddService))?.service()
    }
}

impl FromStr for RealServer {
    type Err = Error;

    /// The port may be missing only where it is 0, since no service is known to have it from.
    fn from_str(text: &str) -> Result<Self> {
        let line = Line::read(Words::new(text, 1), Some(Command::AddServer))?;
        if let Some(service) = line.at(Setting::Tcp) {
            let why = "a server stands without its service here";
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
        Line::read(positional.rest()?, Some(Command::StartDaemon))?.daemon(role)
    }
}
