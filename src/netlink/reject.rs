//! The kernel's answer to a request that it refuses: `struct nlmsgerr`, followed by the
//! attributes of the extended ACK.

use super::message::{Frame, HEADER, Header, flag};
use crate::wire::{Attributes, Malformed, align};

/// The kernel's explanation beside an error number (Linux 4.12).
///
/// [`Error::extended_ack`](crate::Error::extended_ack) returns it. Its fields are the kernel's
/// `NLMSGERR_ATTR_*`. The kernel sends it with few errors only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExtendedAck {
    /// The kernel's message, in English.
    pub message: Option<String>,
    /// The offset of the offending attribute in the request, in bytes from the message's start.
    pub offset: Option<u32>,
    /// The type of an attribute that is missing in the request (Linux 6.1).
    pub missing_attribute: Option<u32>,
}

/// A request that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The errno, or the protocol's own code (ipset's codes begin at 4097). It is positive.
    pub(crate) code: i32,
    pub(crate) extended: Option<ExtendedAck>,
    /// The beginning of the request behind its header, if the kernel echoed the request.
    pub(crate) echo: Vec<u8>,
}

/// The bytes of an echoed request that are kept. ipset writes a line number near its start.
const ECHO_KEPT: usize = 256;

/// Reads an `NLMSG_ERROR` message. `None` is an ACK: success.
pub(crate) fn read(frame: &Frame, payload: &[u8]) -> Result<Option<Rejection>, Malformed> {
    let Some((error, rest)) = payload.split_first_chunk::<4>() else {
        return Err(Malformed::Missing("the number in an error message"));
    };
    // The number is usually negative, but hash:ip,mac answers +1 for a malformed entry.
    let code = i32::from_ne_bytes(*error).saturating_abs();
    if code == 0 {
        return Ok(None);
    }
    let capped = frame.header.flags & flag::CAPPED != 0;
    let echoed = match Header::read(rest) {
        Ok(request) if !capped => (request.length as usize).max(HEADER),
        _ => HEADER,
    };
    let echo = rest.get(HEADER..echoed.min(rest.len())).unwrap_or_default();
    let extended = (frame.complete && frame.header.flags & flag::ACK_TLVS != 0)
        .then(|| rest.get(align(echoed)..).unwrap_or_default())
        .map(extended_ack);
    Ok(Some(Rejection {
        code,
        extended,
        echo: echo[..echo.len().min(ECHO_KEPT)].to_vec(),
    }))
}

/// Reads an extended ACK as far as it is well-formed. The error number before it is valid even if
/// the extended ACK is malformed.
fn extended_ack(bytes: &[u8]) -> ExtendedAck {
    const MESSAGE: u16 = 1;
    const OFFSET: u16 = 2;
    const MISSING_TYPE: u16 = 5;

    let mut extended = ExtendedAck::default();
    for attribute in Attributes::new(bytes).map_while(Result::ok) {
        match attribute.kind() {
            MESSAGE => extended.message = Some(attribute.string()),
            OFFSET => extended.offset = attribute.u32().ok(),
            MISSING_TYPE => extended.missing_attribute = attribute.u32().ok(),
            _ => {}
        }
    }
    extended
}

impl std::fmt::Display for ExtendedAck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message.as_deref().unwrap_or("no message"))?;
        if let Some(offset) = self.offset {
            write!(f, ", at byte {offset} of the request")?;
        }
        if let Some(kind) = self.missing_attribute {
            write!(f, ", attribute {kind} is missing")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::{kind, write};
    use crate::wire::Writer;

    fn error(flags: u16, code: i32, echo: &[u8], tlvs: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer, kind::ERROR, flags, 9, |writer| {
            writer.raw(&code.to_ne_bytes());
            // The request's own header. Its length includes the echo even if that is capped.
            write(writer, 0x0609, flag::REQUEST, 9, |_| {});
            writer.patch(HEADER + 4, 24u32.to_ne_bytes());
            writer.raw(echo);
            tlvs(writer);
        });
        writer.bytes().to_vec()
    }

    fn read_all(bytes: &[u8]) -> Result<Option<Rejection>, Malformed> {
        let (frame, _) = Frame::read(bytes, 0, true)?;
        read(&frame, &bytes[frame.payload.clone()])
    }

    #[test]
    fn zero_is_an_ack() {
        assert_eq!(read_all(&error(flag::CAPPED, 0, &[], |_| {})), Ok(None));
    }

    #[test]
    fn every_other_number_is_an_error_whatever_its_sign() {
        for code in [-4103, 4103] {
            let bytes = error(flag::CAPPED, code, &[], |_| {});
            assert_eq!(read_all(&bytes).unwrap().unwrap().code, 4103);
        }
        let bytes = error(flag::CAPPED, i32::MIN, &[], |_| {});
        assert_eq!(read_all(&bytes).unwrap().unwrap().code, i32::MAX);
    }

    #[test]
    fn extended_acks_follow_the_echo_or_the_header() {
        let tlvs = |writer: &mut Writer| {
            writer.string(1, "name too long");
            writer.u32(2, 20);
            writer.u32(5, 3);
            writer.u32(77, 0);
        };
        let expected = ExtendedAck {
            message: Some("name too long".into()),
            offset: Some(20),
            missing_attribute: Some(3),
        };
        let capped = error(flag::CAPPED | flag::ACK_TLVS, -34, &[], tlvs);
        let capped = read_all(&capped).unwrap().unwrap();
        assert_eq!(capped.extended.as_ref(), Some(&expected));
        assert!(capped.echo.is_empty());

        let echoed = error(flag::ACK_TLVS, -34, &[1, 2, 3, 4, 5, 6, 7, 8], tlvs);
        let echoed = read_all(&echoed).unwrap().unwrap();
        assert_eq!(echoed.extended, Some(expected));
        assert_eq!(echoed.echo, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_error_number_counts_whatever_the_extended_ack_is() {
        // The first attribute has a wrong length; the last one is longer than the bytes left.
        let bytes = error(flag::CAPPED | flag::ACK_TLVS, -1, &[], |writer| {
            writer.attribute(2, &[1]);
            writer.string(1, "not you");
            writer.raw(&[200, 0, 1, 0]);
        });
        let rejection = read_all(&bytes).unwrap().unwrap();
        assert_eq!(rejection.code, 1);
        let extended = rejection.extended.unwrap();
        assert_eq!(extended.message.as_deref(), Some("not you"));
        assert_eq!(extended.offset, None);
    }

    #[test]
    fn an_echo_that_was_cut_off_keeps_what_came() {
        let bytes = error(0, -4103, &[1, 2, 3, 4, 5, 6, 7, 8], |_| {});
        let cut_off = read_all(&bytes[..bytes.len() - 4]).unwrap().unwrap();
        assert_eq!((cut_off.code, cut_off.echo), (4103, vec![1, 2, 3, 4]));
    }

    #[test]
    fn an_extended_ack_is_read_only_where_there_is_a_whole_one() {
        let tlvs = |writer: &mut Writer| writer.string(1, "not you");
        let unmarked = error(flag::CAPPED, -1, &[], tlvs);
        assert_eq!(read_all(&unmarked).unwrap().unwrap().extended, None);
        let whole = error(flag::CAPPED | flag::ACK_TLVS, -1, &[], tlvs);
        let cut_off = read_all(&whole[..whole.len() - 4]).unwrap().unwrap();
        assert_eq!(cut_off.extended, None);
    }

    #[test]
    fn an_extended_ack_is_shown_with_all_that_it_says() {
        let mut ack = ExtendedAck::default();
        assert_eq!(ack.to_string(), "no message");
        ack.message = Some("name too long".into());
        ack.offset = Some(20);
        ack.missing_attribute = Some(3);
        let text = "name too long, at byte 20 of the request, attribute 3 is missing";
        assert_eq!(ack.to_string(), text);
    }

    #[test]
    fn no_prefix_panics() {
        let bytes = error(flag::ACK_TLVS, -1, &[0; 8], |writer| writer.u32(2, 1));
        for end in 0..bytes.len() {
            let _ = read_all(&bytes[..end]);
        }
    }
}
