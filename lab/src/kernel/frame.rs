//! The frames that the launcher on the machine and init in the guest exchange over one console.
//!
//! One console serves all streams, because a console has no end-of-file, no window size and no exit status, while frames can express all of these.
//! It also keeps the order of standard output and standard error. A frame is a kind (one byte), a length (u32, little endian)
//! and that many bytes.

/// The bytes that init writes first. Earlier bytes come from the kernel's console driver.
pub(crate) const MAGIC: &[u8] = b"\x01ipvset-lab\x02";

/// How many bytes of standard input the guest accepts before it asks for more. Without this limit, a program that does not read its input would
/// fill the console, and no signal could pass.
pub(crate) const WINDOW: usize = 32 * 1024;

/// How many bytes may be on the way to the guest. Its console's buffer has 4096; when that is nearly full, the console's driver stops reading
/// and, in linux.uml 6.1, does not begin again.
pub(crate) const ON_THE_WAY: usize = 2048;

/// The greatest length of a frame. A larger one means that bytes were lost.
const LIMIT: usize = 4 << 20;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// The kind of a frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $name = $number,)* }

        impl Kind {
            fn from_byte(byte: u8) -> Option<Kind> {
                match byte { $($number => Some(Kind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// To the guest: the program, its arguments, environment and folder ([`super::uml::order`]).
    Order = 1,
    /// To the guest: bytes for standard input; empty at its end.
    Input = 2,
    /// To the guest: a signal number for the program (i32).
    Signal = 3,
    /// To the guest: the terminal's rows and columns (two u16), both 0 if standard input and output are not a terminal.
    Window = 4,
    /// To the machine: bytes from standard output.
    Output = 5,
    /// To the machine: bytes from standard error.
    Errors = 6,
    /// To the machine: how many more bytes of standard input the guest accepts (u32).
    Credit = 7,
    /// To the machine: the program ended with this status (i32), and everything it wrote has been sent.
    Exit = 8,
    /// To the machine: init failed, and why.
    Failed = 9,
    /// To the machine: how many bytes of frames have arrived (u32).
    Received = 11,
    /// To the machine: a shell wants the terminal (1) or gives it back (0).
    Terminal = 10,
}

/// Encodes a frame.
pub(crate) fn encode(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + payload.len());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Assembles frames from the pieces in which they arrive.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Skips the magic bytes, once they have arrived, and returns the bytes before them.
    pub(crate) fn magic(&mut self) -> Option<Vec<u8>> {
        let start = self
            .bytes
            .windows(MAGIC.len())
            .position(|window| window == MAGIC)?;
        let mut noise: Vec<u8> = self.bytes.drain(..start + MAGIC.len()).collect();
        noise.truncate(start);
        Some(noise)
    }

    /// Returns the next complete frame, if it has arrived. Fails if bytes were lost.
    pub(crate) fn next(&mut self) -> Result<Option<(Kind, Vec<u8>)>, String> {
        let Some(header) = self.bytes.first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
        let kind = Kind::from_byte(header[0])
            .filter(|_| length <= LIMIT)
            .ok_or_else(|| {
                format!("no frame starts with {header:02x?}: bytes were lost on the console")
            })?;
        if self.bytes.len() < 5 + length {
            return Ok(None);
        }
        let mut frame: Vec<u8> = self.bytes.drain(..5 + length).collect();
        Ok(Some((kind, frame.split_off(5))))
    }
}

/// Reads a little-endian i32, as in [`Kind::Exit`].
pub(crate) fn number(payload: &[u8]) -> i32 {
    payload
        .first_chunk::<4>()
        .map_or(0, |bytes| i32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_pieces() {
        let mut bytes = b"noise of a driver".to_vec();
        bytes.extend_from_slice(MAGIC);
        bytes.extend(encode(Kind::Output, b"hello"));
        bytes.extend(encode(Kind::Exit, &7i32.to_le_bytes()));
        let mut decoder = Decoder::default();
        let mut noise = None;
        let mut frames = Vec::new();
        for byte in bytes {
            decoder.push(&[byte]);
            if noise.is_none() {
                noise = decoder.magic();
                continue;
            }
            while let Some(frame) = decoder.next().unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(noise.unwrap(), b"noise of a driver");
        assert_eq!(frames[0], (Kind::Output, b"hello".to_vec()));
        assert_eq!(number(&frames[1].1), 7);
    }

    #[test]
    fn lost_bytes_are_an_error() {
        let mut decoder = Decoder::default();
        decoder.push(b"\xff\x00\x00\x00\x00");
        assert!(decoder.next().is_err());
        let mut decoder = Decoder::default();
        decoder.push(&[Kind::Output as u8, 0, 0, 0, 0xff]);
        assert!(decoder.next().is_err());
    }
}
