use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::{Entries, SetsAndEntries, TableEntries};
use crate::Result;
use crate::ipset::{Entry, SetOrEntry, SetType};
use crate::ipvs::TableEntry;

/// Polls the future of a `next` once, and drops it. The next such future goes on in its place.
fn poll<F: Future>(next: F, context: &mut Context<'_>) -> Poll<F::Output> {
    pin!(next).poll(context)
}

impl<T: SetType> Unpin for Entries<'_, T> {}

impl<T: SetType> Stream for Entries<'_, T> {
    type Item = Result<Entry<T>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll(self.get_mut().next(), context)
    }
}

impl Stream for SetsAndEntries<'_> {
    type Item = Result<SetOrEntry>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll(self.get_mut().next(), context)
    }
}

impl Stream for TableEntries<'_> {
    type Item = Result<TableEntry>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        poll(self.get_mut().next(), context)
    }
}
