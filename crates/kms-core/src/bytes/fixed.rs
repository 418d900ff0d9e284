use super::ByteOrder;
use uuid::Uuid;

/// The bytes of a structure whose fields stand at fixed offsets.
///
/// One check of the length is enough for all fields: that an offset lies inside is checked when the
/// code is compiled, so nothing here can fail and a field costs one load.
/// [`Reader::fixed`](super::Reader::fixed) makes one.
///
/// ```
/// use kms_core::{ByteOrder, FixedReader};
///
/// let fields = FixedReader::new(&[1, 0, 0xff, 0xfe]);
/// assert_eq!(fields.u16::<0>(ByteOrder::Little), 1);
/// assert_eq!(fields.array::<2, 2>(), [0xff, 0xfe]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FixedReader<'a, const LEN: usize>(&'a [u8; LEN]);

impl<'a, const LEN: usize> FixedReader<'a, LEN> {
    /// A view of the fields in `bytes`.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// The `N` bytes at offset `AT`.
    #[must_use]
    #[inline]
    pub fn array<const AT: usize, const N: usize>(&self) -> [u8; N] {
        const { assert!(AT + N <= LEN, "the field lies outside of the structure") };
        let mut field = [0; N];
        field.copy_from_slice(&self.0[AT..AT + N]);
        field
    }

    /// The `N` bytes at offset `AT`, where they stand.
    #[must_use]
    #[inline]
    pub fn place<const AT: usize, const N: usize>(&self) -> &'a [u8; N] {
        const { assert!(AT + N <= LEN, "the field lies outside of the structure") };
        // INVARIANT: the array's end was checked above.
        self.0[AT..].first_chunk().unwrap_or(&[0; N])
    }

    /// The byte at offset `AT`.
    #[must_use]
    #[inline]
    pub fn u8<const AT: usize>(&self) -> u8 {
        let [byte] = self.array::<AT, 1>();
        byte
    }

    /// The 16-bit unsigned integer at offset `AT`.
    #[must_use]
    #[inline]
    pub fn u16<const AT: usize>(&self, order: ByteOrder) -> u16 {
        let bytes = self.array::<AT, 2>();
        match order {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    /// The 32-bit unsigned integer at offset `AT`.
    #[must_use]
    #[inline]
    pub fn u32<const AT: usize>(&self, order: ByteOrder) -> u32 {
        let bytes = self.array::<AT, 4>();
        match order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The 64-bit signed integer at offset `AT`.
    #[must_use]
    #[inline]
    pub fn i64<const AT: usize>(&self, order: ByteOrder) -> i64 {
        let bytes = self.array::<AT, 8>();
        match order {
            ByteOrder::Little => i64::from_le_bytes(bytes),
            ByteOrder::Big => i64::from_be_bytes(bytes),
        }
    }

    /// The UUID at offset `AT`, 16 bytes in network order (RFC 9562 section 4).
    #[must_use]
    #[inline]
    pub fn uuid<const AT: usize>(&self) -> Uuid {
        Uuid::from_bytes(self.array::<AT, 16>())
    }
}

/// The bytes of a structure whose fields stand at fixed offsets, to be filled in. What is not
/// filled in is zero.
///
/// ```
/// use kms_core::{ByteOrder, FixedWriter};
///
/// let mut fields = FixedWriter::<4>::new();
/// fields.u16::<2>(7, ByteOrder::Little);
/// assert_eq!(fields.into_bytes(), [0, 0, 7, 0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FixedWriter<const LEN: usize>([u8; LEN]);

impl<const LEN: usize> FixedWriter<LEN> {
    /// All zero.
    #[must_use]
    #[inline]
    #[expect(clippy::new_without_default, reason = "the length has no default")]
    pub const fn new() -> Self {
        Self([0; LEN])
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub const fn into_bytes(self) -> [u8; LEN] {
        self.0
    }

    /// Sets the `N` bytes at offset `AT`.
    #[inline]
    pub fn array<const AT: usize, const N: usize>(&mut self, field: [u8; N]) {
        const { assert!(AT + N <= LEN, "the field lies outside of the structure") };
        self.0[AT..AT + N].copy_from_slice(&field);
    }

    /// Sets the 16-bit unsigned integer at offset `AT`.
    #[inline]
    pub fn u16<const AT: usize>(&mut self, value: u16, order: ByteOrder) {
        self.array::<AT, 2>(match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Sets the 32-bit unsigned integer at offset `AT`.
    #[inline]
    pub fn u32<const AT: usize>(&mut self, value: u32, order: ByteOrder) {
        self.array::<AT, 4>(match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Sets the 64-bit signed integer at offset `AT`.
    #[inline]
    pub fn i64<const AT: usize>(&mut self, value: i64, order: ByteOrder) {
        self.array::<AT, 8>(match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Sets the UUID at offset `AT`, 16 bytes in network order (RFC 9562 section 4).
    #[inline]
    pub fn uuid<const AT: usize>(&mut self, value: Uuid) {
        self.array::<AT, 16>(value.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back_in_both_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut fields = FixedWriter::<32>::new();
            fields.u16::<1>(0x0203, order);
            fields.u32::<3>(0x0405_0607, order);
            fields.i64::<7>(-8, order);
            fields.uuid::<15>(Uuid::from_u128(5));
            fields.array::<31, 1>([9]);
            let bytes = fields.into_bytes();
            let fields = FixedReader::new(&bytes);
            assert_eq!(fields.u8::<0>(), 0);
            assert_eq!(fields.u16::<1>(order), 0x0203);
            assert_eq!(fields.u32::<3>(order), 0x0405_0607);
            assert_eq!(fields.i64::<7>(order), -8);
            assert_eq!(fields.uuid::<15>(), Uuid::from_u128(5));
            assert_eq!(fields.u8::<31>(), 9);
        }
    }

    #[test]
    fn integers_stand_in_the_order_named() {
        let mut fields = FixedWriter::<4>::new();
        fields.u32::<0>(0x0102_0304, ByteOrder::Big);
        assert_eq!(fields.into_bytes(), [1, 2, 3, 4]);
        fields.u32::<0>(0x0102_0304, ByteOrder::Little);
        assert_eq!(fields.into_bytes(), [4, 3, 2, 1]);
    }
}
