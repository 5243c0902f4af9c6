//! Takes a document apart while it is read, so that a long list is never in memory as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Event;
use crate::objects::{self, Kind, Misread};

/// Reads one document. The error is the reason why it is broken.
pub fn read(source: impl Read, report: &mut impl FnMut(Event)) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_reader(source);
    let read = json.deserialize_map(Document { report });
    read.map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let text = error.to_string();
        text.strip_suffix(&place).unwrap_or(&text).to_owned()
    })
}

struct Document<'a, F> {
    report: &'a mut F,
}

impl<'de, F: FnMut(Event)> Visitor<'de> for Document<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a list of objects or a watch event")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut fields: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
        let mut is_list = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => {
                    is_list = true;
                    let implied = fields.get("kind").and_then(|it| kind_of_list(it.get()));
                    (self.report)(Event::ListBegins);
                    let report = &mut *self.report;
                    map.next_value_seed(Items { report, implied })?;
                }
                _ => drop(fields.insert(key, map.next_value()?)),
            }
        }
        let event = match (fields.get("type"), fields.get("object")) {
            _ if is_list => Event::ListEnds,
            (Some(event), Some(object)) => {
                match watch_event(event.get(), object.get()).map_err(Error::custom)? {
                    Some(event) => event,
                    None => return Ok(()),
                }
            }
            _ => {
                let json = serde_json::to_string(&fields).map_err(Error::custom)?;
                put(&json, None, false)
            }
        };
        (self.report)(event);
        Ok(())
    }
}

/// Returns the kind of the items of a list such as `"ServiceList"`, which name none themselves.
fn kind_of_list(kind: &str) -> Option<Kind> {
    match kind {
        "\"ServiceList\"" => Some(Kind::Service),
        "\"EndpointSliceList\"" => Some(Kind::EndpointSlice),
        _ => None,
    }
}

fn watch_event(event: &str, object: &str) -> Result<Option<Event>, String> {
    Ok(match event {
        "\"ADDED\"" => Some(put(object, None, false)),
        "\"MODIFIED\"" => Some(put(object, None, true)),
        "\"DELETED\"" => Some(delete(object)),
        "\"BOOKMARK\"" => None,
        "\"ERROR\"" => Some(match objects::read(object, None) {
            Ok(_) => return Err("an ERROR without a Status".into()),
            Err(status) => Event::ServerError(status.reason),
        }),
        other => return Err(format!("the event {other} is not known")),
    })
}

fn put(json: &str, implied: Option<Kind>, is_change: bool) -> Event {
    match objects::read(json, implied) {
        Ok(object) => Event::Put { object, is_change },
        Err(misread) => Event::Misread(misread),
    }
}

/// Returns the event of an object that is gone. Its name is enough.
fn delete(json: &str) -> Event {
    match objects::read(json, None) {
        Ok(object) => Event::Delete {
            kind: object.kind(),
            name: object.name().clone(),
            uid: Some(object.version().uid.clone()),
        },
        Err(Misread {
            kind: Some(kind),
            name: Some(name),
            ..
        }) => Event::Delete {
            kind,
            name,
            uid: None,
        },
        Err(misread) => Event::Misread(misread),
    }
}

/// Reports the items of a list one by one.
struct Items<'a, F> {
    report: &'a mut F,
    implied: Option<Kind>,
}

impl<'de, F: FnMut(Event)> DeserializeSeed<'de> for Items<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Event)> Visitor<'de> for Items<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        while let Some(json) = items.next_element::<Box<RawValue>>()? {
            (self.report)(put(json.get(), self.implied, false));
        }
        Ok(())
    }
}
