//! Tests many entries in few system calls.

use super::{Client, about, error};
use crate::ipset::message::body;
use crate::ipset::message::code::{self, Command};
use crate::ipset::message::encode::Purpose;
use crate::ipset::{Entry, IpSet, SetType};
use crate::netlink::{Failure, Packet, Transport};
use crate::trace::Began;
use crate::{Error, Result};

impl<T: Transport> Client<T> {
    /// Returns for each entry whether it is in a set.
    ///
    /// A request tests only one entry, but a datagram holds many requests, and the kernel answers
    /// only those whose entry is not in the set.
    pub(crate) async fn test_all<K: SetType, E: Into<Entry<K>>>(
        &mut self,
        set: &IpSet<K>,
        entries: impl IntoIterator<Item = E>,
    ) -> Result<Vec<bool>> {
        let began = Began::now();
        let mut found = Vec::new();
        let mut packet = self.connection.packet();
        for entry in entries {
            if let Err(refused) = self.write_entry(Purpose::Test, set, &entry.into()) {
                // An error of the kernel about an earlier entry comes first.
                self.send_tests(&mut packet, set, &mut found).await?;
                return Err(refused);
            }
            if !self.push_test(&mut packet, set)? {
                if let Err(error) = self.send_tests(&mut packet, set, &mut found).await {
                    return Err(self.explain(set, error).await);
                }
                // An empty packet accepts a request of any length.
                self.push_test(&mut packet, set)?;
            }
            found.push(true);
        }
        let sent = self.send_tests(&mut packet, set, &mut found).await;
        self.connection.keep(packet);
        match sent {
            Ok(()) if found.contains(&false) => self.not_in(set).await?,
            Ok(()) => {}
            Err(error) => return Err(self.explain(set, error).await),
        }
        began.done("test entries of set", Some(set.name()), found.len());
        Ok(found)
    }

    /// Appends the test of the entry that was written last to the packet. Returns false if the
    /// packet has no room for it.
    fn push_test<K: SetType>(&self, packet: &mut Packet, set: &IpSet<K>) -> Result<bool> {
        let (protocol, scratch) = (self.protocol, &self.scratch);
        let pushed = self
            .connection
            .push(packet, Command::Test.message(), |writer| {
                body::entry(writer, protocol, set.name(), scratch.bytes());
            });
        pushed.map_err(|it| error(Command::Test, about(set), it.into()).object(set.name()))
    }

    /// Sends the packet, whose results are the last ones of `found`.
    async fn send_tests<K: SetType>(
        &mut self,
        packet: &mut Packet,
        set: &IpSet<K>,
        found: &mut [bool],
    ) -> Result<()> {
        let first = found.len() - packet.count() as usize;
        let failed = |failure| error(Command::Test, about(set), failure);
        let sent = self.connection.send_packet(packet).await;
        let outcome = sent.map_err(|it| failed(it).object(set.name()))?;
        for (place, rejection) in outcome.failures {
            let index = first + place as usize;
            match found.get_mut(index) {
                Some(found) if rejection.code == code::EXIST => *found = false,
                _ => return Err(at(failed(Failure::Rejected(rejection)), set, index)),
            }
        }
        if outcome.is_replies_lost {
            return Err(at(failed(Failure::RepliesLost), set, first));
        }
        Ok(())
    }
}

fn at<K: SetType>(error: Error, set: &IpSet<K>, index: usize) -> Error {
    error.object(format!("{} (index {index})", set.name()))
}
