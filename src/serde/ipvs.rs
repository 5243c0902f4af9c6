//! The serialized form of IPVS's types that do not derive it.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{as_flags, as_text, from_text, wrong};
use crate::ipvs::plan::{Before, Reason, Step, WantedServer, WantedService, WantedTable};
use crate::ipvs::proc::sysctl::ConnectionReuse;
use crate::ipvs::proc::{ConnectionState, Snapshot, SnapshotServer, SnapshotService};
use crate::ipvs::{
    ForwardingMethod, Info, Operation, PersistenceEngine, RealServer, Scheduler, SchedulerFlags,
    ServiceKey, TunnelFlags, Version, VirtualService,
};

as_text!(ServiceKey, Scheduler, PersistenceEngine);
as_flags!(SchedulerFlags, TunnelFlags, ConnectionReuse);

/// Serialized as a text such as `"1.2.1"`.
impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, |text| {
            let mut parts = text.split('.').map(|it| it.parse().ok());
            match [parts.next(), parts.next(), parts.next(), parts.next()] {
                [
                    Some(Some(major)),
                    Some(Some(minor)),
                    Some(Some(patch)),
                    None,
                ] => Ok(Self {
                    major,
                    minor,
                    patch,
                }),
                _ => Err(format!("{text:?} is not a version of three numbers")),
            }
        })
    }
}

impl Serialize for ConnectionState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ConnectionState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, Self::new)
    }
}

/// A service of a snapshot with its servers.
#[derive(Serialize, Deserialize)]
struct Entry {
    service: SnapshotService,
    servers: Vec<SnapshotServer>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Snapshot")]
struct Whole {
    info: Info,
    services: Vec<Entry>,
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |(service, servers): (&SnapshotService, &[SnapshotServer])| Entry {
            service: *service,
            servers: servers.to_vec(),
        };
        let services = self.iter().map(entry).collect();
        let info = self.info();
        Whole { info, services }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Whole { info, services } = Whole::deserialize(deserializer)?;
        let services = services.into_iter().map(|it| (it.service, it.servers));
        Ok(Self::from_parts(info, services))
    }
}

/// A wanted server: the fields of its configuration, and whether its weight is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename = "WantedServer", deny_unknown_fields)]
struct WantedServerForm {
    address: SocketAddr,
    #[serde(default)]
    forwarding: ForwardingMethod,
    #[serde(default = "super::one")]
    weight: u32,
    #[serde(default)]
    upper_threshold: u32,
    #[serde(default)]
    lower_threshold: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keep_weight: bool,
}

impl Serialize for WantedServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WantedServerForm {
            address: self.config.address,
            forwarding: self.config.forwarding,
            weight: self.config.weight,
            upper_threshold: self.config.upper_threshold,
            lower_threshold: self.config.lower_threshold,
            keep_weight: self.keep_weight,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WantedServer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = WantedServerForm::deserialize(deserializer)?;
        let config = RealServer::new(form.address)
            .forwarding(form.forwarding)
            .weight(form.weight)
            .upper_threshold(form.upper_threshold)
            .lower_threshold(form.lower_threshold);
        let mut server = Self::new(config);
        server.keep_weight = form.keep_weight;
        Ok(server)
    }
}

/// A wanted service: its configuration and its servers.
#[derive(Serialize, Deserialize)]
#[serde(rename = "WantedService", deny_unknown_fields)]
struct WantedServiceForm<'a> {
    service: Cow<'a, VirtualService>,
    #[serde(default)]
    servers: Cow<'a, [WantedServer]>,
}

impl Serialize for WantedService {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WantedServiceForm {
            service: Cow::Borrowed(self.config()),
            servers: Cow::Borrowed(self.servers()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WantedService {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = WantedServiceForm::deserialize(deserializer)?;
        Self::new(form.service.into_owned(), form.servers.into_owned()).map_err(wrong)
    }
}

impl Serialize for WantedTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for WantedTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let services = Vec::<WantedService>::deserialize(deserializer)?;
        let mut table = Self::new();
        for service in services {
            table.insert_service(service).map_err(wrong)?;
        }
        Ok(table)
    }
}

/// A step of a plan.
#[derive(Deserialize)]
#[serde(rename = "Step", deny_unknown_fields)]
struct StepForm {
    operation: Operation,
    before: Before,
    reason: Reason,
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = StepForm::deserialize(deserializer)?;
        Self::from_parts(form.operation, form.before, form.reason)
            .ok_or_else(|| wrong("the operation of a step adds, updates or removes one object"))
    }
}
