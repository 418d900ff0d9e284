use core::{fmt, ops::BitOr};

/// The flags of a header (C706 section 12.6.3.1, `pfc_flags`). Unknown ones are kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PfcFlags(pub u8);

impl PfcFlags {
    /// The first fragment of a call.
    pub const FIRST: Self = Self(0x01);
    /// The last fragment of a call.
    pub const LAST: Self = Self(0x02);
    /// A cancel was pending at the sender; in a bind, header signing is offered
    /// ([MS-RPCE] section 2.2.2.3).
    pub const PENDING_CANCEL: Self = Self(0x04);
    /// Several calls may be under way on the connection.
    pub const CONC_MPX: Self = Self(0x10);
    /// In a fault: the call was not executed.
    pub const DID_NOT_EXECUTE: Self = Self(0x20);
    /// The call wants no answer.
    pub const MAYBE: Self = Self(0x40);
    /// A request carries an object id.
    pub const OBJECT_UUID: Self = Self(0x80);
    /// Both first and last: a PDU that is not in fragments.
    pub const WHOLE: Self = Self(0x03);

    /// Whether all of `flags` are set.
    #[must_use]
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags without `flags`.
    #[must_use]
    #[inline]
    pub const fn without(self, flags: Self) -> Self {
        Self(self.0 & !flags.0)
    }
}

impl BitOr for PfcFlags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for PfcFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PfcFlags({:#04x})", self.0)
    }
}
