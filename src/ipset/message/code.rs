//! The meaning of the kernel's error codes, which depends on the command and on the set's type
//! (include/uapi/linux/netfilter/ipset/ip_set.h and its ip_set_hash.h, ip_set_bitmap.h,
//! ip_set_list.h).

use nix::libc;

use super::attr::{command, message};
use super::encode::Purpose;
use crate::error::Meaning;
use crate::ipset::model::options::CreateOptions;
use crate::ipset::model::types::{Definition, Takes};
use crate::{ErrorKind, Missing};

/// A command of the protocol.
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

    /// Returns the name of the command in an error.
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

/// The set that a command is about, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) definition: Option<&'static Definition>,
    pub(crate) options: Option<&'a CreateOptions>,
}

pub(crate) const MALFORMED: i32 = 4097;
pub(crate) const FIND_TYPE: i32 = 4098;
pub(crate) const EXIST: i32 = 4103;
/// The reason of an error after ipset was removed from the kernel.
pub(crate) const GONE: &str =
    "the kernel has no ipset any more; load its module ip_set, and connect again";
/// The first of the codes that each set type defines for itself.
pub(crate) const TYPE_SPECIFIC: i32 = 4352;

/// Returns the meaning of a code for a command.
pub(crate) fn interpret(command: Command, about: About<'_>, code: i32) -> Meaning {
    if code >= TYPE_SPECIFIC {
        type_specific(about, code)
    } else if code >= 4096 {
        private(command, code)
    } else {
        errno(command, about, code)
    }
}

/// Returns true if the code means that the whole set is full. In a `hash:net,iface`, it may also
/// mean that one network is: its entries share a bucket (`AHASH_MAX_TUNED` in ip_set_hash_gen.h).
pub(crate) fn is_of_full_set(about: About<'_>, code: i32) -> bool {
    type_specific(about, code).kind == ErrorKind::Full && !about.is("hash:net,iface")
}

impl About<'_> {
    fn is(&self, name: &str) -> bool {
        self.definition.is_some_and(|it| it.name == name)
    }

    /// Returns true if Linux 6.2 and later refuse entries with a zero address in this set type.
    fn refuses_zero(&self) -> bool {
        self.definition
            .is_some_and(|it| it.options.contains(Takes::NETMASK_LATE))
    }
}

fn errno(command: Command, about: About<'_>, code: i32) -> Meaning {
    match (code, command) {
        (libc::ENOENT, Command::Swap) => {
            Meaning::missing(Missing::Set, "the first set does not exist")
        }
        (libc::ENOENT, _) => Meaning::missing(Missing::Set, "there is no such set"),
        (libc::EEXIST, _) => Meaning::exists("a set of this name exists"),
        (libc::EBUSY, Command::Swap) => Meaning::busy("one of the sets is being listed"),
        (libc::EBUSY, _) => Meaning::busy("the set is being listed"),
        (libc::EPERM | libc::EACCES, _) => Meaning::new(
            ErrorKind::PermissionDenied,
            "the capability CAP_NET_ADMIN is needed in the user namespace that owns the network \
             namespace",
        ),
        (libc::EINVAL, Command::Add | Command::Remove) if about.refuses_zero() => {
            Meaning::invalid("Linux 6.2 and later do not take a zero address in this set type")
        }
        (libc::EINVAL, Command::Add | Command::Remove) => ErrorKind::InvalidInput.into(),
        // nfnetlink answers this if the subsystem is not registered.
        (libc::EINVAL, _) => Meaning::unavailable(GONE),
        (libc::EMSGSIZE, _) => Meaning::new(
            ErrorKind::Other,
            "the entry does not fit into the kernel's reply",
        ),
        _ => ErrorKind::Other.into(),
    }
}

fn private(command: Command, code: i32) -> Meaning {
    match (code, command) {
        (MALFORMED, _) => Meaning::invalid(
            "this kernel's version of the set type does not take one of the options or elements",
        ),
        (FIND_TYPE, _) => Meaning::unavailable(
            "this kernel has no such set type or revision; its module may be missing",
        ),
        (4099, _) => Meaning::new(ErrorKind::Full, "there is no room for another set"),
        (4100, Command::Destroy) => {
            Meaning::busy("a rule or a list uses it, or it is being listed")
        }
        (4100, _) => Meaning::busy("the set is in use"),
        (4101, Command::Swap) => Meaning::missing(Missing::Set, "the second set does not exist"),
        (4101, _) => Meaning::exists("a set of the new name exists"),
        (4102, _) => {
            Meaning::invalid("the sets differ in family or in the elements of their entries")
        }
        (EXIST, Command::Add) => Meaning::exists("the entry is in the set"),
        (EXIST, _) => Meaning::missing(Missing::Entry, "the entry is not in the set"),
        (4104, _) => Meaning::invalid("the kernel does not take this prefix length"),
        (4105, _) => Meaning::invalid("the kernel does not take this netmask or bitmask"),
        (4106, _) => Meaning::invalid("the type does not have this address family"),
        (4107, _) => Meaning::invalid("the set was created without timeout"),
        (4108, _) => Meaning::busy("a rule or a list uses the set, or it is being listed"),
        (4109, _) => Meaning::invalid("the set needs an IPv4 address"),
        (4110, _) => Meaning::invalid("the set needs an IPv6 address"),
        (4111, _) => Meaning::invalid("the set was created without counters"),
        (4112, _) => Meaning::invalid("the set was created without comments"),
        (4113, _) => Meaning::invalid("no markmask that the kernel takes"),
        (4114, _) => Meaning::invalid("the set was created without skbinfo"),
        (4115, _) => Meaning::invalid("netmask and bitmask exclude each other"),
        _ => ErrorKind::Other.into(),
    }
}

/// Returns the meaning of a code that depends on the method: bitmap, hash or list.
fn type_specific(about: About<'_>, code: i32) -> Meaning {
    let method = about
        .definition
        .and_then(|definition| definition.name.split(':').next())
        .unwrap_or_default();
    match (method, code - TYPE_SPECIFIC) {
        ("bitmap", 0) => {
            let range = about.options.and_then(|options| options.range);
            let outside = "it is outside the set's range";
            match range {
                Some(range) => Meaning::invalid(format!("{outside} {range}")),
                None => Meaning::invalid(outside),
            }
        }
        ("bitmap", 1) => Meaning::invalid("the range has more than 65536 elements"),
        ("hash", 0) => {
            let maxelem = about.options.and_then(|options| options.maxelem);
            let full = match maxelem {
                Some(maxelem) => format!("the set is full: maxelem {maxelem}"),
                None => "the set is full (maxelem)".into(),
            };
            let bucket = match about.is("hash:net,iface") {
                true => ", or the network has 64 interfaces",
                false => "",
            };
            Meaning::new(ErrorKind::Full, full + bucket)
        }
        ("hash", 1) => Meaning::invalid("the set does not take a zero element"),
        ("hash", 2) => Meaning::invalid("the set does not take this protocol"),
        ("hash", 3) => Meaning::invalid("the protocol is missing"),
        ("hash", 4) => Meaning::invalid("the set does not take ranges of IPv6 addresses"),
        ("hash", 5) => Meaning::invalid("the range covers all addresses"),
        ("list", 0) => {
            Meaning::missing(Missing::Member, "the set to add as a member does not exist")
        }
        ("list", 1) => Meaning::invalid("a list cannot be a member of a list"),
        ("list", 2) => Meaning::invalid("the set given as 'before' is missing"),
        ("list", 3) => Meaning::missing(
            Missing::Neighbor,
            "the set given as 'before' or 'after' does not exist",
        ),
        ("list", 4) => Meaning::new(ErrorKind::Full, "the list is full"),
        ("list", 5) => Meaning::missing(
            Missing::Neighbor,
            "the set given as 'before' or 'after' is not a member",
        ),
        _ => ErrorKind::Other.into(),
    }
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
        let kind = |command, code| interpret(command, About::default(), code).kind;
        assert_eq!(kind(Command::Add, EXIST), ErrorKind::AlreadyExists);
        assert_eq!(kind(Command::Remove, EXIST), ErrorKind::NotFound);
        assert_eq!(kind(Command::Rename, 4101), ErrorKind::AlreadyExists);
        assert_eq!(kind(Command::Swap, 4101), ErrorKind::NotFound);
        assert_eq!(kind(Command::Create, FIND_TYPE), ErrorKind::Unavailable);
        assert_eq!(kind(Command::Destroy, 4100), ErrorKind::Busy);
    }

    #[test]
    fn type_specific_codes_have_the_words_of_the_sets_method() {
        let full = hash(TYPE_SPECIFIC);
        assert_eq!(full.kind, ErrorKind::Full);
        assert_eq!(full.words.unwrap(), "the set is full: maxelem 65536");
        let list = About {
            definition: Definition::named("list:set"),
            options: None,
        };
        let missing = interpret(Command::Add, list, TYPE_SPECIFIC);
        assert_eq!(missing.kind, ErrorKind::NotFound);
        assert_eq!(missing.missing, Some(Missing::Member));
        assert!(missing.words.unwrap().contains("member"));
    }

    /// The codes of include/uapi/linux/netfilter/ipset/ip_set.h, in order from 4097.
    #[test]
    fn every_code_of_the_protocol_has_its_kind() {
        use ErrorKind as K;
        let kinds = [
            (K::InvalidInput, "options or elements"),
            (K::Unavailable, "no such set type"),
            (K::Full, "another set"),
            (K::Busy, "in use"),
            (K::AlreadyExists, "of the new name"),
            (K::InvalidInput, "family"),
            (K::NotFound, "not in the set"),
            (K::InvalidInput, "prefix length"),
            (K::InvalidInput, "netmask"),
            (K::InvalidInput, "address family"),
            (K::InvalidInput, "without timeout"),
            (K::Busy, "a list uses the set"),
            (K::InvalidInput, "IPv4"),
            (K::InvalidInput, "IPv6"),
            (K::InvalidInput, "without counters"),
            (K::InvalidInput, "without comments"),
            (K::InvalidInput, "markmask"),
            (K::InvalidInput, "without skbinfo"),
            (K::InvalidInput, "exclude each other"),
            (K::Other, ""),
        ];
        for (code, (kind, word)) in (4097..).zip(kinds) {
            let meaning = interpret(Command::Test, About::default(), code);
            assert_eq!(meaning.kind, kind, "{code}");
            let words = meaning.words.unwrap_or_default();
            assert!(words.contains(word), "{code}: {words}");
        }
    }

    #[test]
    fn codes_of_the_types_and_the_systems_errors_have_their_kind() {
        use ErrorKind as K;
        let of = |name, code| {
            let about = About {
                definition: Definition::named(name),
                options: None,
            };
            interpret(Command::Add, about, code).kind
        };
        let kinds = |name| [0, 1, 2, 3, 4, 5, 6].map(|code| of(name, TYPE_SPECIFIC + code));
        let invalid = K::InvalidInput;
        let bitmap = [
            invalid,
            invalid,
            K::Other,
            K::Other,
            K::Other,
            K::Other,
            K::Other,
        ];
        assert_eq!(kinds("bitmap:port"), bitmap);
        let hash = [
            K::Full,
            invalid,
            invalid,
            invalid,
            invalid,
            invalid,
            K::Other,
        ];
        assert_eq!(kinds("hash:ip"), hash);
        let missing = K::NotFound;
        let list = [
            missing,
            invalid,
            invalid,
            missing,
            K::Full,
            missing,
            K::Other,
        ];
        assert_eq!(kinds("list:set"), list);
        let full = About {
            definition: Definition::named("hash:net,iface"),
            options: None,
        };
        assert!(!is_of_full_set(full, TYPE_SPECIFIC));
        assert!(!is_of_full_set(About::default(), TYPE_SPECIFIC));
        let ip = About {
            definition: Definition::named("hash:ip"),
            options: None,
        };
        assert!(is_of_full_set(ip, TYPE_SPECIFIC) && !is_of_full_set(ip, TYPE_SPECIFIC + 1));
        for (code, kind, word) in [
            (libc::ENOENT, K::NotFound, "no such set"),
            (libc::EEXIST, K::AlreadyExists, "of this name"),
            (libc::EBUSY, K::Busy, "the set is being listed"),
            (libc::EPERM, K::PermissionDenied, "CAP_NET_ADMIN"),
            (libc::EACCES, K::PermissionDenied, "CAP_NET_ADMIN"),
            (libc::EINVAL, K::InvalidInput, ""),
            (libc::EMSGSIZE, K::Other, "does not fit"),
            (libc::ENOMEM, K::Other, ""),
        ] {
            let meaning = interpret(Command::Add, About::default(), code);
            assert_eq!(meaning.kind, kind, "{code}");
            assert!(meaning.words.unwrap_or_default().contains(word), "{code}");
        }
        let swap = |code| {
            interpret(Command::Swap, About::default(), code)
                .words
                .unwrap()
        };
        assert!(swap(libc::ENOENT).contains("first"));
        assert!(swap(libc::EBUSY).contains("one of the sets"));
        let gone = interpret(Command::Flush, About::default(), libc::EINVAL);
        assert_eq!(gone.kind, K::Unavailable);
    }

    #[test]
    fn every_code_of_the_protocol_has_words() {
        for code in 4097..=4115 {
            assert!(
                interpret(Command::Add, About::default(), code)
                    .words
                    .is_some(),
                "{code}"
            );
        }
        for code in 0..6 {
            assert!(hash(TYPE_SPECIFIC + code).words.is_some(), "{code}");
        }
    }
}
