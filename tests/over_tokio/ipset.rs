//! A blocking `IpSets` on top of the tokio handle. It replaces the crate's own, so that the same
//! tests cover both.

use library::ipset::plan::{Policy, Scope, SetPlan, SetReport, SetsPlan, SetsReport, WantedSets};
use library::ipset::types::{AnyType, SetType};
use library::ipset::{Entry, IpSet, Revision, SetInfo, SetName, SetOrEntry, ToSetName};
use library::{Namespace, OnFailure, Outcome, Result};

use crate::wait::wait;

#[derive(Debug)]
pub struct IpSets {
    inner: library::tokio::IpSets,
}

macro_rules! methods {
    ($(
        $name:ident $(<$($generic:ident: $bound:path),+>)?
            ($($argument:ident: $type:ty),*) -> $output:ty;
    )+) => {
        $(pub fn $name $(<$($generic: $bound),+>)? (&mut self, $($argument: $type),*) -> $output {
            wait(self.inner.$name($($argument),*))
        })+
    };
}

#[allow(dead_code, reason = "the tests do not use every method")]
impl IpSets {
    pub fn connect() -> Result<Self> {
        wait(library::tokio::IpSets::connect()).map(|inner| Self { inner })
    }

    pub fn connect_in(namespace: &Namespace) -> Result<Self> {
        wait(library::tokio::IpSets::connect_in(namespace)).map(|inner| Self { inner })
    }

    pub fn protocol(&self) -> u8 {
        self.inner.protocol()
    }

    pub fn get<T: SetType + Default>(&mut self, set: impl ToSetName) -> Result<IpSet<T>> {
        wait(self.inner.get(set))
    }

    pub fn list<T: SetType>(&mut self, set: &IpSet<T>) -> Result<Entries<'_, T>> {
        wait(self.inner.list(set)).map(|inner| Entries { inner })
    }

    pub fn list_all(&mut self) -> Result<SetsAndEntries<'_>> {
        wait(self.inner.list_all()).map(|inner| SetsAndEntries { inner })
    }

    methods! {
        revisions(kind: AnyType) -> Result<(u8, u8)>;
        create<T: SetType>(set: &IpSet<T>) -> Result<()>;
        create_with<T: SetType>(set: &IpSet<T>, revision: Revision) -> Result<()>;
        create_if_absent<T: SetType>(set: &IpSet<T>) -> Result<bool>;
        destroy(set: impl ToSetName) -> Result<()>;
        destroy_if_present(set: impl ToSetName) -> Result<()>;
        destroy_all() -> Result<()>;
        flush(set: impl ToSetName) -> Result<()>;
        flush_all() -> Result<()>;
        rename(from: impl ToSetName, to: impl ToSetName) -> Result<()>;
        swap(one: impl ToSetName, other: impl ToSetName) -> Result<()>;
        header(set: impl ToSetName) -> Result<SetInfo>;
        info(set: impl ToSetName) -> Result<SetInfo>;
        info_all() -> Result<Vec<SetInfo>>;
        names() -> Result<Vec<SetName>>;
        index(set: impl ToSetName) -> Result<u16>;
        by_index(index: u16) -> Result<SetName>;
        test<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<bool>;
        test_all<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>
        ) -> Result<Vec<bool>>;
        add<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()>;
        put<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()>;
        remove<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()>;
        remove_if_present<T: SetType>(set: &IpSet<T>, entry: impl Into<Entry<T>>) -> Result<()>;
        add_all<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, on_failure: OnFailure
        ) -> Outcome<Entry<T>>;
        put_all<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, on_failure: OnFailure
        ) -> Outcome<Entry<T>>;
        remove_all<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, on_failure: OnFailure
        ) -> Outcome<Entry<T>>;
        remove_all_if_present<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, on_failure: OnFailure
        ) -> Outcome<Entry<T>>;
        replace<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>
        ) -> Result<usize>;
        plan<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, policy: &Policy
        ) -> Result<SetPlan<T>>;
        plan_all(wanted: &WantedSets, scope: &Scope, policy: &Policy) -> Result<SetsPlan>;
        apply_all(wanted: &WantedSets, scope: &Scope, policy: &Policy) -> Result<SetsReport>;
        apply<T: SetType, E: Into<Entry<T>>>(
            set: &IpSet<T>, entries: impl IntoIterator<Item = E>, policy: &Policy
        ) -> Result<SetReport<T>>;
    }
}

#[derive(Debug)]
pub struct Entries<'a, T: SetType> {
    inner: library::tokio::Entries<'a, T>,
}

impl<T: SetType> Entries<'_, T> {
    #[allow(dead_code, reason = "as above")]
    pub fn info(&self) -> &SetInfo {
        self.inner.info()
    }
}

impl<T: SetType> Iterator for Entries<'_, T> {
    type Item = Result<Entry<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        wait(self.inner.next())
    }
}

pub struct SetsAndEntries<'a> {
    inner: library::tokio::SetsAndEntries<'a>,
}

impl Iterator for SetsAndEntries<'_> {
    type Item = Result<SetOrEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        wait(self.inner.next())
    }
}
