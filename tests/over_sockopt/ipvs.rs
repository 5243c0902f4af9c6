//! The blocking `Ipvs` once more, over socket options: with it in the place of the crate's own, the
//! same tests try both interfaces.

use std::ops::{Deref, DerefMut};

use library::ipvs::ControlInterface;
use library::{Namespace, Result};

#[derive(Debug)]
pub struct Ipvs {
    inner: library::ipvs::Ipvs,
}

impl Ipvs {
    pub fn connect() -> Result<Self> {
        Self::connect_over(ControlInterface::SocketOptions)
    }

    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        let interface = ControlInterface::SocketOptions;
        library::ipvs::Ipvs::connect_in_over(namespace, interface).map(|inner| Self { inner })
    }

    pub fn connect_over(interface: ControlInterface) -> Result<Self> {
        library::ipvs::Ipvs::connect_over(interface).map(|inner| Self { inner })
    }
}

impl Deref for Ipvs {
    type Target = library::ipvs::Ipvs;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Ipvs {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}
