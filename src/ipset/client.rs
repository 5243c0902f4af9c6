//! What a handle does, for every kind of connection.

use nix::libc;

use super::attr::{command, list_flag, message, top};
use super::code::{self, About, Command};
use super::encode::Purpose;
use super::info::{Header, Listed};
use super::options::number;
use super::types::{Definition, Families, Takes};
use super::{AnySet, AnyType, Entry, IpSet, Named, SetInfo, SetName, SetType};
use crate::error::Cause;
use crate::netlink::{Connection, DumpStep, Failure, Transport, flag};
use crate::wire::{Attributes, Malformed, Writer};
use crate::{Error, ErrorKind, Result};

/// The versions of the protocol that this crate speaks: 7 has indices beside what 6 has.
pub(super) const PROTOCOLS: std::ops::RangeInclusive<u8> = 6..=7;

/// `struct nfgenmsg` (include/uapi/linux/netfilter/nfnetlink.h). Its family is not looked at.
pub(super) const NFGENMSG: [u8; 4] = [number::INET, 0, 0, 0];

/// A connection that speaks ipset.
#[derive(Debug)]
pub(crate) struct Client<T> {
    pub(super) connection: Connection<T>,
    pub(super) protocol: u8,
    /// An entry on its way into a request.
    scratch: Writer,
}

/// Takes a reply's fixed header off.
pub(super) fn attributes(payload: &[u8]) -> Result<Attributes<'_>, Malformed> {
    payload
        .get(NFGENMSG.len()..)
        .map(Attributes::new)
        .ok_or(Malformed::Missing("the nfnetlink header"))
}

/// Begins every request: the fixed header and the protocol's version.
pub(super) fn begin(writer: &mut Writer, protocol: u8) {
    writer.raw(&NFGENMSG);
    writer.u8(top::PROTOCOL, protocol);
}

pub(super) fn name(writer: &mut Writer, kind: u16, name: &SetName) {
    writer.attribute(kind, name.with_zero());
}

/// Makes an error of a failed exchange.
pub(super) fn error(command: Command, about: About<'_>, failure: Failure) -> Error {
    let cause = Cause::from_failure(failure, |code| code::interpret(command, about, code));
    Error::new(command.operation(), cause)
}

/// The error of a socket that could not be opened.
pub(crate) fn connect_failed(failure: Failure) -> Error {
    match failure {
        Failure::Io(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => {
            unavailable("this kernel has no netfilter netlink")
        }
        failure => error(Command::Connect, About::default(), failure),
    }
}

impl<T: Transport> Client<T> {
    /// Asks for the protocol's version.
    pub(crate) async fn connect(transport: T) -> Result<Self> {
        let mut client = Self {
            connection: Connection::new(transport),
            protocol: *PROTOCOLS.end(),
            scratch: Writer::default(),
        };
        let (least, most) = client.versions().await?;
        client.protocol = most.min(*PROTOCOLS.end());
        if !PROTOCOLS.contains(&client.protocol) || client.protocol < least {
            let why = format!(
                "the kernel speaks versions {least} to {most} of the protocol, this crate 6 and 7"
            );
            return Err(unavailable(why));
        }
        Ok(client)
    }

    /// The least and the highest version of the protocol that the kernel speaks.
    async fn versions(&mut self) -> Result<(u8, u8)> {
        let version = *PROTOCOLS.end();
        let answer = self
            .connection
            .query(message(command::PROTOCOL), 0, |writer| {
                begin(writer, version);
            })
            .await;
        let payload = match answer {
            Ok(payload) => payload,
            // What nfnetlink says about a subsystem that nobody registered.
            Err(Failure::Rejected(rejection)) if rejection.code == libc::EINVAL => {
                return Err(unavailable(
                    "this kernel has no ipset; its module ip_set may be missing",
                ));
            }
            Err(failure) => return Err(error(Command::Connect, About::default(), failure)),
        };
        let read = || {
            let (mut least, mut most) = (None, None);
            for attribute in attributes(payload)? {
                let attribute = attribute?;
                match attribute.kind() {
                    top::PROTOCOL => most = Some(attribute.u8()?),
                    top::PROTOCOL_MIN => least = Some(attribute.u8()?),
                    _ => {}
                }
            }
            let most = most.ok_or(Malformed::Missing("the protocol's version"))?;
            Ok((least.unwrap_or(most), most))
        };
        read().map_err(|malformed| malformed_reply(Command::Connect, malformed))
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The lowest and the highest revision of a type that the kernel has.
    pub(crate) async fn revisions(&mut self, kind: AnyType) -> Result<(u8, u8)> {
        let definition = kind.definition();
        let family = match definition.families {
            Families::Both | Families::Inet => number::INET,
            Families::Unspecified => number::UNSPECIFIED,
        };
        self.revisions_of(definition, family).await
    }

    async fn revisions_of(&mut self, definition: &Definition, family: u8) -> Result<(u8, u8)> {
        let protocol = self.protocol;
        let answer = self
            .connection
            .query(message(command::TYPE), 0, |writer| {
                begin(writer, protocol);
                writer.string(top::TYPENAME, definition.name);
                writer.u8(top::FAMILY, family);
            })
            .await;
        let payload = match answer {
            Ok(payload) => payload,
            Err(Failure::Rejected(rejection)) if rejection.code == code::FIND_TYPE => {
                let module = definition.name.replace([':', ','], "");
                let module = module
                    .replace("hash", "hash_")
                    .replace("bitmap", "bitmap_")
                    .replace("list", "list_");
                return Err(Error::new(
                    Command::Type.operation(),
                    Cause::Unavailable(
                        format!(
                            "this kernel does not have the set type {}; its module \
                             ip_set_{module} may be missing",
                            definition.name
                        )
                        .into(),
                    ),
                )
                .object(definition.name));
            }
            Err(failure) => {
                return Err(error(Command::Type, About::default(), failure).object(definition.name));
            }
        };
        let read = || {
            let (mut least, mut most) = (None, None);
            for attribute in attributes(payload)? {
                let attribute = attribute?;
                match attribute.kind() {
                    top::REVISION => most = Some(attribute.u8()?),
                    top::REVISION_MIN => least = Some(attribute.u8()?),
                    _ => {}
                }
            }
            let most = most.ok_or(Malformed::Missing("the type's revision"))?;
            Ok((least.unwrap_or(most), most))
        };
        read().map_err(|malformed| malformed_reply(Command::Type, malformed))
    }

    /// The revision to create a set with.
    async fn revision<K: SetType>(&mut self, set: &IpSet<K>) -> Result<u8> {
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
                "the kernel's revisions of {} begin with {least}, this crate's end with {known}",
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
        let spread = options.bucketsize.is_some() || options.initval.is_some();
        if spread && most < definition.bucketsize_since {
            return unavailable("bucketsize and initval need Linux 5.11 or later".into());
        }
        Ok(most.min(definition.revision))
    }

    /// Creates a set that does not exist.
    pub(crate) async fn create<K: SetType>(&mut self, set: &IpSet<K>) -> Result<()> {
        set.check()?;
        let revision = self.revision(set).await?;
        let protocol = self.protocol;
        self.connection
            .command(message(command::CREATE), flag::EXCL, |writer| {
                begin(writer, protocol);
                name(writer, top::SETNAME, set.name());
                writer.string(top::TYPENAME, set.type_name());
                writer.u8(top::REVISION, revision);
                writer.u8(top::FAMILY, set.family_number());
                writer.nest(top::DATA, |writer| set.options().write(writer));
            })
            .await
            .map_err(|failure| error(Command::Create, about(set), failure).object(set.name()))
    }

    /// Creates a set, or makes sure that one exists which is the same; true if it was created.
    pub(crate) async fn create_or_same<K: SetType>(&mut self, set: &IpSet<K>) -> Result<bool> {
        loop {
            match self.create(set).await {
                Ok(()) => return Ok(true),
                Err(error) if error.already_exists() => {}
                Err(error) => return Err(error),
            }
            match self.info(set).await {
                Ok(there) => return same(set, &there).map(|()| false),
                // Destroyed in between.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A command whose only argument is a set.
    pub(crate) async fn with_set(
        &mut self,
        command: Command,
        exclusive: bool,
        set: &(impl Named + ?Sized),
    ) -> Result<()> {
        let set = set.set_name()?;
        self.with_names(command, exclusive, Some(&set), None)
            .await
            .map_err(|error| error.object(set))
    }

    /// Destroys a set without waiting for what comes of it.
    pub(super) fn destroy_and_forget(&mut self, set: &SetName) {
        let protocol = self.protocol;
        self.connection
            .send_and_forget(message(command::DESTROY), |writer| {
                begin(writer, protocol);
                name(writer, top::SETNAME, set);
            });
    }

    /// A command on every set.
    pub(crate) async fn with_all(&mut self, command: Command) -> Result<()> {
        self.with_names(command, true, None, None).await
    }

    /// Renames or swaps.
    pub(crate) async fn with_two(
        &mut self,
        command: Command,
        first: &(impl Named + ?Sized),
        second: &(impl Named + ?Sized),
    ) -> Result<()> {
        let (first, second) = (first.set_name()?, second.set_name()?);
        let conjunction = if command == Command::Swap {
            "and"
        } else {
            "to"
        };
        self.with_names(command, true, Some(&first), Some(&second))
            .await
            .map_err(|error| error.object(format_args!("{first} {conjunction} {second}")))
    }

    async fn with_names(
        &mut self,
        command: Command,
        exclusive: bool,
        first: Option<&SetName>,
        second: Option<&SetName>,
    ) -> Result<()> {
        let number = match command {
            Command::Destroy => command::DESTROY,
            Command::Rename => command::RENAME,
            Command::Swap => command::SWAP,
            _ => command::FLUSH,
        };
        let flags = if exclusive { flag::EXCL } else { 0 };
        let protocol = self.protocol;
        self.connection
            .command(message(number), flags, |writer| {
                begin(writer, protocol);
                if let Some(first) = first {
                    name(writer, top::SETNAME, first);
                }
                if let Some(second) = second {
                    name(writer, top::SETNAME2, second);
                }
            })
            .await
            .map_err(|failure| error(command, About::default(), failure))
    }

    /// Adds, removes or tests one entry; false if it is a test and the entry is not there.
    pub(crate) async fn entry<K: SetType>(
        &mut self,
        purpose: Purpose,
        exclusive: bool,
        set: &IpSet<K>,
        entry: &Entry<K>,
    ) -> Result<bool> {
        let (command, number) = match purpose {
            Purpose::Add => (Command::Add, command::ADD),
            Purpose::Remove => (Command::Remove, command::DEL),
            Purpose::Test => (Command::Test, command::TEST),
        };
        let flags = if exclusive { flag::EXCL } else { 0 };
        let protocol = self.protocol;
        // Written beside the request first: what is refused must not be sent.
        self.scratch.truncate(0);
        entry
            .write(set, purpose, &mut self.scratch)
            .map_err(|refusal| {
                Error::refused(command.operation(), refusal.0).object(entry.in_set(set.name()))
            })?;
        let scratch = &self.scratch;
        let sent = self
            .connection
            .command(message(number), flags, |writer| {
                begin(writer, protocol);
                name(writer, top::SETNAME, set.name());
                writer.nest(top::DATA, |writer| writer.raw(scratch.bytes()));
            })
            .await;
        match sent {
            Ok(()) => Ok(true),
            Err(Failure::Rejected(rejection))
                if purpose == Purpose::Test && rejection.code == code::EXIST =>
            {
                Ok(false)
            }
            Err(failure) => {
                Err(error(command, about(set), failure).object(entry.in_set(set.name())))
            }
        }
    }

    /// Type, family and revision of a set, without looking at its entries.
    pub(crate) async fn header(&mut self, set: &(impl Named + ?Sized)) -> Result<SetInfo> {
        let set = set.set_name()?;
        let protocol = self.protocol;
        let payload = self
            .connection
            .query(message(command::HEADER), 0, |writer| {
                begin(writer, protocol);
                name(writer, top::SETNAME, &set);
            })
            .await
            .map_err(|failure| error(Command::Header, About::default(), failure).object(set))?;
        attributes(payload)
            .and_then(Listed::read)
            .and_then(|listed| listed.header.unwrap_or_default().info(set))
            .map_err(|malformed| malformed_reply(Command::Header, malformed).object(set))
    }

    /// What the kernel says of a set beside its entries.
    pub(crate) async fn info(&mut self, set: &(impl Named + ?Sized)) -> Result<SetInfo> {
        let set = set.set_name()?;
        let infos = self.infos(Some(&set)).await?;
        infos.into_iter().next().ok_or_else(|| {
            malformed_reply(Command::List, Malformed::Missing("the set")).object(set)
        })
    }

    /// The same of one set or of all.
    pub(crate) async fn infos(&mut self, set: Option<&SetName>) -> Result<Vec<SetInfo>> {
        self.list(list_flag::HEADERS, set, |listed: Listed<'_>| {
            let name = listed.name;
            let info = listed.header.map(|header: Header<'_>| header.info(name));
            info.transpose()
        })
        .await
    }

    /// The names of all sets.
    pub(crate) async fn names(&mut self) -> Result<Vec<SetName>> {
        self.list(list_flag::NAMES, None, |listed| Ok(Some(listed.name)))
            .await
    }

    async fn list<R>(
        &mut self,
        flags: u32,
        set: Option<&SetName>,
        mut read: impl FnMut(Listed<'_>) -> Result<Option<R>, Malformed>,
    ) -> Result<Vec<R>> {
        let mut found = Vec::new();
        self.start_listing(flags, set).await?;
        while let Some(payload) = self.next_listed(set).await? {
            let one = attributes(self.connection.payload(payload))
                .and_then(Listed::read)
                .and_then(&mut read)
                .map_err(|malformed| malformed_reply(Command::List, malformed))?;
            found.extend(one);
        }
        Ok(found)
    }

    /// Asks for a dump of one set or of all.
    pub(super) async fn start_listing(&mut self, flags: u32, set: Option<&SetName>) -> Result<()> {
        let protocol = self.protocol;
        self.connection
            .dump(message(command::LIST), |writer| {
                begin(writer, protocol);
                if let Some(set) = set {
                    name(writer, top::SETNAME, set);
                }
                if flags != 0 {
                    writer.u32_net(top::FLAGS, flags);
                }
            })
            .await
            .map_err(|failure| list_error(failure, set))
    }

    /// The next message of the dump.
    pub(super) async fn next_listed(
        &mut self,
        set: Option<&SetName>,
    ) -> Result<Option<std::ops::Range<usize>>> {
        match self.connection.dump_next().await {
            Ok(DumpStep::Data(payload)) => Ok(Some(payload)),
            Ok(DumpStep::End) => Ok(None),
            Err(failure) => Err(list_error(failure, set)),
        }
    }

    /// The number by which rules refer to a set.
    pub(crate) async fn index(&mut self, set: &(impl Named + ?Sized)) -> Result<u16> {
        self.needs_indices()?;
        let set = set.set_name()?;
        let protocol = self.protocol;
        let payload = self
            .connection
            .query(message(command::GET_BYNAME), 0, |writer| {
                begin(writer, protocol);
                name(writer, top::SETNAME, &set);
            })
            .await
            .map_err(|failure| error(Command::Find, About::default(), failure).object(set))?;
        find(payload, top::INDEX, |attribute| attribute.u16_be())
            .map_err(|malformed| malformed_reply(Command::Find, malformed).object(set))
    }

    /// The set that rules refer to by a number.
    pub(crate) async fn by_index(&mut self, index: u16) -> Result<SetName> {
        self.needs_indices()?;
        let protocol = self.protocol;
        let object = format!("number {index}");
        let payload = self
            .connection
            .query(message(command::GET_BYINDEX), 0, |writer| {
                begin(writer, protocol);
                writer.u16_net(top::INDEX, index);
            })
            .await
            .map_err(|failure| error(Command::Find, About::default(), failure).object(&object))?;
        find(payload, top::SETNAME, |attribute| {
            SetName::from_kernel(attribute.c_string())
        })
        .map_err(|malformed| malformed_reply(Command::Find, malformed).object(&object))
    }

    fn needs_indices(&self) -> Result<()> {
        if self.protocol < 7 {
            let why = "the kernel tells the number of a set from Linux 4.20 on";
            let cause = Cause::Unavailable(why.into());
            return Err(Error::new(Command::Find.operation(), cause));
        }
        Ok(())
    }
}

fn find<R>(
    payload: &[u8],
    kind: u16,
    read: impl FnOnce(crate::wire::Attribute<'_>) -> Result<R, Malformed>,
) -> Result<R, Malformed> {
    for attribute in attributes(payload)? {
        let attribute = attribute?;
        if attribute.kind() == kind {
            return read(attribute);
        }
    }
    Err(Malformed::Missing("what was asked for"))
}

/// What an error about a set can tell of it.
pub(super) fn about<K: SetType>(set: &IpSet<K>) -> About<'_> {
    About {
        definition: Some(set.definition()),
        options: Some(set.options()),
    }
}

fn list_error(failure: Failure, set: Option<&SetName>) -> Error {
    let error = error(Command::List, About::default(), failure);
    match set {
        Some(set) => error.object(set),
        None => error,
    }
}

pub(super) fn malformed_reply(command: Command, malformed: Malformed) -> Error {
    Error::new(command.operation(), Cause::Malformed(malformed))
}

pub(super) fn unavailable(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Command::Connect.operation(), Cause::Unavailable(why.into()))
}

/// Whether a set that exists is the one that was to be created.
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
            Cause::Kernel(crate::error::Kernel {
                kind: ErrorKind::AlreadyExists,
                code: libc::EEXIST,
                words: Some(format!("it exists with {difference}").into()),
                extended: None,
            }),
        )
        .object(set.name())),
    }
}

impl<T: Transport> Client<T> {
    /// A set as the kernel has it, if it is of type `K`.
    pub(crate) async fn get<K: SetType + Default>(
        &mut self,
        set: &(impl Named + ?Sized),
    ) -> Result<IpSet<K>> {
        let info = self.info(set).await?;
        let wanted = K::default();
        info.set.as_ref().and_then(AnySet::typed).ok_or_else(|| {
            let why = format!(
                "its type is {}, not {}",
                info.type_name,
                wanted.definition().name
            );
            Error::refused(Command::Header.operation(), why).object(info.name)
        })
    }
}
