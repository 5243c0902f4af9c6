use super::EncodedEntries;
use crate::Family;
use crate::ipset::message::answer;
use crate::ipset::message::attr::{command, create, top};
use crate::ipset::message::body::{PROTOCOL, begin, name};
use crate::ipset::message::code::Command;
use crate::ipset::model::info::Listed;
use crate::ipset::model::options::number;
use crate::ipset::{SetInfo, SetName};
use crate::wire::{Attributes, Buffer, Malformed, Writer};

/// One message of the kernel's reply to a [`Request`](super::Request).
///
/// The kernel answers commands with an ACK or an error, which are not ipset messages.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// The versions of the protocol that the kernel speaks.
    #[non_exhaustive]
    Protocol {
        /// The lowest version.
        least: u8,
        /// The highest version.
        most: u8,
    },
    /// A set, or a part of one. A large set takes several messages.
    #[non_exhaustive]
    Set {
        /// The name of the set.
        name: SetName,
        /// What the kernel reports of the set, in its first message. A listing of names has none.
        info: Option<Box<SetInfo>>,
        /// The entries in this message.
        entries: EncodedEntries,
    },
    /// A set's type, family and revision.
    Header(Box<SetInfo>),
    /// The revisions of a type that the kernel supports.
    #[non_exhaustive]
    Type {
        /// The type's name.
        type_name: String,
        /// The family, if the type has one.
        family: Option<Family>,
        /// The lowest revision.
        least: u8,
        /// The highest revision.
        most: u8,
    },
    /// The number by which rules refer to a set.
    #[non_exhaustive]
    Index {
        /// The number.
        index: u16,
    },
    /// The set that rules refer to by a number.
    #[non_exhaustive]
    Name {
        /// The set.
        set: SetName,
    },
}

impl Reply {
    pub(super) fn command(&self) -> Command {
        match self {
            Self::Protocol { .. } => Command::Connect,
            Self::Set { .. } => Command::List,
            Self::Header(_) => Command::Header,
            Self::Type { .. } => Command::Type,
            Self::Index { .. } => Command::Index,
            Self::Name { .. } => Command::Name,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<impl Buffer>) {
        // In this reply, the version at the beginning is the highest one.
        let version = match self {
            Self::Protocol { most, .. } => *most,
            _ => PROTOCOL,
        };
        begin(writer, version);
        match self {
            Self::Protocol { least, .. } => writer.u8(top::PROTOCOL_MIN, *least),
            Self::Set {
                name: set,
                info,
                entries,
            } => {
                name(writer, top::SETNAME, set);
                if let Some(info) = info {
                    write_type(writer, info);
                    writer.nest(top::DATA, |writer| write_options(writer, info));
                }
                if !entries.is_empty() {
                    entries.write_listed(writer);
                }
            }
            Self::Header(info) => {
                name(writer, top::SETNAME, &info.name);
                write_type(writer, info);
            }
            Self::Type {
                type_name,
                family,
                least,
                most,
            } => {
                writer.string(top::TYPENAME, type_name);
                writer.u8(top::FAMILY, number::of(*family));
                writer.u8(top::REVISION, *most);
                writer.u8(top::REVISION_MIN, *least);
            }
            Self::Index { index } => {
                writer.u8(top::FAMILY, number::INET);
                writer.u16_net(top::INDEX, *index);
            }
            Self::Name { set } => name(writer, top::SETNAME, set),
        }
    }

    /// Reads a reply. Returns `None` for a command that no reply has.
    pub(super) fn read(command: u8, message: Attributes<'_>) -> Result<Option<Self>, Malformed> {
        Ok(Some(match command {
            command::PROTOCOL => {
                let (least, most) = answer::versions(message)?;
                Self::Protocol { least, most }
            }
            command::LIST => {
                let listed = Listed::read(message)?;
                let info = listed.header.map(|header| header.info(listed.name));
                Self::Set {
                    name: listed.name,
                    info: info.transpose()?.map(Box::new),
                    entries: EncodedEntries::many(
                        message.rest().get(listed.entries).unwrap_or_default(),
                    ),
                }
            }
            command::HEADER => {
                let listed = Listed::read(message)?;
                let header = listed.header.unwrap_or_default();
                Self::Header(Box::new(header.info(listed.name)?))
            }
            command::TYPE => {
                let (least, most) = answer::revisions(message)?;
                Self::Type {
                    type_name: answer::type_name(message)?,
                    family: answer::family(message)?,
                    least,
                    most,
                }
            }
            command::GET_BYNAME => Self::Index {
                index: answer::index(message)?,
            },
            command::GET_BYINDEX => Self::Name {
                set: answer::name(message)?,
            },
            _ => return Ok(None),
        }))
    }
}

fn write_type(writer: &mut Writer<impl Buffer>, info: &SetInfo) {
    let family = info.set.as_ref().map_or(0, |set| set.family_number());
    writer.string(top::TYPENAME, &info.type_name);
    writer.u8(top::REVISION, info.revision);
    writer.u8(top::FAMILY, family);
    if let Some(index) = info.index {
        writer.u16_net(top::INDEX, index);
    }
}

fn write_options(writer: &mut Writer<impl Buffer>, info: &SetInfo) {
    if let Some(set) = &info.set {
        set.options().write(writer);
    }
    writer.u32_net(create::REFERENCES, info.references);
    writer.u32_net(create::MEMSIZE, info.memory);
    if let Some(entries) = info.entries {
        writer.u32_net(create::ELEMENTS, entries);
    }
}
