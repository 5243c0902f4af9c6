use std::collections::HashSet;
use std::fmt;
use std::ops::BitOr;
use std::sync::Arc;

use crate::ipset::SetName;

/// The sets that belong to the program: those of them that are not wanted are destroyed.
///
/// Wanted sets are created and changed, whatever the scope is. The default, [`Scope::named`],
/// contains no other sets, so none is destroyed. Scopes are united with `|`.
///
/// ```
/// use ipvset::ipset::SetName;
/// use ipvset::ipset::plan::Scope;
///
/// let scope = Scope::prefix("KUBE-") | Scope::names(["blocked".parse()?]);
/// assert!(scope.contains(&SetName::new("KUBE-NODE-PORT")?));
/// assert!(!scope.contains(&SetName::new("allowed")?));
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// A set is in the scope if one of these contains it.
    rules: Vec<Rule>,
}

#[derive(Clone)]
enum Rule {
    Everything,
    Prefix(Box<[u8]>),
    Names(HashSet<SetName>),
    Predicate(Arc<dyn Fn(&SetName) -> bool + Send + Sync>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("Everything"),
            Self::Prefix(prefix) => write!(f, "Prefix(\"{}\")", prefix.escape_ascii()),
            Self::Names(names) => f.debug_tuple("Names").field(names).finish(),
            Self::Predicate(_) => f.write_str("Predicate"),
        }
    }
}

impl Scope {
    /// Returns the scope of the sets that are wanted. This is the default.
    pub fn named() -> Self {
        Self::default()
    }

    /// Returns the scope of all sets of the network namespace.
    pub fn everything() -> Self {
        Self::of(Rule::Everything)
    }

    /// Returns the scope of the sets whose names begin with a prefix.
    pub fn prefix(prefix: impl AsRef<[u8]>) -> Self {
        Self::of(Rule::Prefix(prefix.as_ref().into()))
    }

    /// Returns the scope of some names, for example of the sets that were applied before
    /// ([`WantedSets::names`](super::WantedSets::names)).
    pub fn names(names: impl IntoIterator<Item = SetName>) -> Self {
        Self::of(Rule::Names(names.into_iter().collect()))
    }

    /// Returns the scope of the sets for whose names a function returns true.
    pub fn predicate(belongs: impl Fn(&SetName) -> bool + Send + Sync + 'static) -> Self {
        Self::of(Rule::Predicate(Arc::new(belongs)))
    }

    fn of(rule: Rule) -> Self {
        Self { rules: vec![rule] }
    }

    /// Returns true if a set is in the scope although it is not wanted.
    pub fn contains(&self, set: &SetName) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Everything => true,
            Rule::Prefix(prefix) => set.as_bytes().starts_with(prefix),
            Rule::Names(names) => names.contains(set),
            Rule::Predicate(belongs) => belongs(set),
        })
    }
}

impl BitOr for Scope {
    type Output = Self;

    fn bitor(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contained(scope: &Scope) -> Vec<&'static str> {
        let names = ["KUBE-A", "KUBE-B", "other"];
        let is_in = |it: &&str| scope.contains(&it.parse().unwrap());
        names.into_iter().filter(is_in).collect()
    }

    #[test]
    fn each_scope_contains_its_sets_and_no_others() {
        assert!(contained(&Scope::named()).is_empty());
        let everything = ["KUBE-A", "KUBE-B", "other"];
        assert_eq!(contained(&Scope::everything()), everything);
        assert_eq!(contained(&Scope::prefix("KUBE-")), ["KUBE-A", "KUBE-B"]);
        let names = Scope::names(["KUBE-B".parse().unwrap()]);
        assert_eq!(contained(&names), ["KUBE-B"]);
        let long = Scope::predicate(|name| name.as_bytes().len() > 5);
        assert_eq!(contained(&long), ["KUBE-A", "KUBE-B"]);
        let others = Scope::predicate(|name| name.as_bytes() == b"other");
        assert_eq!(contained(&(names | others)), ["KUBE-B", "other"]);
    }
}
