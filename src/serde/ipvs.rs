//! The serialized form of IPVS's types that do not derive it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{as_flags, as_text, from_text, wrong};
use crate::ipvs::proc::sysctl::ConnectionReuse;
use crate::ipvs::proc::{ConnectionState, Snapshot, SnapshotServer, SnapshotService};
use crate::ipvs::{
    Info, PersistenceEngine, Protocol, Scheduler, SchedulerFlags, ServiceKey, TunnelFlags, Version,
};

as_text!(ServiceKey, Scheduler, PersistenceEngine);
as_flags!(SchedulerFlags, TunnelFlags, ConnectionReuse);

/// Serialized as `"tcp"`, `"udp"` or `"sctp"`, or as the number of any other protocol.
impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::TCP | Self::UDP | Self::SCTP => {
                serializer.collect_str(&self.to_string().to_ascii_lowercase())
            }
            _ => serializer.serialize_u16(self.number()),
        }
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Name(String),
            Number(u16),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self::from_number(number)),
            Form::Name(name) => name
                .parse()
                .map_err(|error: crate::Error| wrong(error.reason())),
        }
    }
}

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
