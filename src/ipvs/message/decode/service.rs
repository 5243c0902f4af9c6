use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::statistics::{statistics_32, statistics_64};
use super::{family, ip};
use crate::ipvs::message::uapi::service;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::persistence::Persistence;
use crate::ipvs::model::report::{ServiceInfo, Statistics};
use crate::ipvs::model::scheduler::{PersistenceEngine, Scheduler, SchedulerFlags};
use crate::ipvs::model::service::VirtualService;
use crate::wire::{Attribute, Attributes, Malformed};
use crate::{Family, Protocol};

/// The values of a service in a message.
#[derive(Default)]
pub(in crate::ipvs::message) struct ServiceParts<'a> {
    pub(in crate::ipvs::message) family: Option<Family>,
    pub(in crate::ipvs::message) protocol: Option<u16>,
    pub(in crate::ipvs::message) address: Option<&'a [u8]>,
    pub(in crate::ipvs::message) port: u16,
    pub(in crate::ipvs::message) mark: u32,
    pub(in crate::ipvs::message) scheduler: Option<Scheduler>,
    pub(in crate::ipvs::message) flags: u32,
    pub(in crate::ipvs::message) timeout: u32,
    pub(in crate::ipvs::message) netmask: Option<[u8; 4]>,
    pub(in crate::ipvs::message) engine: Option<PersistenceEngine>,
    pub(in crate::ipvs::message) statistics: Option<Statistics>,
    pub(in crate::ipvs::message) statistics_64: Option<Statistics>,
}

impl<'a> ServiceParts<'a> {
    fn read(attributes: Attributes<'a>) -> Result<Self, Malformed> {
        let mut parts = Self::default();
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind() {
                service::FAMILY => parts.family = Some(family(attribute.u16()?)?),
                service::PROTOCOL => parts.protocol = Some(attribute.u16()?),
                service::ADDRESS => parts.address = Some(attribute.payload()),
                service::PORT => parts.port = attribute.u16_be()?,
                service::FIREWALL_MARK => parts.mark = attribute.u32()?,
                service::SCHEDULER => {
                    parts.scheduler = Some(Scheduler::reported(attribute.c_string())?);
                }
                service::FLAGS => parts.flags = first_word(&attribute)?,
                service::TIMEOUT => parts.timeout = attribute.u32()?,
                service::NETMASK => parts.netmask = Some(attribute.u32()?.to_ne_bytes()),
                service::PERSISTENCE_ENGINE => {
                    parts.engine = Some(PersistenceEngine::reported(attribute.c_string())?);
                }
                service::STATISTICS => {
                    parts.statistics = Some(statistics_32(attribute.nested())?);
                }
                service::STATISTICS_64 => {
                    parts.statistics_64 = Some(statistics_64(attribute.nested())?);
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    fn key(&self) -> Result<ServiceKey, Malformed> {
        let family = self
            .family
            .ok_or(Malformed::Missing("a service's address family"))?;
        if let Some(mark) = NonZeroU32::new(self.mark) {
            return Ok(ServiceKey::firewall_mark(mark, family));
        }
        let protocol = self
            .protocol
            .ok_or(Malformed::Missing("a service's protocol"))?;
        let address = self
            .address
            .ok_or(Malformed::Missing("a service's address"))?;
        let address = SocketAddr::new(ip(address, family)?, self.port);
        Ok(ServiceKey::address(
            Protocol::from_number(protocol),
            address,
        ))
    }

    fn config(&self) -> Result<VirtualService, Malformed> {
        let key = self.key()?;
        let scheduler = self
            .scheduler
            .ok_or(Malformed::Missing("a service's scheduler"))?;
        let persistence = if self.flags & service::FLAG_PERSISTENT != 0 {
            let netmask = self
                .netmask
                .ok_or(Malformed::Missing("a persistent service's netmask"))?;
            let persistence = Persistence::reported(self.timeout, netmask, key.family())?;
            Some(persistence)
        } else {
            None
        };
        let mut config = VirtualService::new(key)
            .scheduler(scheduler)
            .scheduler_flags(SchedulerFlags::from_bits_retain(
                self.flags & !service::OWN_FLAGS,
            ));
        config.persistence = persistence;
        config.persistence_engine = self.engine;
        config.one_packet = self.flags & service::FLAG_ONE_PACKET != 0;
        Ok(config)
    }

    pub(in crate::ipvs::message) fn info(&self) -> Result<ServiceInfo, Malformed> {
        Ok(ServiceInfo {
            config: self.config()?,
            statistics: self.statistics_64.or(self.statistics).unwrap_or_default(),
        })
    }
}

/// Decodes the key of a service.
pub(in crate::ipvs) fn key(attributes: Attributes<'_>) -> Result<ServiceKey, Malformed> {
    ServiceParts::read(attributes)?.key()
}

/// Decodes the configuration of a service.
pub(in crate::ipvs) fn service_config(
    attributes: Attributes<'_>,
) -> Result<VirtualService, Malformed> {
    ServiceParts::read(attributes)?.config()
}

/// Decodes the kernel's report of a service.
pub(in crate::ipvs) fn service(attributes: Attributes<'_>) -> Result<ServiceInfo, Malformed> {
    ServiceParts::read(attributes)?.info()
}

/// Returns the flags in a `struct ip_vs_flags`. The mask after them has no meaning in a report.
fn first_word(attribute: &Attribute<'_>) -> Result<u32, Malformed> {
    attribute
        .payload()
        .first_chunk()
        .map(|bytes| u32::from_ne_bytes(*bytes))
        .ok_or(Malformed::Payload {
            kind: attribute.kind(),
            length: attribute.payload().len(),
            expected: "flags and mask, 8 bytes",
        })
}
