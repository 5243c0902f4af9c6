//! Creates sets, and negotiates the revisions of their types.

use nix::libc;

use super::{Client, about, error, malformed_reply};
use crate::error::{Cause, Kernel, Meaning};
use crate::ipset::message::answer::{self, attributes};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, About, Command};
use crate::ipset::model::options::number;
use crate::ipset::model::types::{Definition, Takes};
use crate::ipset::{AnyType, IpSet, Revision, SetInfo, SetType};
use crate::netlink::{Failure, Transport, flag};
use crate::{Error, Result};

impl<T: Transport> Client<T> {
    /// Returns the lowest and the highest revision of a type that the kernel supports.
    pub(crate) async fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        let definition = kind.definition();
        let family = number::of(definition.families.first());
        self.revisions_of(definition, family).await
    }

    async fn revisions_of(&mut self, definition: &Definition, family: u8) -> Result<(u8, u8)> {
        let protocol = self.protocol;
        let answer = self
            .connection
            .query(Command::Type.message(), 0, |writer| {
                body::revisions(writer, protocol, definition.name, family);
            })
            .await;
        let payload = answer.map_err(|failure| match failure {
            Failure::Rejected(rejection) if rejection.code == code::FIND_TYPE => {
                let why = format!(
                    "this kernel does not have the set type {}; its module {} may be missing",
                    definition.name,
                    definition.module()
                );
                let cause = Cause::Unavailable(why.into());
                Error::new(Command::Type.operation(), cause).object(definition.name)
            }
            failure => error(Command::Type, About::default(), failure).object(definition.name),
        })?;
        attributes(payload)
            .and_then(answer::revisions)
            .map_err(|malformed| malformed_reply(Command::Type, malformed))
    }

    /// Returns the number of the revision with which to create a set.
    async fn revision<K: SetType>(&mut self, set: &IpSet<K>, wanted: Revision) -> Result<u8> {
        let definition = set.definition();
        let (least, most) = self
            .revisions_of(definition, set.family_number())
            .await
            .map_err(|error| error.during(Command::Create.operation()).object(set.name()))?;
        let unavailable = |why: String| {
            let cause = Cause::Unavailable(why.into());
            Err(Error::new(Command::Create.operation(), cause).object(set.name()))
        };
        if least > definition.revision {
            let known = definition.revision;
            return unavailable(format!(
                "the kernel's revisions of {} start at {least}, but this crate's end at {known}",
                definition.name
            ));
        }
        let options = set.options();
        let late = options.bitmask.is_some()
            || options.netmask.is_some() && definition.options.contains(Takes::NETMASK_LATE);
        if late && most < definition.bitmask_since {
            let option = match options.bitmask {
                Some(_) => "bitmask",
                None => "netmask",
            };
            return unavailable(format!("{option} needs Linux 6.2 or later"));
        }
        if options.spreads() && most < definition.bucketsize_since {
            return unavailable("bucketsize and initval need Linux 5.11 or later".into());
        }
        let most = most.min(definition.revision);
        Ok(match wanted {
            Revision::Number(number) => number,
            Revision::Highest => most,
            // The kernel lists bucketsize and initval only for a set of the highest revision.
            Revision::Lowest if options.spreads() => most,
            Revision::Lowest => set.lowest_revision().max(least).min(most),
        })
    }

    /// Creates a set that does not exist.
    pub(crate) async fn create<K: SetType>(
        &mut self,
        set: &IpSet<K>,
        revision: Revision,
    ) -> Result<()> {
        set.validate()?;
        let revision = self.revision(set, revision).await?;
        let protocol = self.protocol;
        self.connection
            .command(Command::Create.message(), flag::EXCL, |writer| {
                body::create(writer, protocol, set, revision);
            })
            .await
            .map_err(|failure| error(Command::Create, about(set), failure).object(set.name()))
    }

    /// Creates a set, or checks that the one that exists is the same. Returns true if the set was
    /// created.
    pub(crate) async fn create_if_absent<K: SetType>(&mut self, set: &IpSet<K>) -> Result<bool> {
        loop {
            match self.create(set, Revision::Lowest).await {
                Ok(()) => return Ok(true),
                Err(error) if error.is_already_exists() => {}
                Err(error) => return Err(error),
            }
            match self.info(set).await {
                Ok(there) => return same(set, &there).map(|()| false),
                // Another program destroyed it in between.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Checks that the set that exists is the same as the one to be created.
fn same<K: SetType>(set: &IpSet<K>, there: &SetInfo) -> Result<()> {
    let difference = match &there.set {
        Some(there) if there.type_name() == set.type_name() => {
            set.options().difference(there.options(), set.definition())
        }
        _ => Some(format!(
            "type {} instead of {}",
            there.type_name,
            set.type_name()
        )),
    };
    match difference {
        None => Ok(()),
        Some(difference) => Err(Error::new(
            Command::Create.operation(),
            Cause::Kernel(Kernel {
                code: libc::EEXIST,
                meaning: Meaning::exists(format!("it exists with {difference}")),
                extended: None,
            }),
        )
        .object(set.name())),
    }
}
