use std::io::{self, Read};
use std::time::Instant;

/// A reader that fails once a point in time has passed.
#[derive(Debug)]
pub(super) struct Until<R> {
    pub(super) file: R,
    pub(super) until: Option<Instant>,
}

impl<R: Read> Read for Until<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.is_some_and(|it| Instant::now() > it) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_is_read_after_the_time() {
        let now = Instant::now();
        for (until, is_in_time) in [
            (None, true),
            (now.checked_add(Duration::from_secs(600)), true),
            (now.checked_sub(Duration::from_millis(1)), false),
        ] {
            let file = &b"text"[..];
            let read = Until { file, until }.read(&mut [0; 4]);
            match is_in_time {
                true => assert_eq!(read.unwrap(), 4),
                false => assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut),
            }
        }
    }
}
