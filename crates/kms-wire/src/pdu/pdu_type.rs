use core::fmt;

/// The type of a PDU (C706 section 12.6.1, PTYPE). A peer may send any number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PduType(pub u8);

macro_rules! pdu_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl PduType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            const fn text(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

pdu_types! {
    /// A call, or a fragment of one.
    REQUEST = 0, "request";
    /// An answer, or a fragment of one.
    RESPONSE = 2, "response";
    /// The failure of a call.
    FAULT = 3, "fault";
    /// Opens the conversation.
    BIND = 11, "bind";
    /// Accepts a bind.
    BIND_ACK = 12, "bind_ack";
    /// Refuses a bind.
    BIND_NAK = 13, "bind_nak";
    /// Proposes further presentation contexts.
    ALTER_CONTEXT = 14, "alter_context";
    /// The answer to that.
    ALTER_CONTEXT_RESPONSE = 15, "alter_context_resp";
    /// The third leg of an authentication ([MS-RPCE] section 2.2.2.10), which is not part of this
    /// protocol.
    AUTH3 = 16, "auth3";
    /// A server asks for the connection to be closed.
    SHUTDOWN = 17, "shutdown";
    /// A client would rather not have the answer.
    CO_CANCEL = 18, "co_cancel";
    /// A client gives up a call.
    ORPHANED = 19, "orphaned";
}

impl fmt::Display for PduType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.pad(text),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl fmt::Debug for PduType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PduType({} = {self})", self.0)
    }
}
