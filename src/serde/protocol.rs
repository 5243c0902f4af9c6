use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wrong;
use crate::Protocol;

/// Serialized as the name that `Display` writes, or as the number of a protocol without a name.
impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_u16(self.number()),
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
