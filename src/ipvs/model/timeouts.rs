use std::time::Duration;

/// The time after which IPVS forgets an idle connection, for each protocol.
///
/// [`Ipvs::set_timeouts`](crate::ipvs::Ipvs::set_timeouts) changes only the timeouts that are
/// `Some`. In what the kernel reports, `None` means that the kernel was built without the
/// protocol.
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
    /// The timeout of established TCP connections. The kernel's default is 900 seconds.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub tcp: Option<Duration>,
    /// The timeout of TCP connections that are being closed. The kernel's default is 120 seconds.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            with = "crate::serde::optional_seconds",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub tcp_fin: Option<Duration>,
    /// The timeout of UDP. The kernel's default is 300 seconds.
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
    /// The longest timeout that every kernel accepts: 2,147,483 seconds, nearly 25 days.
    ///
    /// The kernel counts ticks in 31 bits. A tick is 1/1000 second or longer, so kernels with
    /// longer ticks accept up to ten times as much. A kernel refuses a longer timeout with
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    pub const MAX: Duration = Duration::from_secs(2_147_483);

    /// Returns timeouts that are all `None`, and so change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the timeout of established TCP connections: whole seconds, at least 1.
    #[must_use]
    pub fn tcp(mut self, timeout: Duration) -> Self {
        self.tcp = Some(timeout);
        self
    }

    /// Sets the timeout of TCP connections that are being closed: whole seconds, at least 1.
    #[must_use]
    pub fn tcp_fin(mut self, timeout: Duration) -> Self {
        self.tcp_fin = Some(timeout);
        self
    }

    /// Sets the timeout of UDP: whole seconds, at least 1.
    #[must_use]
    pub fn udp(mut self, timeout: Duration) -> Self {
        self.udp = Some(timeout);
        self
    }

    /// Checks the timeouts. The error says why one is invalid.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        for (what, timeout) in [
            ("TCP", self.tcp),
            ("TCP FIN", self.tcp_fin),
            ("UDP", self.udp),
        ] {
            // To the kernel, zero means that the timeout stays as it is.
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
    fn each_method_sets_its_timeout() {
        let seconds = Duration::from_secs;
        let all = Timeouts::new()
            .tcp(seconds(1))
            .tcp_fin(seconds(2))
            .udp(seconds(3));
        let timeouts = [all.tcp, all.tcp_fin, all.udp];
        assert_eq!(timeouts, [1, 2, 3].map(|it| Some(seconds(it))));
    }

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
