//! Reads one object from its JSON.

use std::fmt;

use serde::Deserialize;

use super::{Kind, Name, Object, wire};

/// An object that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// The kind, if it is one that is read.
    pub kind: Option<Kind>,
    /// The kind as the object names it.
    pub kind_text: String,
    pub name: Option<Name>,
    pub reason: String,
}

/// The fields by which an object is recognized, whatever the rest is.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Head {
    kind: String,
    api_version: String,
    metadata: HeadMetadata,
    /// What went wrong, if the object is a `Status`.
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct HeadMetadata {
    namespace: Option<String>,
    name: Option<String>,
}

/// Reads an object. `implied` is the kind of an object that names none, as in a `ServiceList`.
pub fn read(json: &str, implied: Option<Kind>) -> Result<Object, Misread> {
    let head: Head = serde_json::from_str(json).map_err(|error| Misread {
        kind: None,
        kind_text: "object".into(),
        name: None,
        reason: error.to_string(),
    })?;
    let kind = match (head.kind.as_str(), head.api_version.as_str()) {
        ("Service", "v1") => Ok(Kind::Service),
        ("EndpointSlice", "discovery.k8s.io/v1") => Ok(Kind::EndpointSlice),
        ("Service" | "EndpointSlice", version) => Err(format!("its version {version} is not read")),
        ("", _) => implied.ok_or_else(|| "it has no kind".to_owned()),
        ("Status", _) => Err(head.message.clone()),
        _ => Err("only Service and EndpointSlice are read".into()),
    };
    let misread = |reason: String| Misread {
        kind: kind.as_ref().ok().copied(),
        kind_text: head.kind.clone(),
        name: head.metadata.name.clone().map(|name| Name {
            namespace: head.metadata.namespace.clone().unwrap_or_default(),
            name,
        }),
        reason,
    };
    match &kind {
        Ok(Kind::Service) => {
            let service: Result<wire::Service, _> = serde_json::from_str(json);
            let service = service.map_err(|error| misread(error.to_string()))?;
            service.try_into().map(Object::Service).map_err(misread)
        }
        Ok(Kind::EndpointSlice) => {
            let slice: Result<wire::EndpointSlice, _> = serde_json::from_str(json);
            let slice = slice.map_err(|error| misread(error.to_string()))?;
            slice.try_into().map(Object::EndpointSlice).map_err(misread)
        }
        Err(reason) => Err(misread(reason.clone())),
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind_text)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
