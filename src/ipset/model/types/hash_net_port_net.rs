use super::Definition;
use crate::ipset::{Addresses, Port};
use crate::ipset::model::element::{Dimension, Ip, Slot, Span};

set_type! {
    /// `hash:net,port,net`: networks with a port and its protocol, and a second network.
    ///
    /// The prefix length of both networks may be 0. Linux 5.10 misreads such a network in an entry
    /// with a range of ports or addresses: it adds each address of the network until the set is
    /// full. Linux 6.1 and later add the network.
    HashNetPortNet((Addresses, Port, Addresses)), "hash:net,port,net", ["netportnethash"],
    Definition {
        revision: 3,
        bucketsize_since: 3,
        nomatch: true,
        dimensions: &[
            Dimension::Ip(Ip::new(Slot::First, Span::Network { everything: true })),
            Dimension::Port,
            Dimension::Ip(Ip::new(Slot::Second, Span::Network { everything: true })),
        ],
        ..Definition::HASH
    },
    is FamilyType | HashType | NoMatchType
}
