use std::fmt;

/// How many entries of a set a plan or a report is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Wanted entries that the set did not contain.
    pub added: usize,
    /// Entries that the set contained and that are not wanted.
    pub removed: usize,
    /// Entries with another comment, packet metadata, `nomatch`, MAC address or timeout than is
    /// wanted, and members of a list in another place.
    pub changed: usize,
    /// Entries whose timeout starts again.
    pub renewed: usize,
    /// Entries that are as they are wanted.
    pub kept: usize,
    /// Wanted entries for which the set has no room. Those that are wanted twice are counted twice.
    pub left_out: u64,
}

impl Counts {
    /// Returns true if no entry is added, removed, changed or renewed.
    pub fn is_unchanged(&self) -> bool {
        self.changes() == 0
    }

    /// Returns how many entries are added, removed, changed and renewed together.
    pub fn changes(&self) -> usize {
        self.added + self.removed + self.changed + self.renewed
    }
}

impl fmt::Display for Counts {
    /// Writes the numbers that are not zero, such as `3 added, 1 removed, 96 kept`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            (self.added as u64, "added"),
            (self.removed as u64, "removed"),
            (self.changed as u64, "changed"),
            (self.renewed as u64, "renewed"),
            (self.kept as u64, "kept"),
            (self.left_out, "left out"),
        ];
        let mut given = numbers.iter().filter(|(number, _)| *number > 0);
        match given.next() {
            None => return f.write_str("no entries"),
            Some((number, what)) => write!(f, "{number} {what}")?,
        }
        given.try_for_each(|(number, what)| write!(f, ", {number} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_are_not_zero_are_written() {
        let mut counts = Counts::default();
        assert_eq!(counts.to_string(), "no entries");
        (counts.removed, counts.kept) = (1, 96);
        assert_eq!(counts.to_string(), "1 removed, 96 kept");
        (counts.added, counts.changed, counts.renewed) = (5, 4, 3);
        counts.left_out = 2;
        let all = "5 added, 1 removed, 4 changed, 3 renewed, 96 kept, 2 left out";
        assert_eq!(counts.to_string(), all);
        assert_eq!(counts.changes(), 13);
    }
}
