//! Whether a set is described as it is in the kernel, where an answer depends on it.
//!
//! An entry is written as the set's description says. If the kernel's set is of another type or
//! family, the kernel misreads the entry: it says that it is malformed, or not in the set.

use nix::libc;

use super::Client;
use crate::ipset::message::code::{self, Command};
use crate::ipset::model::types::Families;
use crate::ipset::{IpSet, SetInfo, SetType};
use crate::netlink::Transport;
use crate::{Error, Result};

/// Whether an error may come from a set that is described as what it isn't.
pub(crate) fn is_dubious(error: &Error) -> bool {
    let private = |code| code == code::MALFORMED || code >= code::TYPE_SPECIFIC;
    error.ipset_code().is_some_and(private) || error.errno() == Some(libc::EINVAL)
}

impl<T: Transport> Client<T> {
    /// Asks the kernel of what type and family a set is. If it is described otherwise: how.
    pub(crate) async fn misdescribed<K: SetType>(
        &mut self,
        set: &IpSet<K>,
    ) -> Result<Option<String>> {
        let there = self.header(set.name()).await?;
        Ok(difference(set, &there))
    }

    /// An error, or what is wrong with the description of the set if that is the reason.
    pub(crate) async fn explain<K: SetType>(&mut self, set: &IpSet<K>, mut error: Error) -> Error {
        if is_dubious(&error) {
            if let Ok(Some(why)) = self.misdescribed(set).await {
                error.set_reason(why);
            }
        }
        error
    }

    /// Makes sure of the description before it is said that something is not in the set.
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
