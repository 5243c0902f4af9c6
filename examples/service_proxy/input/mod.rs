//! Reads a stream of JSON documents: objects, lists of objects and watch events.

mod document;
mod source;

use std::fmt;
use std::io::Read;

use crate::objects::{Kind, Misread, Name, Object};

/// What a document says.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The object is there, in this state.
    Put {
        object: Object,
        /// Whether this is news of an object that was there before, so that it may come late.
        is_change: bool,
    },
    /// The object is there, but was not understood.
    Misread(Misread),
    /// The object is gone.
    Delete {
        kind: Kind,
        name: Name,
        /// Its `uid`, if the object was understood.
        uid: Option<String>,
    },
    /// A list begins.
    ListBegins,
    /// A list is complete: what this input named before and is not in it is gone.
    ListEnds,
    /// The server reports an error, such as that the watch is too old.
    ServerError(String),
    /// The document is broken, or is none of those that are read.
    Broken { position: Position, reason: String },
}

/// A place in the input, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Reads documents to the end of the input, and reports what they say.
///
/// A line that begins with `{` begins a document, so a broken one ends there. What was read of it
/// counts. (`kubectl` indents what is within a document.)
pub fn read(input: impl Read, mut report: impl FnMut(Event)) -> std::io::Result<()> {
    let mut source = source::Source::new(input);
    while source.skip_to_document()? {
        if let Err(reason) = document::read(&mut source, &mut report) {
            let position = source.position();
            if let Some(error) = source.take_error() {
                return Err(error);
            }
            report(Event::Broken { position, reason });
            source.leave_document()?;
        }
    }
    Ok(())
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
