//! Encodes and decodes requests.

use super::{EncodedEntries, ListContent, Request};
use crate::ipset::SetName;
use crate::ipset::message::answer;
use crate::ipset::message::attr::{command, top};
use crate::ipset::message::body::{self, PROTOCOL};
use crate::ipset::model::info::Listed;
use crate::ipset::model::options::number;
use crate::netlink::flag;
use crate::wire::{Attributes, Buffer, Malformed, Writer};

impl Request {
    pub(super) fn write(&self, writer: &mut Writer<impl Buffer>) {
        match self {
            Self::Protocol => body::names(writer, PROTOCOL, None, None),
            Self::Create { set, revision, .. } => body::create(writer, PROTOCOL, set, *revision),
            Self::Destroy { set, .. } | Self::Flush { set } | Self::Save { set } => {
                body::names(writer, PROTOCOL, set.as_ref(), None);
            }
            Self::Rename {
                from: first,
                to: second,
            }
            | Self::Swap {
                one: first,
                other: second,
            } => body::names(writer, PROTOCOL, Some(first), Some(second)),
            Self::List { set, content } => {
                body::list(writer, PROTOCOL, set.as_ref(), content.flags());
            }
            Self::Add { set, entries, .. } | Self::Remove { set, entries, .. } => {
                body::names(writer, PROTOCOL, Some(set), None);
                entries.write(writer);
            }
            Self::Test { set, entry } => {
                body::names(writer, PROTOCOL, Some(set), None);
                entry.write(writer);
            }
            Self::Header { set } | Self::Index { set } => {
                body::names(writer, PROTOCOL, Some(set), None)
            }
            Self::Type { type_name, family } => {
                body::revisions(writer, PROTOCOL, type_name, number::of(*family));
            }
            Self::Name { index } => body::index(writer, PROTOCOL, *index),
        }
    }

    /// Decodes a request. Returns `None` for a command that no request has.
    pub(super) fn read(
        command: u8,
        flags: u16,
        message: Attributes<'_>,
    ) -> Result<Option<Self>, Malformed> {
        let exclusive = flags & flag::EXCL != 0;
        let one = || match answer::find(message, top::SETNAME)? {
            Some(name) => SetName::from_kernel(name.c_string()).map(Some),
            None => Ok(None),
        };
        let set = || answer::name(message);
        Ok(Some(match command {
            command::PROTOCOL => Self::Protocol,
            command::CREATE => Self::read_create(exclusive, message)?,
            command::DESTROY => Self::Destroy {
                set: one()?,
                exclusive,
            },
            command::FLUSH => Self::Flush { set: one()? },
            command::RENAME => Self::Rename {
                from: set()?,
                to: answer::second_name(message)?,
            },
            command::SWAP => Self::Swap {
                one: set()?,
                other: answer::second_name(message)?,
            },
            command::LIST => Self::List {
                set: one()?,
                content: match answer::find(message, top::FLAGS)? {
                    Some(flags) => ListContent::read(flags.u32_be()?),
                    None => ListContent::Entries,
                },
            },
            command::SAVE => Self::Save { set: one()? },
            command::ADD => Self::Add {
                set: set()?,
                entries: EncodedEntries::find(message)?,
                exclusive,
            },
            command::DEL => Self::Remove {
                set: set()?,
                entries: EncodedEntries::find(message)?,
                exclusive,
            },
            command::TEST => Self::Test {
                set: set()?,
                entry: EncodedEntries::find(message)?,
            },
            command::HEADER => Self::Header { set: set()? },
            command::TYPE => Self::Type {
                type_name: answer::type_name(message)?,
                family: answer::family(message)?,
            },
            command::GET_BYNAME => Self::Index { set: set()? },
            command::GET_BYINDEX => Self::Name {
                index: answer::index(message)?,
            },
            _ => return Ok(None),
        }))
    }

    fn read_create(exclusive: bool, message: Attributes<'_>) -> Result<Self, Malformed> {
        let listed = Listed::read(message)?;
        let header = listed.header.ok_or(Malformed::Missing("the set's type"))?;
        let info = header.info(listed.name)?;
        let set = info.set.ok_or(Malformed::Missing("a known type of set"))?;
        Ok(Self::Create {
            set: Box::new(set),
            revision: info.revision,
            exclusive,
        })
    }
}
