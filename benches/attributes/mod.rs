//! Messages as trees of attributes, as other crates represent them, for comparison. A tree is built
//! before it is emitted, and parsed before it is read.

use std::net::Ipv4Addr;

use netlink_packet_core::{DefaultNla, Emitable, Nla};

pub const NESTED: u16 = 0x8000;
pub const NET: u16 = 0x4000;

/// An attribute that contains a value or other attributes.
pub enum Tree {
    Leaf(DefaultNla),
    Nest(u16, Vec<Tree>),
}

impl Nla for Tree {
    fn value_len(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.value_len(),
            Self::Nest(_, trees) => trees.as_slice().buffer_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            Self::Leaf(leaf) => leaf.kind(),
            Self::Nest(kind, _) => *kind,
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::Nest(..))
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            Self::Leaf(leaf) => leaf.emit_value(buffer),
            Self::Nest(_, trees) => trees.as_slice().emit(buffer),
        }
    }
}

pub fn leaf(kind: u16, value: impl AsRef<[u8]>) -> Tree {
    Tree::Leaf(DefaultNla::new(kind, value.as_ref().to_vec()))
}

pub fn nest(kind: u16, trees: Vec<Tree>) -> Tree {
    Tree::Nest(kind | NESTED, trees)
}

/// An address of an ipset entry.
pub fn address(kind: u16, address: Ipv4Addr) -> Tree {
    nest(kind, vec![leaf(1 | NET, address.octets())])
}
