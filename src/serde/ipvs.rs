//! The serialized form of IPVS's types that do not derive it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{as_flags, as_text, from_text};
use crate::ipvs::proc::sysctl::ConnectionReuse;
use crate::ipvs::proc::{ConnectionState, Snapshot, SnapshotServer, SnapshotService};
use crate::ipvs::{
    Info, PersistenceEngine, Scheduler, SchedulerFlags, ServiceKey, TunnelFlags, Version,
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
