//! What the kernel's error codes mean, which depends on the command and on the set's type
//! (include/uapi/linux/netfilter/ipset/ip_set.h and its ip_set_hash.h, ip_set_bitmap.h,
//! ip_set_list.h).

use std::borrow::Cow;

use nix::libc;

use super::attr::{command, message};
use super::encode::Purpose;
use super::options::CreateOptions;
use super::types::{Definition, Takes};
use crate::ErrorKind;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Connect,
    Create,
    Destroy,
    Flush,
    Rename,
    Swap,
    List,
    Save,
    Add,
    Remove,
    Test,
    Header,
    Type,
    Index,
    Name,
}

impl From<Purpose> for Command {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Add | Purpose::Put => Self::Add,
            Purpose::Remove => Self::Remove,
            Purpose::Test => Self::Test,
        }
    }
}

impl Command {
    /// `IPSET_CMD_*`
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Connect => command::PROTOCOL,
            Self::Create => command::CREATE,
            Self::Destroy => command::DESTROY,
            Self::Flush => command::FLUSH,
            Self::Rename => command::RENAME,
            Self::Swap => command::SWAP,
            Self::List => command::LIST,
            Self::Save => command::SAVE,
            Self::Add => command::ADD,
            Self::Remove => command::DEL,
            Self::Test => command::TEST,
            Self::Header => command::HEADER,
            Self::Type => command::TYPE,
            Self::Index => command::GET_BYNAME,
            Self::Name => command::GET_BYINDEX,
        }
    }

    /// The type of the netlink message that carries it.
    pub(crate) const fn message(self) -> u16 {
        message(self.number())
    }

    /// How an error names it.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Connect => "connect to ipset",
            Self::Create => "create set",
            Self::Destroy => "destroy set",
            Self::Flush => "flush set",
            Self::Rename => "rename set",
            Self::Swap => "swap sets",
            Self::List | Self::Save => "list set",
            Self::Add => "add entry",
            Self::Remove => "remove entry",
            Self::Test => "test entry",
            Self::Header => "get set",
            Self::Type => "get set type",
            Self::Index | Self::Name => "find set",
        }
    }
}

/// The set that a command was for, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) definition: Option<&'static Definition>,
    pub(crate) options: Option<&'a CreateOptions>,
}

pub(crate) const MALFORMED: i32 = 4097;
pub(crate) const FIND_TYPE: i32 = 4098;
pub(crate) const EXIST: i32 = 4103;
/// Here the codes begin that each type of set has for itself.
const TYPE_SPECIFIC: i32 = 4352;

type Meaning = (ErrorKind, Option<Cow<'static, str>>);

/// What a code means for a command.
pub(crate) fn interpret(command: Command, about: About<'_>, code: i32) -> Meaning {
    if code >= TYPE_SPECIFIC {
        return type_specific(about, code);
    }
    let (kind, words) = if code >= 4096 {
        private(command, code)
    } else {
        errno(command, about, code)
    };
    (kind, (!words.is_empty()).then_some(words.into()))
}

fn errno(command: Command, about: About<'_>, code: i32) -> (ErrorKind, &'static str) {
    use ErrorKind::*;
    match (code, command) {
        (libc::ENOENT, Command::Swap) => (NotFound, "the first set does not exist"),
        (libc::ENOENT, _) => (NotFound, "there is no such set"),
        (libc::EEXIST, _) => (AlreadyExists, "a set of this name exists"),
        (libc::EBUSY, Command::Swap) => (Busy, "one of the sets is being listed"),
        (libc::EBUSY, _) => (Busy, "the set is being listed"),
        (libc::EPERM | libc::EACCES, _) => (
            PermissionDenied,
            "the capability CAP_NET_ADMIN is needed in the user namespace that owns the \
             network namespace",
        ),
        (libc::EINVAL, Command::Add | Command::Remove) => (
            InvalidInput,
            match about.definition {
                Some(it) if it.options.contains(Takes::NETMASK_LATE) => {
                    "Linux 6.2 and later take no zero address in this type of set"
                }
                _ => "",
            },
        ),
        (libc::EINVAL, _) => (InvalidInput, ""),
        (libc::EMSGSIZE, _) => (Other, "the entry does not fit the kernel's reply"),
        _ => (Other, ""),
    }
}

fn private(command: Command, code: i32) -> (ErrorKind, &'static str) {
    use ErrorKind::*;
    match (code, command) {
        (MALFORMED, _) => (
            InvalidInput,
            "this kernel's version of the set type does not take one of the options or elements",
        ),
        (FIND_TYPE, _) => (
            Unavailable,
            "this kernel has no such set type or revision; its module may be missing",
        ),
        (4099, _) => (Full, "there is no room for another set"),
        (4100, Command::Destroy) => (Busy, "a rule or a list uses it, or it is being listed"),
        (4100, _) => (Busy, "the set is in use"),
        (4101, Command::Swap) => (NotFound, "the second set does not exist"),
        (4101, _) => (AlreadyExists, "a set of the new name exists"),
        (4102, _) => (
            InvalidInput,
            "the two sets' entries are not made alike or differ in family",
        ),
        (EXIST, Command::Add) => (AlreadyExists, "the entry is in the set"),
        (EXIST, _) => (NotFound, "the entry is not in the set"),
        (4104, _) => (InvalidInput, "no prefix length that the kernel takes"),
        (4105, _) => (InvalidInput, "no netmask or bitmask that the kernel takes"),
        (4106, _) => (InvalidInput, "no address family that the type has"),
        (4107, _) => (InvalidInput, "the set was created without timeout"),
        (4108, _) => (Busy, "a rule or a list uses the set, or it is being listed"),
        (4109, _) => (InvalidInput, "an IPv4 address is meant"),
        (4110, _) => (InvalidInput, "an IPv6 address is meant"),
        (4111, _) => (InvalidInput, "the set was created without counters"),
        (4112, _) => (InvalidInput, "the set was created without comments"),
        (4113, _) => (InvalidInput, "no markmask that the kernel takes"),
        (4114, _) => (InvalidInput, "the set was created without skbinfo"),
        (4115, _) => (InvalidInput, "netmask and bitmask exclude each other"),
        _ => (Other, ""),
    }
}

/// The same numbers mean another thing for each method: bitmap, hash, list.
fn type_specific(about: About<'_>, code: i32) -> Meaning {
    use ErrorKind::*;
    let method = about
        .definition
        .and_then(|definition| definition.name.split(':').next())
        .unwrap_or_default();
    let (kind, words) = match (method, code - TYPE_SPECIFIC) {
        ("bitmap", 0) => {
            let range = about.options.and_then(|options| options.range);
            return match range {
                Some(range) => (
                    InvalidInput,
                    Some(format!("it is outside the set's range {range}").into()),
                ),
                None => (InvalidInput, Some("it is outside the set's range".into())),
            };
        }
        ("bitmap", 1) => (InvalidInput, "the range has more than 65536 elements"),
        ("hash", 0) => {
            let maxelem = about.options.and_then(|options| options.maxelem);
            let full = match maxelem {
                Some(maxelem) => format!("the set is full: maxelem {maxelem}"),
                None => "the set is full (maxelem)".into(),
            };
            // Those of one network share a bucket: AHASH_MAX_TUNED in ip_set_hash_gen.h.
            let name = about.definition.map(|definition| definition.name);
            let bucket = match name {
                Some("hash:net,iface") => ", or the network has 64 interfaces",
                _ => "",
            };
            return (Full, Some((full + bucket).into()));
        }
        ("hash", 1) => (InvalidInput, "a zero element is none that the set takes"),
        ("hash", 2) => (InvalidInput, "no protocol that the set takes"),
        ("hash", 3) => (InvalidInput, "the protocol is missing"),
        ("hash", 4) => (InvalidInput, "the set takes no ranges of IPv6 addresses"),
        ("hash", 5) => (InvalidInput, "the range covers all addresses"),
        ("list", 0) => (NotFound, "the set to be a member does not exist"),
        ("list", 1) => (InvalidInput, "a list cannot be a member of a list"),
        ("list", 2) => (InvalidInput, "the member to stand before is missing"),
        ("list", 3) => (NotFound, "the set to stand before or after does not exist"),
        ("list", 4) => (Full, "the list is full"),
        ("list", 5) => (NotFound, "the set to stand before or after is no member"),
        _ => return (Other, None),
    };
    (kind, Some(words.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(code: i32) -> Meaning {
        let options = CreateOptions {
            maxelem: Some(65536),
            ..Default::default()
        };
        let about = About {
            definition: Definition::named("hash:ip"),
            options: Some(&options),
        };
        interpret(Command::Add, about, code)
    }

    #[test]
    fn a_code_means_what_its_command_makes_of_it() {
        let kind = |command, code| interpret(command, About::default(), code).0;
        assert_eq!(kind(Command::Add, EXIST), ErrorKind::AlreadyExists);
        assert_eq!(kind(Command::Remove, EXIST), ErrorKind::NotFound);
        assert_eq!(kind(Command::Rename, 4101), ErrorKind::AlreadyExists);
        assert_eq!(kind(Command::Swap, 4101), ErrorKind::NotFound);
        assert_eq!(kind(Command::Create, FIND_TYPE), ErrorKind::Unavailable);
        assert_eq!(kind(Command::Destroy, 4100), ErrorKind::Busy);
    }

    #[test]
    fn type_specific_codes_have_the_words_of_the_sets_method() {
        let (kind, words) = hash(TYPE_SPECIFIC);
        assert_eq!(kind, ErrorKind::Full);
        assert_eq!(words.unwrap(), "the set is full: maxelem 65536");
        let list = About {
            definition: Definition::named("list:set"),
            options: None,
        };
        let (kind, words) = interpret(Command::Add, list, TYPE_SPECIFIC);
        assert_eq!(kind, ErrorKind::NotFound);
        assert!(words.unwrap().contains("member"));
    }

    #[test]
    fn every_code_of_the_protocol_has_words() {
        for code in 4097..=4115 {
            assert!(
                interpret(Command::Add, About::default(), code).1.is_some(),
                "{code}"
            );
        }
        for code in 0..6 {
            assert!(hash(TYPE_SPECIFIC + code).1.is_some(), "{code}");
        }
    }
}
