//! Reads what answers a request.

use super::attr::top;
use super::body::NFGENMSG;
use crate::ipset::model::options::number;
use crate::ipset::{Family, SetName};
use crate::wire::{Attribute, Attributes, Malformed};

/// Takes a message's fixed header off.
pub(in crate::ipset) fn attributes(payload: &[u8]) -> Result<Attributes<'_>, Malformed> {
    payload
        .get(NFGENMSG.len()..)
        .map(Attributes::new)
        .ok_or(Malformed::Missing("the nfnetlink header"))
}

/// The attribute of a kind, if there is one.
pub(in crate::ipset) fn find<'a>(
    message: Attributes<'a>,
    kind: u16,
) -> Result<Option<Attribute<'a>>, Malformed> {
    for attribute in message {
        let attribute = attribute?;
        if attribute.kind() == kind {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

/// The attribute of a kind, which has to be there.
pub(in crate::ipset) fn get<'a>(
    message: Attributes<'a>,
    kind: u16,
    what: &'static str,
) -> Result<Attribute<'a>, Malformed> {
    find(message, kind)?.ok_or(Malformed::Missing(what))
}

/// The name of a set.
pub(in crate::ipset) fn name(message: Attributes<'_>) -> Result<SetName, Malformed> {
    let attribute = get(message, top::SETNAME, "the set's name")?;
    SetName::from_kernel(attribute.c_string())
}

/// The second name that a request has.
pub(in crate::ipset) fn second_name(message: Attributes<'_>) -> Result<SetName, Malformed> {
    let attribute = get(message, top::SETNAME2, "the second name")?;
    SetName::from_kernel(attribute.c_string())
}

/// The name of a type of set, as the kernel has it.
pub(in crate::ipset) fn type_name(message: Attributes<'_>) -> Result<String, Malformed> {
    Ok(get(message, top::TYPENAME, "the type's name")?.string())
}

/// The family, where there is one.
pub(in crate::ipset) fn family(message: Attributes<'_>) -> Result<Option<Family>, Malformed> {
    let family = get(message, top::FAMILY, "the family")?.u8()?;
    Ok(number::family(family))
}

/// The lowest and the highest version of the protocol.
pub(in crate::ipset) fn versions(message: Attributes<'_>) -> Result<(u8, u8), Malformed> {
    let most = get(message, top::PROTOCOL, "the protocol's version")?.u8()?;
    let least = find(message, top::PROTOCOL_MIN)?.map(|it| it.u8());
    Ok((least.transpose()?.unwrap_or(most), most))
}

/// The lowest and the highest revision of a type.
pub(in crate::ipset) fn revisions(message: Attributes<'_>) -> Result<(u8, u8), Malformed> {
    let most = get(message, top::REVISION, "the type's revision")?.u8()?;
    let least = find(message, top::REVISION_MIN)?.map(|it| it.u8());
    Ok((least.transpose()?.unwrap_or(most), most))
}

/// The number by which rules refer to a set.
pub(in crate::ipset) fn index(message: Attributes<'_>) -> Result<u16, Malformed> {
    get(message, top::INDEX, "the set's number")?.u16_be()
}
