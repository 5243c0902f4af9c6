//! Reads services.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::super::host::is_meant_as_address;
use super::super::options::Setting;
use super::super::print::flag_names;
use super::super::words::Word;
use super::line::{Line, hexadecimal, number};
use crate::Result;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::persistence::Persistence;
use crate::ipvs::model::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::model::service::VirtualService;
use crate::{Family, Protocol};

impl Line<'_> {
    pub(super) fn key(&self) -> Result<ServiceKey> {
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
            _ => self.protocol(value)?,
        };
        let address = self.address(given.second.unwrap_or(value), 0, Some(protocol))?;
        if let Some(given) = ipv6.filter(|_| address.is_ipv4()) {
            let why = "the service's address is an IPv4 address";
            return Err(self.words.wrong(given.name, why));
        }
        Ok(ServiceKey::address(protocol, address))
    }

    /// Reads a firewall mark. The tool prints the marks from 2,147,483,648 on as negative numbers.
    fn mark(&self, word: Word<'_>) -> Result<NonZeroU32> {
        let negative = word.text.parse::<i32>().ok().filter(|it| *it < 0);
        let mark = match negative {
            Some(mark) => mark as u32,
            None => number(&self.words, word)?,
        };
        NonZeroU32::new(mark).ok_or_else(|| self.words.wrong(word, "a firewall mark can't be 0"))
    }

    fn protocol(&self, word: Word<'_>) -> Result<Protocol> {
        let known = word.text.parse();
        known.or_else(|error| {
            let named = self.names.protocol(word.text);
            named.ok_or_else(|| self.at_word(word, &error))
        })
    }

    /// Reads an address with a port. If the port is missing, it is `port`. A name of a port is
    /// that of a service of `protocol`.
    pub(super) fn address(
        &self,
        word: Word<'_>,
        port: u16,
        protocol: Option<Protocol>,
    ) -> Result<SocketAddr> {
        let text = word.text;
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, port));
        }
        let (host, behind) = match text.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, behind)) => (host, Some(behind.strip_prefix(':').unwrap_or(""))),
            None => match text.rsplit_once(':') {
                Some((host, behind)) => (host, Some(behind)),
                None => (text, None),
            },
        };
        let bracketed = text.starts_with('[');
        let found = self.host(host, bracketed).and_then(|address| {
            let port = match behind {
                None => Some(port),
                Some(name) => name.parse().ok().or_else(|| {
                    let named = protocol.filter(|_| !name.is_empty())?;
                    self.names.port(name, named)
                }),
            };
            Some(SocketAddr::new(address, port?))
        });
        found.ok_or_else(|| {
            let why = if text.contains('%') {
                format!("`{text}` has a zone, which IPVS can't keep")
            } else {
                format!("`{text}` is not an address, with or without a port, nor a known name")
            };
            self.words.wrong(word, why)
        })
    }

    /// Reads a host's address. It is of IPv6 if and only if it is in brackets.
    fn host(&self, host: &str, bracketed: bool) -> Option<IpAddr> {
        let address = host.parse().ok();
        let address = address.or_else(|| {
            if host.is_empty() || is_meant_as_address(host) {
                return None;
            }
            let family = match bracketed {
                true => Family::Ipv6,
                false => Family::Ipv4,
            };
            self.names.address(host, Some(family))
        });
        address.filter(|it: &IpAddr| it.is_ipv6() == bracketed)
    }

    pub(super) fn service(&self) -> Result<VirtualService> {
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
                return Err(self.words.wrong(word, "a netmask requires `-p`"));
            }
            service = match service.key.family() {
                Family::Ipv4 => service.persistence_mask(self.mask(word)?),
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

    /// Reads a mask in any form that the tool takes, except a single decimal number: `24` is
    /// hardly meant as 0.0.0.24.
    fn mask(&self, word: Word<'_>) -> Result<Ipv4Addr> {
        let single = word.text.bytes().all(|it| it.is_ascii_digit());
        let mask = any_ipv4(word.text).filter(|_| !single);
        mask.map_or_else(|| number(&self.words, word), Ok)
    }

    /// Reads the names of flags, separated by commas. It ignores empty names.
    fn flags(&self, word: Word<'_>, scheduler: Scheduler) -> Result<SchedulerFlags> {
        let names = flag_names(scheduler);
        let mut flags = SchedulerFlags::empty();
        let mut start = 0;
        let mut any = false;
        for name in word.text.split(',') {
            let here = start;
            start += name.len() + 1;
            if name.is_empty() {
                continue;
            }
            any = true;
            flags |= if let Some((_, flag)) = names.iter().find(|(it, _)| *it == name) {
                *flag
            } else if let Some(bits) = hexadecimal(name) {
                SchedulerFlags::from_bits_retain(bits)
            } else {
                let why = format!("the scheduler `{scheduler}` has no flag `{name}`");
                return Err(self.words.wrong(word.after(here), why));
            };
        }
        match any {
            true => Ok(flags),
            false => Err(self.words.wrong(word, "a flag is missing")),
        }
    }
}

/// Reads an IPv4 address in any form that `inet_aton` takes: one to four numbers, of which the
/// last fills the remaining bytes. Each is in base 10, 8 (after `0`) or 16 (after `0x`).
fn any_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = Vec::new();
    for part in text.splitn(5, '.') {
        parts.push(any_base(part)?);
    }
    let (last, bytes) = parts.split_last()?;
    let left = 4_u32.checked_sub(bytes.len().try_into().ok()?)?;
    if left == 0 || u64::from(*last) >= 1 << (8 * left) {
        return None;
    }
    let mut address = 0;
    for byte in bytes {
        address = address << 8 | u32::from(u8::try_from(*byte).ok()?);
    }
    let address = u64::from(address) << (8 * left) | u64::from(*last);
    Some(Ipv4Addr::from_bits(address.try_into().ok()?))
}

fn any_base(text: &str) -> Option<u32> {
    let (digits, base) = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_in_every_form() {
        for (text, mask) in [
            ("255.255.255.0", Some([255, 255, 255, 0])),
            ("0xffffff00", Some([255, 255, 255, 0])),
            ("0377.0xff.0", Some([255, 255, 0, 0])),
            ("255.65535", Some([255, 0, 255, 255])),
            ("255.255.255.256", None),
            ("255.255.255.255.0", None),
            ("255.256.0.0", None),
            ("0x100000000", None),
            ("08.0.0.0", None),
            ("255..0.0", None),
            ("+1.0.0.0", None),
            ("", None),
        ] {
            assert_eq!(any_ipv4(text), mask.map(Ipv4Addr::from), "{text}");
        }
    }
}
