//! The tables of medians and ratios in Markdown.

use std::fmt::Write;

use super::bytes::Group;
use super::{CRATE, Contender, FLOOR, Figures, Job};

/// Returns the table of the jobs on kernels, with a row for each job and contender.
pub(super) fn jobs(figures: &Figures) -> String {
    let mut text = String::new();
    let mut place = "";
    for job in &figures.jobs {
        if job.place != place {
            place = &job.place;
            let _ = write!(
                text,
                "\n{place}\n\n|job|who|time|x floor|x {CRATE}|peak memory|\n|--|--|--|--|--|--|\n"
            );
        }
        for contender in &job.contenders {
            row(&mut text, job, contender);
        }
    }
    text
}

fn row(text: &mut String, job: &Job, contender: &Contender) {
    let times = |name| {
        let other = job.contender(name);
        other.map_or_else(String::new, |it| ratio(contender.seconds / it.seconds))
    };
    let cells = [
        format!("{} {} {}", job.name, grouped(job.count), job.what),
        contender.name.clone(),
        time(contender.seconds),
        times(FLOOR),
        times(CRATE),
        memory(contender.peak),
    ];
    let _ = writeln!(text, "|{}|", cells.join("|"));
}

/// Returns the table of writing and reading without a kernel, with a row for each group and a
/// column for each contender.
pub(super) fn groups(groups: &[Group]) -> String {
    const LEAST: [&str; 3] = ["copy", "copy, entry by entry", "walk over headers"];
    const TREES: &str = "attribute trees";
    let mut text = format!("\nWithout a kernel, for one element\n\n||bytes|{CRATE}|");
    for name in LEAST {
        let _ = write!(text, "x {name}|");
    }
    let _ = writeln!(text, "times faster than {TREES}|\n|--|--|--|--|--|--|--|");
    for group in groups {
        let Some(own) = group.contender(CRATE) else {
            continue;
        };
        let bytes = group.bytes / group.elements.max(1);
        let own = own.nanoseconds;
        let _ = write!(text, "|{}|{bytes}|{}|", group.name, time(own * 1e-9));
        let cell = |name, times: fn(f64, f64) -> f64| {
            let other = group.contender(name);
            other.map_or_else(String::new, |it| ratio(times(own, it.nanoseconds)))
        };
        for name in LEAST {
            let _ = write!(text, "{}|", cell(name, |own, it| own / it));
        }
        let _ = writeln!(text, "{}|", cell(TREES, |own, it| it / own));
    }
    text
}

/// Formats a ratio with three significant digits.
fn ratio(ratio: f64) -> String {
    match ratio {
        it if it >= 100.0 => grouped(it.round() as u64),
        it if it >= 10.0 => format!("{it:.1}"),
        it if it >= 0.1 => format!("{it:.2}"),
        it => format!("{it:.4}"),
    }
}

/// Formats a time with three significant digits, in the unit that fits.
pub(super) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let decimals = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

fn memory(kibibytes: f64) -> String {
    format!("{:.1} MiB", kibibytes / 1024.0)
}

/// Formats a number with commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(999), "999");
        assert_eq!(time(10.7), "10.7 s");
        assert_eq!(time(0.4871), "487 ms");
        assert_eq!(time(0.000_02), "20.0 µs");
        assert_eq!(time(2.043e-9), "2.04 ns");
        let ratios = [1025.3, 29.34, 1.034, 0.0041].map(ratio);
        assert_eq!(ratios, ["1,025", "29.3", "1.03", "0.0041"]);
    }
}
