//! The order of `-sorted`.
//!
//! It is the order of the tool. Numbers are compared as numbers, in base 16, which also orders IPv6
//! and MAC addresses. If one side has no number, the shorter word comes first. After a number,
//! longer prefixes come first. With names this is not a total order, and the result depends on which
//! comparisons are made. The tool inserts each element before the first that is not smaller, and so
//! does this module for up to 2,048 elements. It merges larger numbers of elements, which avoids
//! quadratic time and has the same result except for some names.

use std::cmp::Ordering;

/// The most elements that are sorted by insertion. More are merged.
const MOST_INSERTED: usize = 2048;

/// Sorts lines. Each ends with a newline.
pub fn sort(lines: &[Vec<u8>]) -> Vec<&[u8]> {
    if lines.len() > MOST_INSERTED {
        return merged(lines);
    }
    let mut sorted: Vec<&[u8]> = Vec::with_capacity(lines.len());
    for line in lines {
        let smaller = |it: &&[u8]| compare(line, it) == Ordering::Greater;
        let place = sorted.iter().take_while(|it| smaller(it)).count();
        sorted.insert(place, line);
    }
    sorted
}

/// Sorts by merging. The standard library's sort panics when an order is not total.
fn merged(lines: &[Vec<u8>]) -> Vec<&[u8]> {
    let mut runs: Vec<Vec<&[u8]>> = lines.iter().map(|line| vec![line.as_slice()]).collect();
    while runs.len() > 1 {
        let mut pairs = runs.into_iter();
        let mut longer = Vec::new();
        while let Some(before) = pairs.next() {
            longer.push(merge(before, pairs.next().unwrap_or_default()));
        }
        runs = longer;
    }
    runs.pop().unwrap_or_default()
}

fn merge<'a>(before: Vec<&'a [u8]>, behind: Vec<&'a [u8]>) -> Vec<&'a [u8]> {
    let mut merged = Vec::with_capacity(before.len() + behind.len());
    let (mut before, mut behind) = (before.into_iter().peekable(), behind.into_iter().peekable());
    while let (Some(a), Some(b)) = (before.peek(), behind.peek()) {
        let next = match compare(a, b) {
            Ordering::Greater => behind.next(),
            _ => before.next(),
        };
        merged.extend(next);
    }
    merged.extend(before);
    merged.extend(behind);
    merged
}

fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let mut descending = false;
    let mut worded = false;
    loop {
        if let (Some((x, a_rest)), Some((y, b_rest))) = (number(a), number(b)) {
            worded = false;
            match x.cmp(&y) {
                Ordering::Equal => {}
                unequal if descending => return unequal.reverse(),
                unequal => return unequal,
            }
            let slash = |rest: &[u8]| rest.first() == Some(&b'/');
            match (slash(a_rest), slash(b_rest)) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (both, _) => descending |= both,
            }
            (a, b) = (a_rest, b_rest);
            if a.is_empty() || b.is_empty() {
                return Ordering::Greater;
            }
        } else {
            let (word_a, word_b) = (word(a), word(b));
            match word_a.len().cmp(&word_b.len()) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            if worded && word_a.is_empty() {
                return a.cmp(b);
            }
            match word_a.cmp(word_b) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            (a, b) = (&a[word_a.len()..], &b[word_b.len()..]);
            if a.is_empty() || b.is_empty() {
                return match word_a.is_empty() {
                    true => Ordering::Equal,
                    false => Ordering::Greater,
                };
            }
            (descending, worded) = (false, true);
        }
        (a, b) = (&a[1..], &b[1..]);
    }
}

/// Returns the text up to the next colon or comma.
fn word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b':' | b','));
    &text[..end.unwrap_or(text.len())]
}

/// Splits off a number in base 16 at the start of a text.
fn number(text: &[u8]) -> Option<(i32, &[u8])> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let text = match text {
        [b'0', b'x', rest @ ..] if rest.first().and_then(digit).is_some() => rest,
        _ => text,
    };
    let length = text.iter().map_while(digit).count();
    let value = text.iter().map_while(digit).fold(0u64, |value, digit| {
        value.saturating_mul(16).saturating_add(digit.into())
    });
    // The tool stores it in an int.
    (length > 0).then(|| (value as i32, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let lines = [
            "10.0.0.10",
            "10.0.0.9",
            "9.0.0.0/8",
            "9.0.0.0/16",
            "9.0.0.0",
        ];
        let lines = lines.map(|line| format!("{line}\n").into_bytes());
        let sorted = [
            "9.0.0.0",
            "9.0.0.0/16",
            "9.0.0.0/8",
            "10.0.0.9",
            "10.0.0.10",
        ];
        let sorted = sorted.map(|line| format!("{line}\n").into_bytes());
        assert_eq!(sort(&lines), sorted);
        assert_eq!(merged(&lines), sorted);
    }
}
