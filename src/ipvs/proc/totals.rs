use super::text::{Fields, Unexpected, hex, hex_u32};
use crate::Result;
use crate::ipvs::{Rates, Statistics};

/// The counters of one CPU, for all services of a network namespace together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CpuCounters {
    /// The CPU's number, from 0.
    pub cpu: u32,
    /// Scheduled connections.
    pub connections: u64,
    /// Packets from clients.
    pub incoming_packets: u64,
    /// Packets to clients that pass this machine.
    pub outgoing_packets: u64,
    /// Bytes from clients.
    pub incoming_bytes: u64,
    /// Bytes to clients that pass this machine.
    pub outgoing_bytes: u64,
}

/// Reads the totals: two lines of heading, a line of counters, an empty line, a line of heading
/// and a line of rates.
pub(super) fn totals(text: &[u8]) -> Result<Statistics> {
    let mut lines = Lines::after_heading(text);
    let [connections, inp, outp, inb, outb] = lines.read(five)?;
    lines.read(Fields::end)?;
    lines.read(|_| Ok(()))?;
    let rates = lines.read(five)?;
    Ok(Statistics {
        connections,
        incoming_packets: inp,
        outgoing_packets: outp,
        incoming_bytes: inb,
        outgoing_bytes: outb,
        rates: Rates {
            connections: rates[0],
            incoming_packets: rates[1],
            outgoing_packets: rates[2],
            incoming_bytes: rates[3],
            outgoing_bytes: rates[4],
        },
        has_32_bit_counters: false,
    })
}

/// Reads the counters of each CPU: two lines of heading and a line for each CPU. The values that
/// [`totals`] reads follow: a line that begins with `~` instead of a CPU's number, and the rates.
pub(super) fn per_cpu(text: &[u8]) -> Result<Vec<CpuCounters>> {
    let mut lines = Lines::after_heading(text);
    let mut cpus = Vec::new();
    while let Some(counters) = lines.read(cpu)? {
        cpus.push(counters);
    }
    Ok(cpus)
}

fn five(mut fields: Fields<'_>) -> Result<[u64; 5], Unexpected> {
    let mut values = [0; 5];
    for value in &mut values {
        *value = fields.read("a counter", hex)?;
    }
    fields.end()?;
    Ok(values)
}

fn cpu(mut fields: Fields<'_>) -> Result<Option<CpuCounters>, Unexpected> {
    let cpu = fields.read("a CPU's number", |word| match word {
        b"~" => Some(None),
        number => hex_u32(number).map(Some),
    })?;
    let [connections, inp, outp, inb, outb] = five(fields)?;
    Ok(cpu.map(|cpu| CpuCounters {
        cpu,
        connections,
        incoming_packets: inp,
        outgoing_packets: outp,
        incoming_bytes: inb,
        outgoing_bytes: outb,
    }))
}

struct Lines<'a> {
    lines: std::slice::Split<'a, u8, fn(&u8) -> bool>,
    /// The number of the last line that was read.
    number: usize,
}

impl<'a> Lines<'a> {
    fn after_heading(text: &'a [u8]) -> Self {
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        let lines = text.split(is_end);
        let mut lines = Self { lines, number: 0 };
        lines.next();
        lines.next();
        lines
    }

    /// Returns the next line, or an empty one after the last line, which keeps its number.
    fn next(&mut self) -> &'a [u8] {
        let next = self.lines.next();
        self.number += usize::from(next.is_some());
        next.unwrap_or_default()
    }

    fn read<T>(&mut self, read: impl FnOnce(Fields<'a>) -> Result<T, Unexpected>) -> Result<T> {
        let line = self.next();
        read(Fields::new(line)).map_err(|why| why.in_line(self.number, "read statistics"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipvs::proc::captured;

    #[test]
    fn a_text_that_ends_too_early_fails_at_its_end() {
        for (text, line) in [(&b""[..], 1), (b"one", 1), (b"one\ntwo\n1 2 3 4 5", 3)] {
            let position = |error: crate::Error| error.position().unwrap();
            assert_eq!(position(totals(text).unwrap_err()), (line, 1));
            assert_eq!(position(per_cpu(text).unwrap_err()).0, line);
        }
    }

    #[test]
    fn what_the_kernel_writes() {
        let all = totals(captured::STATS.as_bytes()).unwrap();
        assert_eq!(all.connections, 0x16);
        assert_eq!((all.incoming_packets, all.outgoing_packets), (0x35, 0x15));
        assert_eq!((all.incoming_bytes, all.outgoing_bytes), (0xe1e, 0x608));
        let rates = all.rates;
        assert_eq!(rates.connections, 1);
        assert_eq!((rates.incoming_packets, rates.outgoing_packets), (3, 1));
        assert_eq!((rates.incoming_bytes, rates.outgoing_bytes), (0xe9, 0x72));
    }

    #[test]
    fn cpus_are_ahead_of_the_totals_and_numbered_in_base_16() {
        let cpus = per_cpu(captured::STATS_PER_CPU.as_bytes()).unwrap();
        assert_eq!(cpus.len(), 1);
        assert_eq!((cpus[0].cpu, cpus[0].connections), (0, 0x18));
        assert_eq!(
            (cpus[0].incoming_bytes, cpus[0].outgoing_bytes),
            (0xf9e, 0x728)
        );
        let many = captured::STATS_PER_CPU.replace("  ~ ", " 1F 1 2 3 4 5\n  ~ ");
        let cpus = per_cpu(many.as_bytes()).unwrap();
        assert_eq!((cpus[1].cpu, cpus[1].outgoing_bytes), (31, 5));
    }

    #[test]
    fn any_damage_is_an_error_or_other_numbers() {
        captured::damaged(captured::STATS.as_bytes(), |bytes| drop(totals(bytes)));
        captured::damaged(captured::STATS_PER_CPU.as_bytes(), |bytes| {
            drop(per_cpu(bytes));
        });
    }
}
