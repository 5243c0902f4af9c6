//! Compares a set's description with the set in the kernel.
//!
//! An entry is encoded for the type and family of the set's description. If the kernel's set has
//! another type or family, the kernel misreads the entry, and answers that it is malformed or not
//! in the set.

use nix::libc;

use super::Client;
use crate::ipset::message::code::{self, Command};
use crate::ipset::model::types::Families;
use crate::ipset::{IpSet, SetInfo, SetType};
use crate::netlink::Transport;
use crate::{Error, Result};

/// Returns true if a wrong description of the set may be the reason for an error.
pub(crate) fn is_dubious(error: &Error) -> bool {
    let private = |code| code == code::MALFORMED || code >= code::TYPE_SPECIFIC;
    error.ipset_code().is_some_and(private) || error.errno() == Some(libc::EINVAL)
}

impl<T: Transport> Client<T> {
    /// Returns how the set's description differs from the kernel's set in type or family, if it
    /// does.
    pub(crate) async fn misdescribed<K: SetType>(
        &mut self,
        set: &IpSet<K>,
    ) -> Result<Option<String>> {
        let there = self.header(set.name()).await?;
        Ok(difference(set, &there))
    }

    /// Sets the error's reason to what is wrong with the set's description, if that may be it.
    pub(crate) async fn explain<K: SetType>(&mut self, set: &IpSet<K>, mut error: Error) -> Error {
        if is_dubious(&error) {
            if let Ok(Some(why)) = self.misdescribed(set).await {
                error.set_reason(why);
            }
        }
        error
    }

    /// Checks the set's description before a test returns that an entry is not in the set.
    pub(crate) async fn not_in<K: SetType>(&mut self, set: &IpSet<K>) -> Result<()> {
        let operation = Command::Test.operation();
        let why = self.misdescribed(set).await;
        match why.map_err(|error| error.during(operation))? {
            Some(why) => Err(Error::refused(operation, why).object(set.name())),
            None => Ok(()),
        }
    }
}

fn difference<K: SetType>(set: &IpSet<K>, there: &SetInfo) -> Option<String> {
    let (described, found) = match &there.set {
        Some(there) if there.type_name() == set.type_name() => {
            let (described, found) = (set.family(), there.family());
            if described == found || set.definition().families != Families::Both {
                return None;
            }
            let addresses = |family| format!("a set of {family} addresses");
            (addresses(described), addresses(found))
        }
        _ => (set.type_name().to_owned(), there.type_name.clone()),
    };
    Some(format!(
        "the set is described as {described}, but is {found}; IpSets::get describes it as it is"
    ))
}
