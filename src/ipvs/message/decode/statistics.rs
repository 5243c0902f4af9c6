use crate::ipvs::message::uapi::statistics;
use crate::ipvs::model::report::{Rates, Statistics};
use crate::wire::{Attribute, Attributes, Malformed};

/// Decodes the older form, in which all values but bytes have 32 bits.
pub(super) fn statistics_32(attributes: Attributes<'_>) -> Result<Statistics, Malformed> {
    let mut all = read_statistics(attributes, |attribute| attribute.u32().map(u64::from))?;
    all.has_32_bit_counters = true;
    Ok(all)
}

/// Decodes the form of Linux 4.1 and later, in which all values have 64 bits.
pub(super) fn statistics_64(attributes: Attributes<'_>) -> Result<Statistics, Malformed> {
    read_statistics(attributes, |attribute| attribute.u64())
}

/// Decodes either form. `word` reads a value whose width depends on the form. Bytes have 64 bits
/// in both.
fn read_statistics(
    attributes: Attributes<'_>,
    word: impl Fn(&Attribute<'_>) -> Result<u64, Malformed>,
) -> Result<Statistics, Malformed> {
    let mut all = Statistics::default();
    let rates: &mut Rates = &mut all.rates;
    for attribute in attributes {
        let attribute = attribute?;
        let (place, value) = match attribute.kind() {
            statistics::CONNECTIONS => (&mut all.connections, word(&attribute)?),
            statistics::INCOMING_PACKETS => (&mut all.incoming_packets, word(&attribute)?),
            statistics::OUTGOING_PACKETS => (&mut all.outgoing_packets, word(&attribute)?),
            statistics::INCOMING_BYTES => (&mut all.incoming_bytes, attribute.u64()?),
            statistics::OUTGOING_BYTES => (&mut all.outgoing_bytes, attribute.u64()?),
            statistics::CONNECTION_RATE => (&mut rates.connections, word(&attribute)?),
            statistics::INCOMING_PACKET_RATE => (&mut rates.incoming_packets, word(&attribute)?),
            statistics::OUTGOING_PACKET_RATE => (&mut rates.outgoing_packets, word(&attribute)?),
            statistics::INCOMING_BYTE_RATE => (&mut rates.incoming_bytes, word(&attribute)?),
            statistics::OUTGOING_BYTE_RATE => (&mut rates.outgoing_bytes, word(&attribute)?),
            _ => continue,
        };
        *place = value;
    }
    Ok(all)
}
