//! What a host decides about a bind, for codecs that do not know it: PROTOCOL section 1.

/// The most contexts of a bind.
pub(crate) const MAX_CONTEXTS: usize = 16;
/// The most transfer syntaxes of a context.
pub(crate) const MAX_SYNTAXES: u8 = 8;
/// The port's digits, their terminating zero, and padding.
pub(crate) const ADDRESS: [u8; 6] = *b"1688\0\0";
/// The length of the address without the padding.
pub(crate) const ADDRESS_LEN: u16 = 5;
/// The association group.
pub(crate) const GROUP: u32 = 1;
/// The size of a bind_ack without results.
pub(crate) const ACK_HEAD: usize = 36;
/// The size of a result.
pub(crate) const RESULT: usize = 24;

const FIRST_AND_LAST: u8 = 0x03;
const CONC_MPX: u8 = 0x10;

/// An interface or a transfer syntax, its id as it stands on the wire.
#[derive(Clone, Copy)]
pub(crate) struct Syntax {
    pub(crate) uuid: [u8; 16],
    pub(crate) version: u32,
}

/// The ids that matter, as they stand on the wire in one integer order.
pub(crate) struct Known {
    interface: [u8; 16],
    ndr: [u8; 16],
    features: [u8; 8],
}

pub(crate) const LITTLE_IDS: Known = Known {
    interface: *b"\x0e\x28\x07\xf2\xdc\xf4\xb8\x42\xb9\x7c\x35\x82\xd8\xf5\xdd\xd4",
    ndr: NDR,
    features: *b"\x2c\x1c\xb7\x6c\x12\x98\x40\x45",
};

pub(crate) const BIG_IDS: Known = Known {
    interface: *b"\xf2\x07\x28\x0e\xf4\xdc\x42\xb8\xb9\x7c\x35\x82\xd8\xf5\xdd\xd4",
    ndr: *b"\x8a\x88\x5d\x04\x1c\xeb\x11\xc9\x9f\xe8\x08\x00\x2b\x10\x48\x60",
    features: *b"\x6c\xb7\x1c\x2c\x98\x12\x45\x40",
};

/// NDR as a bind_ack names it, little-endian.
pub(crate) const NDR: [u8; 16] =
    *b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60";

/// What becomes of a context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Accepted,
    NoFeatures,
    Rejected(u16),
}

impl Decision {
    /// The result and the reason.
    pub(crate) const fn codes(self) -> (u16, u16) {
        match self {
            Self::Accepted => (0, 0),
            Self::NoFeatures => (3, 0),
            Self::Rejected(reason) => (2, reason),
        }
    }

    /// The transfer syntax that was chosen.
    pub(crate) const fn syntax(self) -> ([u8; 16], u32) {
        match self {
            Self::Accepted => (NDR, 2),
            Self::NoFeatures | Self::Rejected(_) => ([0; 16], 0),
        }
    }
}

/// The contexts that were accepted, and whether features were asked about.
#[derive(Default)]
pub(crate) struct Negotiation {
    pub(crate) accepted: [u16; MAX_CONTEXTS],
    pub(crate) accepted_len: usize,
    features: bool,
}

impl Negotiation {
    /// Decides about a context; nothing when the whole bind is to be refused.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        known: &Known,
        id: u16,
        interface: Syntax,
        mut syntaxes: impl Iterator<Item = Syntax>,
    ) -> Option<Decision> {
        let first = syntaxes.next()?;
        let is_ndr = |syntax: &Syntax| syntax.version == 2 && syntax.uuid == known.ndr;
        if first.version == 1 && first.uuid.starts_with(&known.features) {
            if self.features {
                return None;
            }
            self.features = true;
            return Some(Decision::NoFeatures);
        }
        // The major version is the lower half.
        if interface.uuid != known.interface || interface.version & 0xffff != 1 {
            return Some(Decision::Rejected(1));
        }
        if !is_ndr(&first) && !syntaxes.any(|syntax| is_ndr(&syntax)) {
            return Some(Decision::Rejected(2));
        }
        if !self.accepted[..self.accepted_len].contains(&id) {
            *self.accepted.get_mut(self.accepted_len)? = id;
            self.accepted_len += 1;
        }
        Some(Decision::Accepted)
    }

    /// The flags of the bind_ack, given those of the bind.
    pub(crate) const fn flags(&self, of_bind: u8) -> u8 {
        if self.accepted_len == 0 {
            FIRST_AND_LAST
        } else {
            FIRST_AND_LAST | (of_bind & CONC_MPX)
        }
    }
}

/// The fragment size for both directions, given the client's two.
pub(crate) fn max_fragment(transmit: u16, receive: u16) -> u16 {
    transmit.min(receive).clamp(2048, 5840) & !7
}
