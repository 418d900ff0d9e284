use crate::Entropy;
use core::{fmt, str::FromStr};
use uuid::Uuid;

/// Text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an id: 32 hexadecimal digits in the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx are wanted"
)]
#[non_exhaustive]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with this value.
            #[must_use]
            #[inline]
            pub const fn new(value: Uuid) -> Self {
                Self(value)
            }

            /// The value.
            #[must_use]
            #[inline]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError)
            }
        }

        show_as_uuid!($name);
    };
}

macro_rules! show_as_uuid {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// Which application a product belongs to, as Windows or Office (the documents' Application ID).
    ApplicationId
}

id! {
    /// Which edition of a product asks to be activated (the documents' Activation ID, or SKU).
    ActivationId
}

id! {
    /// Which family of products is counted together: all machines that ask for a product of the
    /// family share one activation count.
    CountedId
}

/// A client machine id: what a host counts. Never nil.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cmid(Uuid);

/// A nil UUID where a client machine id is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client machine id must not be nil")]
#[non_exhaustive]
pub struct NilCmidError;

impl Cmid {
    /// The id with this value.
    ///
    /// # Errors
    /// When it is nil.
    #[inline]
    pub const fn new(value: Uuid) -> Result<Self, NilCmidError> {
        if value.is_nil() {
            Err(NilCmidError)
        } else {
            Ok(Self(value))
        }
    }

    /// The id whose 16 bytes, in network order (RFC 9562 section 4), stand here.
    ///
    /// # Errors
    /// When it is nil.
    #[inline]
    pub fn from_bytes(bytes: &[u8; 16]) -> Result<Self, NilCmidError> {
        // Looked at in halves, but moved as a whole: the processor waits when what was stored in
        // halves is read as a whole soon after.
        let ([first, second], _) = bytes.as_chunks::<8>() else {
            return Err(NilCmidError);
        };
        if u64::from_le_bytes(*first) | u64::from_le_bytes(*second) == 0 {
            Err(NilCmidError)
        } else {
            Ok(Self(Uuid::from_bytes(*bytes)))
        }
    }

    /// A fresh random id (RFC 9562 version 4). A rearm makes one.
    #[must_use]
    pub fn random(entropy: &mut impl Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The value.
    #[must_use]
    #[inline]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl FromStr for Cmid {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let value = Uuid::try_parse(text).map_err(|_| ParseIdError)?;
        Self::new(value).map_err(|_| ParseIdError)
    }
}

show_as_uuid!(Cmid);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;
    use alloc::{format, string::ToString};

    #[test]
    fn ids_print_and_parse_as_uuids() {
        let text = "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6";
        let id: ActivationId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(format!("{id:?}"), format!("ActivationId({text})"));
        assert_eq!("a1a2".parse::<CountedId>(), Err(ParseIdError));
    }

    #[test]
    fn a_nil_cmid_cannot_be_made() {
        assert_eq!(Cmid::new(Uuid::nil()), Err(NilCmidError));
        assert_eq!(Cmid::from_bytes(&[0; 16]), Err(NilCmidError));
        assert_eq!(Uuid::nil().to_string().parse::<Cmid>(), Err(ParseIdError));
    }

    #[test]
    fn a_cmid_is_its_bytes_in_network_order() {
        for at in 0..16 {
            let mut bytes = [0; 16];
            bytes[at] = 1;
            let id = Cmid::from_bytes(&bytes);
            assert_eq!(id, Cmid::new(Uuid::from_bytes(bytes)));
            assert_eq!(id.unwrap().as_uuid().into_bytes(), bytes);
        }
    }

    #[test]
    fn random_cmids_differ_and_carry_version_4() {
        let mut entropy = SeededEntropy::new(3);
        let (a, b) = (Cmid::random(&mut entropy), Cmid::random(&mut entropy));
        assert_ne!(a, b);
        assert_eq!(a.as_uuid().get_version_num(), 4);
    }
}
