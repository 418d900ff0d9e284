macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident $label:literal,)*) => {
        /// Why a peer was refused before or instead of an answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[doc = $doc])* $name,)*
        }

        impl Refusal {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name in the label `reason` of the metric `kms_host_refusals_total`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

refusals! {
    /// The source holds as many connections as it may.
    ConnectionsPerSource "connections_per_source",
    /// The source connects more often than it may.
    ConnectionRate "connection_rate",
    /// The source asks more often than it may.
    RequestRate "request_rate",
    /// A second machine asked on a connection.
    SecondCmid "second_cmid",
    /// The first byte, a PDU, an exchange or the reading of an answer took too long.
    Deadline "deadline",
    /// The connection was idle and its place was needed.
    Idle "idle",
    /// All connections together hold as much memory as they may.
    Memory "memory",
    /// The peer broke a rule of the protocol.
    Protocol "protocol",
}
