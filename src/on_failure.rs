/// What to do after one of many changes fails: go on or stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OnFailure {
    /// Carries out the remaining changes.
    #[default]
    Continue,
    /// Takes no more changes from the source, and sends no more datagrams.
    ///
    /// The kernel does not stop within a datagram. It carries out the IPVS operations that come
    /// after the failed one in the same datagram.
    Stop,
}
