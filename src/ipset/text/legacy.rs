//! Options of `create` from older versions of the tool, which it still accepts.

use super::piece::{Flaw, Piece, Words};
use crate::ipset::model::types::{Definition, Takes};

/// An option of an older version. Each one has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legacy {
    /// An option without a meaning today.
    Ignored,
    /// `network`: a range as a network.
    Network,
    /// `from`: the start of a range, followed by `to` and its end.
    From,
}

/// The one or two words of a range.
pub(super) struct RangeWords<'a> {
    pub(super) first: Piece<'a>,
    pub(super) last: Option<Piece<'a>>,
}

impl Legacy {
    pub(super) fn named(name: &[u8], definition: &Definition) -> Option<Self> {
        let takes = |takes: Takes| definition.options.intersects(takes);
        let hash = |names: &[&str]| names.contains(&definition.name);
        let with_more = hash(&[
            "hash:ip,mark",
            "hash:ip,port",
            "hash:ip,port,ip",
            "hash:ip,port,net",
        ]);
        match name {
            b"gc" => hash(&["hash:ip"]).then_some(Self::Ignored),
            b"probes" | b"resize" => {
                (with_more || hash(&["hash:ip", "hash:net"])).then_some(Self::Ignored)
            }
            b"network" if takes(Takes::ADDRESS_RANGE) => Some(Self::Network),
            b"from" if takes(Takes::ADDRESS_RANGE | Takes::PORT_RANGE) => Some(Self::From),
            b"from" | b"to" | b"network" if with_more => Some(Self::Ignored),
            _ => None,
        }
    }

    /// Reads the option's value, and returns the words of the range if it is one.
    pub(super) fn range<'a>(self, words: &mut Words<'a>) -> Result<Option<RangeWords<'a>>, Flaw> {
        let first = words.expect("the value")?;
        let last = match self {
            Self::Ignored => return Ok(None),
            Self::Network => None,
            Self::From => {
                let to = words.expect("the option 'to'")?;
                if !matches!(to.text, b"to" | b"--to") {
                    return Err(to.flaw("the option 'to' is missing"));
                }
                Some(words.expect("the value")?)
            }
        };
        Ok(Some(RangeWords { first, last }))
    }
}

#[cfg(test)]
mod tests {
    use crate::ipset::{AnySet, AnyType};

    /// The options are those that version 7.17 of the tool accepts.
    #[test]
    fn each_type_has_its_old_options() {
        for kind in AnyType::all() {
            let taken = ["gc", "probes", "resize", "network", "from", "to"]
                .into_iter()
                .filter(|name| format!("s {kind} {name} 7").parse::<AnySet>().is_ok());
            let meant: &[&str] = match kind.name() {
                "hash:ip" => &["gc", "probes", "resize"],
                "hash:net" => &["probes", "resize"],
                "hash:ip,mark" | "hash:ip,port" | "hash:ip,port,ip" | "hash:ip,port,net" => {
                    &["probes", "resize", "network", "from", "to"]
                }
                _ => &[],
            };
            assert_eq!(taken.collect::<Vec<_>>(), meant, "{kind}");
        }
    }
}
