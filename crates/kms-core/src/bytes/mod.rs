//! Byte cursors in which nothing can panic, and the error that says where decoding stopped.

mod error;
mod fixed;
mod reader;
mod writer;

pub use error::{DecodeError, DecodeErrorKind};
pub use fixed::{FixedReader, FixedWriter};
pub use reader::Reader;
pub use writer::Writer;

use alloc::vec::Vec;

/// Integer byte order. Named at each call, because a DCE/RPC peer may choose either
/// (C706 section 14.1, the NDR format label).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no third byte order on this wire"
)]
pub enum ByteOrder {
    /// Least significant byte first: what we send.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

/// A value with one byte form.
pub trait Encode {
    /// The number of bytes that [`encode`](Self::encode) appends.
    fn encoded_len(&self) -> usize;

    /// Appends the byte form.
    fn encode(&self, out: &mut Writer<'_>);

    /// The byte form in a vector of its own.
    fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode(&mut Writer::new(&mut out));
        out
    }
}

/// A value that can be read from bytes.
pub trait Decode<'a>: Sized {
    /// The structure's name in errors.
    const NAME: &'static str;

    /// Reads the value and leaves the reader behind it.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are too few or break a rule of the structure.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Reads the value from the whole of `bytes`.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); bytes left behind the value are an error too.
    #[inline(always)]
    fn decode_all(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, Self::NAME);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}
