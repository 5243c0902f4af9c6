use std::time::Duration;

/// How long IPVS remembers a connection on which nothing happens.
///
/// To be set, only what is `Some` is changed. As reported, `None` means that the kernel was
/// built without the protocol.
///
/// ```
/// use std::time::Duration;
/// use ipvset::ipvs::Timeouts;
///
/// let longer = Timeouts::new().tcp(Duration::from_secs(1800));
/// assert_eq!(longer.udp, None); // stays as it is
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Timeouts {
    /// Established TCP connections; 900 s in a fresh kernel.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub tcp: Option<Duration>,
    /// TCP connections that are being closed; 120 s in a fresh kernel.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub tcp_fin: Option<Duration>,
    /// UDP; 300 s in a fresh kernel.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub udp: Option<Duration>,
}

impl Timeouts {
    /// The longest timeout that every kernel takes: it counts in ticks of at most 1/1000
    /// second in 31 bits. About 24 days. Kernels with longer ticks take up to ten times as much;
    /// what one refuses is invalid input.
    pub const MAX: Duration = Duration::from_secs(2_147_483);

    /// A change of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets that of established TCP connections: whole seconds, from 1 on.
    #[must_use]
    pub fn tcp(mut self, timeout: Duration) -> Self {
        self.tcp = Some(timeout);
        self
    }

    /// Sets that of TCP connections that are being closed: whole seconds, from 1 on.
    #[must_use]
    pub fn tcp_fin(mut self, timeout: Duration) -> Self {
        self.tcp_fin = Some(timeout);
        self
    }

    /// Sets that of UDP: whole seconds, from 1 on.
    #[must_use]
    pub fn udp(mut self, timeout: Duration) -> Self {
        self.udp = Some(timeout);
        self
    }

    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        for (what, timeout) in [
            ("TCP", self.tcp),
            ("TCP FIN", self.tcp_fin),
            ("UDP", self.udp),
        ] {
            // The kernel takes zero for "leave it as it is".
            let most = u32::MAX;
            let good =
                |it: Duration| (1..=most.into()).contains(&it.as_secs()) && it.subsec_nanos() == 0;
            if let Some(wrong) = timeout.filter(|it| !good(*it)) {
                return Err(format!(
                    "the {what} timeout is whole seconds from 1 to {most}, not {wrong:?}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        Timeouts::new().check().unwrap();
        Timeouts::new().tcp(Timeouts::MAX).check().unwrap();
        for wrong in [
            Duration::ZERO,
            Duration::from_millis(1),
            Duration::from_secs(1 << 32),
        ] {
            let why = Timeouts::new().udp(wrong).check().unwrap_err();
            assert!(why.contains("UDP") && why.contains("4294967295"), "{why}");
        }
    }
}
