//! Services.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use super::super::options::Setting;
use super::super::print::flag_names;
use super::super::words::Word;
use super::line::{Line, hexadecimal, number};
use crate::Result;
use crate::ipvs::key::{Family, Protocol, ServiceKey};
use crate::ipvs::persistence::Persistence;
use crate::ipvs::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::service::VirtualService;

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
    pub(super) fn address(&self, word: Word<'_>, port: u16) -> Result<SocketAddr> {
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
}
