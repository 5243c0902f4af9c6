//! Reads the replies to requests.

use super::attr::top;
use super::body::NFGENMSG;
use crate::Family;
use crate::ipset::SetName;
use crate::ipset::model::options::number;
use crate::wire::{Attribute, Attributes, Malformed};

/// Returns the attributes after a message's fixed header.
pub(in crate::ipset) fn attributes(payload: &[u8]) -> Result<Attributes<'_>, Malformed> {
    payload
        .get(NFGENMSG.len()..)
        .map(Attributes::new)
        .ok_or(Malformed::Missing("the nfnetlink header"))
}

/// Returns the attribute of a kind, if there is one.
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

/// Returns the attribute of a kind, or an error if there is none.
pub(in crate::ipset) fn get<'a>(
    message: Attributes<'a>,
    kind: u16,
    what: &'static str,
) -> Result<Attribute<'a>, Malformed> {
    find(message, kind)?.ok_or(Malformed::Missing(what))
}

/// Reads the name of a set.
pub(in crate::ipset) fn name(message: Attributes<'_>) -> Result<SetName, Malformed> {
    let attribute = get(message, top::SETNAME, "the set's name")?;
    SetName::from_kernel(attribute.c_string())
}

/// Reads the second name in a request.
pub(in crate::ipset) fn second_name(message: Attributes<'_>) -> Result<SetName, Malformed> {
    let attribute = get(message, top::SETNAME2, "the second name")?;
    SetName::from_kernel(attribute.c_string())
}

/// Reads the name of a set type.
pub(in crate::ipset) fn type_name(message: Attributes<'_>) -> Result<String, Malformed> {
    Ok(get(message, top::TYPENAME, "the type's name")?.string())
}

/// Reads the family, if there is one.
pub(in crate::ipset) fn family(message: Attributes<'_>) -> Result<Option<Family>, Malformed> {
    let family = get(message, top::FAMILY, "the family")?.u8()?;
    Ok(number::family(family))
}

/// Reads the lowest and the highest version of the protocol.
pub(in crate::ipset) fn versions(message: Attributes<'_>) -> Result<(u8, u8), Malformed> {
    let most = get(message, top::PROTOCOL, "the protocol's version")?.u8()?;
    let least = find(message, top::PROTOCOL_MIN)?.map(|it| it.u8());
    Ok((least.transpose()?.unwrap_or(most), most))
}

/// Reads the lowest and the highest revision of a type.
pub(in crate::ipset) fn revisions(message: Attributes<'_>) -> Result<(u8, u8), Malformed> {
    let most = get(message, top::REVISION, "the type's revision")?.u8()?;
    let least = find(message, top::REVISION_MIN)?.map(|it| it.u8());
    Ok((least.transpose()?.unwrap_or(most), most))
}

/// Reads the number by which rules refer to a set.
pub(in crate::ipset) fn index(message: Attributes<'_>) -> Result<u16, Malformed> {
    get(message, top::INDEX, "the set's number")?.u16_be()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    #[test]
    fn what_the_kernel_says_of_a_type_and_a_set_is_read() {
        let mut writer = Writer::default();
        writer.c_string(top::TYPENAME, b"hash:ip");
        writer.u8(top::FAMILY, 10);
        writer.u16_net(top::INDEX, 0x0203);
        let message = Attributes::new(writer.bytes());
        assert_eq!(type_name(message).unwrap(), "hash:ip");
        assert_eq!(family(message).unwrap(), Some(Family::Ipv6));
        assert_eq!(index(message).unwrap(), 0x0203);
        assert!(name(message).is_err());
    }
}
