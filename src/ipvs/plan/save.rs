use std::collections::BTreeSet;
use std::fmt;
use std::io;

use super::record::Record;
use crate::error::Cause;
use crate::ipvs::model::key::ServiceKey;
use crate::{Error, Result};

/// The function that saves the record, if there is one.
#[derive(Default)]
pub(in crate::ipvs) struct Save(Option<Box<SaveRecord>>);

type SaveRecord = dyn FnMut(&Record, &BTreeSet<ServiceKey>) -> io::Result<()> + Send + Sync;

impl Save {
    pub(super) fn with(
        save: impl FnMut(&Record, &BTreeSet<ServiceKey>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Box::new(save)))
    }

    /// Saves what the record says of some services.
    pub(in crate::ipvs) fn save(
        &mut self,
        record: &Record,
        services: &BTreeSet<ServiceKey>,
    ) -> Result<()> {
        let saved = match &mut self.0 {
            Some(save) if !services.is_empty() => save(record, services),
            _ => Ok(()),
        };
        saved.map_err(|error| Error::new("save record", Cause::Io(error)))
    }
}

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_ref().map(|_| "a function");
        name.fmt(f)
    }
}
