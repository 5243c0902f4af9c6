//! The numbers of the protocol (include/uapi/linux/netfilter/ipset/ip_set.h).

/// `NFNL_SUBSYS_IPSET`, the upper half of every message's type.
const SUBSYSTEM: u16 = 6;

/// The type of the netlink message that carries a command.
pub(crate) const fn message(command: u8) -> u16 {
    SUBSYSTEM << 8 | command as u16
}

/// The command that a netlink message of this type carries, if it is an ipset message.
pub(crate) const fn command_of(message: u16) -> Option<u8> {
    match message >> 8 {
        SUBSYSTEM => Some(message as u8),
        _ => None,
    }
}

/// `IPSET_CMD_*`
pub(crate) mod command {
    pub(crate) const PROTOCOL: u8 = 1;
    pub(crate) const CREATE: u8 = 2;
    pub(crate) const DESTROY: u8 = 3;
    pub(crate) const FLUSH: u8 = 4;
    pub(crate) const RENAME: u8 = 5;
    pub(crate) const SWAP: u8 = 6;
    pub(crate) const LIST: u8 = 7;
    pub(crate) const SAVE: u8 = 8;
    pub(crate) const ADD: u8 = 9;
    pub(crate) const DEL: u8 = 10;
    pub(crate) const TEST: u8 = 11;
    pub(crate) const HEADER: u8 = 12;
    pub(crate) const TYPE: u8 = 13;
    pub(crate) const GET_BYNAME: u8 = 14;
    pub(crate) const GET_BYINDEX: u8 = 15;
}

/// The attributes of a message. Some numbers have two meanings.
pub(crate) mod top {
    pub(crate) const PROTOCOL: u16 = 1;
    pub(crate) const SETNAME: u16 = 2;
    pub(crate) const TYPENAME: u16 = 3;
    pub(crate) const SETNAME2: u16 = 3;
    pub(crate) const REVISION: u16 = 4;
    pub(crate) const FAMILY: u16 = 5;
    pub(crate) const FLAGS: u16 = 6;
    pub(crate) const DATA: u16 = 7;
    pub(crate) const ADT: u16 = 8;
    pub(crate) const LINENO: u16 = 9;
    pub(crate) const PROTOCOL_MIN: u16 = 10;
    pub(crate) const REVISION_MIN: u16 = 10;
    pub(crate) const INDEX: u16 = 11;
}

/// The bits of `IPSET_ATTR_FLAGS` in a list request.
pub(crate) mod list_flag {
    pub(crate) const NAMES: u32 = 0x2;
    pub(crate) const HEADERS: u32 = 0x4;
}

/// The attributes of an entry. Those up to 16 also occur in a set's `DATA`.
pub(crate) mod data {
    pub(crate) const IP: u16 = 1;
    pub(crate) const IP_TO: u16 = 2;
    pub(crate) const CIDR: u16 = 3;
    pub(crate) const PORT: u16 = 4;
    pub(crate) const PORT_TO: u16 = 5;
    pub(crate) const TIMEOUT: u16 = 6;
    pub(crate) const PROTO: u16 = 7;
    pub(crate) const CADT_FLAGS: u16 = 8;
    pub(crate) const LINENO: u16 = 9;
    pub(crate) const MARK: u16 = 10;
    pub(crate) const ETHER: u16 = 17;
    pub(crate) const NAME: u16 = 18;
    pub(crate) const NAMEREF: u16 = 19;
    pub(crate) const IP2: u16 = 20;
    pub(crate) const CIDR2: u16 = 21;
    pub(crate) const IP2_TO: u16 = 22;
    pub(crate) const IFACE: u16 = 23;
    pub(crate) const BYTES: u16 = 24;
    pub(crate) const PACKETS: u16 = 25;
    pub(crate) const COMMENT: u16 = 26;
    pub(crate) const SKBMARK: u16 = 27;
    pub(crate) const SKBPRIO: u16 = 28;
    pub(crate) const SKBQUEUE: u16 = 29;
}

/// The attributes in a set's `DATA`, in addition to those of [`data`] up to 16.
pub(crate) mod create {
    pub(crate) const MARKMASK: u16 = 11;
    pub(crate) const BITMASK: u16 = 12;
    pub(crate) const INITVAL: u16 = 17;
    pub(crate) const HASHSIZE: u16 = 18;
    pub(crate) const MAXELEM: u16 = 19;
    pub(crate) const NETMASK: u16 = 20;
    pub(crate) const BUCKETSIZE: u16 = 21;
    pub(crate) const SIZE: u16 = 23;
    pub(crate) const ELEMENTS: u16 = 24;
    pub(crate) const REFERENCES: u16 = 25;
    pub(crate) const MEMSIZE: u16 = 26;
}

/// The attributes of an address nest: `IPSET_ATTR_IPADDR_*`.
pub(crate) mod address {
    pub(crate) const IPV4: u16 = 1;
    pub(crate) const IPV6: u16 = 2;
}

/// `IPSET_ATTR_CADT_FLAGS`
pub(crate) mod cadt_flag {
    pub(crate) const BEFORE: u32 = 0x01;
    pub(crate) const PHYSDEV: u32 = 0x02;
    pub(crate) const NOMATCH: u32 = 0x04;
    pub(crate) const WITH_COUNTERS: u32 = 0x08;
    pub(crate) const WITH_COMMENT: u32 = 0x10;
    pub(crate) const WITH_FORCEADD: u32 = 0x20;
    pub(crate) const WITH_SKBINFO: u32 = 0x40;
    pub(crate) const IFACE_WILDCARD: u32 = 0x80;
}
