/// Whether to go on once one of many changes has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum OnFailure {
    /// Carries out the others.
    #[default]
    Continue,
    /// Asks for no more changes and sends no further datagram.
    ///
    /// The kernel does not stop within a datagram: operations of IPVS that stand behind the failed one in the same datagram are carried out all the
    /// same.
    Stop,
}
