use super::{ByteOrder, DecodeError, DecodeErrorKind, FixedReader};
use uuid::Uuid;

/// A cursor over bytes. Every read is checked; a failed read leaves the cursor where it was.
///
/// Each read names its field, so that the error can.
///
/// ```
/// use kms_core::{ByteOrder, Reader};
///
/// let mut reader = Reader::new(&[1, 0, 0xff], "example");
/// assert_eq!(reader.u16(ByteOrder::Little, "version")?, 1);
/// let error = reader.u32(ByteOrder::Little, "flags").unwrap_err();
/// assert_eq!(error.to_string(), "example: flags: 4 bytes wanted, 1 left (at offset 0x2)");
/// assert_eq!(error.needed(), Some(3));
/// # Ok::<(), kms_core::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    base: usize,
    context: &'static str,
    // INVARIANT: false for a reader made by `sub`, whose end is known and not the end of the input.
    open_ended: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`; `context` names the structure in errors.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8], context: &'static str) -> Self {
        Self {
            bytes,
            position: 0,
            base: 0,
            context,
            open_ended: true,
        }
    }

    /// The same reader with offsets counted from `base`, for bytes that stand inside others.
    #[must_use]
    #[inline]
    pub const fn with_base(mut self, base: usize) -> Self {
        self.base = base;
        self
    }

    /// Names the structure that is read from here on.
    #[inline]
    pub const fn set_context(&mut self, context: &'static str) {
        self.context = context;
    }

    /// The absolute offset of the next byte.
    #[must_use]
    #[inline]
    pub const fn offset(&self) -> usize {
        self.base + self.position
    }

    /// The number of bytes read so far from this reader's own start.
    #[must_use]
    #[inline]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The number of bytes left.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes left, unread.
    #[must_use]
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// An error about the field that starts at the current offset.
    #[must_use]
    #[inline(always)]
    pub const fn error(&self, field: &'static str, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.context, field, self.offset(), kind)
    }

    /// An error that `found` is not what `field`, which starts at `offset`, may hold.
    #[must_use]
    #[inline(always)]
    pub const fn value_error(
        &self,
        field: &'static str,
        offset: usize,
        found: u64,
        expected: &'static str,
    ) -> DecodeError {
        DecodeError::new(
            self.context,
            field,
            offset,
            DecodeErrorKind::Value { found, expected },
        )
    }

    /// An error that `field`, which starts at `offset`, breaks `rule`.
    #[must_use]
    #[inline(always)]
    pub const fn rule_error(
        &self,
        field: &'static str,
        offset: usize,
        rule: &'static str,
    ) -> DecodeError {
        DecodeError::new(self.context, field, offset, DecodeErrorKind::Rule { rule })
    }

    /// An error that the count in `field`, which starts at `offset`, is above `limit`.
    #[must_use]
    #[inline(always)]
    pub const fn limit_error(
        &self,
        field: &'static str,
        offset: usize,
        found: u64,
        limit: u64,
    ) -> DecodeError {
        DecodeError::new(
            self.context,
            field,
            offset,
            DecodeErrorKind::Limit { found, limit },
        )
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.rest().get(..count) {
            Some(bytes) => {
                self.position += count;
                Ok(bytes)
            }
            None => Err(self.short(count, field)),
        }
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        match self.rest().first_chunk::<N>() {
            Some(array) => {
                self.position += N;
                Ok(*array)
            }
            None => Err(self.short(N, field)),
        }
    }

    /// The next `LEN` bytes as a structure with fields at fixed offsets. `fields` lists the name and
    /// the size of each, in order, for the error: it names the first that is not wholly there.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn fixed<const LEN: usize>(
        &mut self,
        fields: &'static [(&'static str, usize)],
    ) -> Result<FixedReader<'a, LEN>, DecodeError> {
        match self.rest().first_chunk::<LEN>() {
            Some(bytes) => {
                self.position += LEN;
                Ok(FixedReader::new(bytes))
            }
            None => Err(self.short_of(fields)),
        }
    }

    /// Passes over `count` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn skip(&mut self, count: usize, field: &'static str) -> Result<(), DecodeError> {
        self.bytes(count, field).map(drop)
    }

    /// A reader bounded to the next `count` bytes, which this one passes over.
    /// A truncation inside it says that no further input would help.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn sub(&mut self, count: usize, field: &'static str) -> Result<Self, DecodeError> {
        let base = self.offset();
        let bytes = self.bytes(count, field)?;
        Ok(Self {
            bytes,
            position: 0,
            base,
            context: self.context,
            open_ended: false,
        })
    }

    /// One byte.
    ///
    /// # Errors
    /// When none is left.
    #[inline]
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// A 16-bit unsigned integer.
    ///
    /// # Errors
    /// When fewer than 2 bytes are left.
    #[inline]
    pub fn u16(&mut self, order: ByteOrder, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(|bytes| match order {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        })
    }

    /// A 32-bit unsigned integer.
    ///
    /// # Errors
    /// When fewer than 4 bytes are left.
    #[inline]
    pub fn u32(&mut self, order: ByteOrder, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(|bytes| match order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }

    /// A 64-bit signed integer.
    ///
    /// # Errors
    /// When fewer than 8 bytes are left.
    #[inline]
    pub fn i64(&mut self, order: ByteOrder, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(|bytes| match order {
            ByteOrder::Little => i64::from_le_bytes(bytes),
            ByteOrder::Big => i64::from_be_bytes(bytes),
        })
    }

    /// A UUID as its 16 bytes in network order (RFC 9562 section 4).
    ///
    /// # Errors
    /// When fewer than 16 bytes are left.
    #[inline]
    pub fn uuid(&mut self, field: &'static str) -> Result<Uuid, DecodeError> {
        self.array(field).map(Uuid::from_bytes)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// When bytes are left.
    #[inline]
    pub const fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(self.error("end", DecodeErrorKind::Trailing { count })),
        }
    }

    /// The error for the first of `fields` that is not wholly there.
    #[inline(always)]
    fn short_of(&self, fields: &'static [(&'static str, usize)]) -> DecodeError {
        let (offset, remaining) = (self.offset(), self.remaining());
        DecodeError::truncated_in(self.context, fields, offset, remaining, self.open_ended)
    }

    // What makes an error is handed the reader's parts and not the reader, here and above, so that
    // a reader that fails nowhere can stay in registers.
    #[inline(always)]
    const fn short(&self, wanted: usize, field: &'static str) -> DecodeError {
        DecodeError::truncated(
            self.context,
            field,
            self.offset(),
            wanted,
            self.remaining(),
            self.open_ended,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn integers_are_read_in_the_order_named() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        let mut little = Reader::new(&bytes, "t");
        let mut big = Reader::new(&bytes, "t");
        assert_eq!(little.clone().u16(ByteOrder::Little, "f").unwrap(), 0x0201);
        assert_eq!(big.clone().u16(ByteOrder::Big, "f").unwrap(), 0x0102);
        assert_eq!(
            little.clone().u32(ByteOrder::Little, "f").unwrap(),
            0x0403_0201
        );
        assert_eq!(big.clone().u32(ByteOrder::Big, "f").unwrap(), 0x0102_0304);
        assert_eq!(
            little.i64(ByteOrder::Little, "f").unwrap(),
            0x0807_0605_0403_0201
        );
        assert_eq!(big.i64(ByteOrder::Big, "f").unwrap(), 0x0102_0304_0506_0708);
    }

    #[test]
    fn a_short_read_says_where_and_how_much_and_moves_nothing() {
        let mut reader = Reader::new(&[0; 5], "t");
        reader.skip(3, "a").unwrap();
        let error = reader.u32(ByteOrder::Big, "b").unwrap_err();
        assert_eq!(
            (error.offset(), error.needed(), error.field()),
            (3, Some(2), "b")
        );
        assert_eq!(reader.remaining(), 2);
        reader.skip(2, "c").unwrap();
        reader.finish().unwrap();
    }

    #[test]
    fn a_structure_that_is_cut_short_names_its_first_field_that_is_not_whole() {
        const FIELDS: &[(&str, usize)] = &[("a", 2), ("b", 4)];
        let bytes = [1, 0, 2, 0, 0, 0];
        let mut reader = Reader::new(&bytes, "t").with_base(10);
        let fields = reader.fixed::<6>(FIELDS).unwrap();
        assert_eq!(fields.u32::<2>(ByteOrder::Little), 2);
        assert_eq!(fields.place::<0, 2>(), &[1, 0]);
        for (len, field, offset, needed) in [(0, "a", 10, 2), (1, "a", 10, 1), (5, "b", 12, 1)] {
            let mut reader = Reader::new(&bytes[..len], "t").with_base(10);
            let error = reader.fixed::<6>(FIELDS).unwrap_err();
            assert_eq!(
                (error.field(), error.offset(), error.needed()),
                (field, offset, Some(needed))
            );
            assert_eq!(reader.position(), 0);
        }
    }

    #[test]
    fn a_bounded_child_keeps_absolute_offsets_and_asks_for_nothing() {
        let mut outer = Reader::new(&[0; 10], "t").with_base(100);
        outer.skip(2, "head").unwrap();
        let mut child = outer.sub(4, "body").unwrap();
        child.skip(3, "a").unwrap();
        let error = child.u16(ByteOrder::Little, "b").unwrap_err();
        assert_eq!((error.offset(), error.needed()), (105, None));
        assert_eq!(outer.offset(), 106);
    }

    #[test]
    fn bytes_left_behind_are_an_error() {
        let error = Reader::new(&[0; 3], "t").finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "t: end: 3 bytes too many (at offset 0x0)"
        );
        assert_eq!(error.needed(), None);
    }

    #[test]
    fn a_length_near_the_address_space_is_only_short() {
        let mut reader = Reader::new(&[0; 3], "t");
        reader.skip(1, "a").unwrap();
        assert!(reader.bytes(usize::MAX, "b").is_err());
        assert!(reader.sub(usize::MAX, "b").is_err());
    }
}
