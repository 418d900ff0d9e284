use super::ByteOrder;
use alloc::vec::Vec;
use uuid::Uuid;

/// Appends to a caller's vector, so that one buffer can serve many messages.
///
/// Positions and alignment count from where the writer was made, not from the vector's start.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    #[must_use]
    #[inline]
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// The number of bytes written.
    #[must_use]
    #[inline]
    pub const fn position(&self) -> usize {
        self.out.len() - self.start
    }

    /// Makes room for `count` more bytes at once, where more than one write is to come.
    #[inline]
    pub fn reserve(&mut self, count: usize) {
        self.out.reserve(count);
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends one byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Appends a 16-bit unsigned integer.
    #[inline]
    pub fn u16(&mut self, value: u16, order: ByteOrder) {
        self.bytes(&match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Appends a 32-bit unsigned integer.
    #[inline]
    pub fn u32(&mut self, value: u32, order: ByteOrder) {
        self.bytes(&match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Appends a 64-bit signed integer.
    #[inline]
    pub fn i64(&mut self, value: i64, order: ByteOrder) {
        self.bytes(&match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    }

    /// Appends a UUID as its 16 bytes in network order (RFC 9562 section 4).
    #[inline]
    pub fn uuid(&mut self, value: Uuid) {
        self.bytes(value.as_bytes());
    }

    /// Appends `count` zero bytes.
    #[inline]
    pub fn zeros(&mut self, count: usize) {
        // Padding is short, and a copy of a few bytes is quicker than a fill of any number.
        const FEW: [u8; 8] = [0; 8];
        match FEW.get(..count) {
            Some(zeros) => self.bytes(zeros),
            None => self.out.resize(self.out.len() + count, 0),
        }
    }

    /// Appends zero bytes until the position is a multiple of `alignment`, which is not 0.
    #[inline]
    pub fn align(&mut self, alignment: usize) {
        self.zeros(self.position().next_multiple_of(alignment) - self.position());
    }

    /// Overwrites a byte written before. A position that was not written is left alone.
    #[inline]
    pub fn patch_u8(&mut self, position: usize, value: u8) {
        let written = self.out.get_mut(self.start..).unwrap_or_default();
        if let Some(target) = written.get_mut(position) {
            *target = value;
        }
    }

    /// Overwrites two bytes written before, as a length that was not known yet.
    /// A position that was not written is left alone.
    #[inline]
    pub fn patch_u16(&mut self, position: usize, value: u16, order: ByteOrder) {
        let bytes = match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        if let Some(target) = self
            .out
            .get_mut(self.start..)
            .and_then(|written| written.get_mut(position..))
            .and_then(|tail| tail.first_chunk_mut::<2>())
        {
            *target = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;
    use alloc::vec;

    #[test]
    fn what_is_written_is_read_back_in_both_orders() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut out = vec![9];
            let mut writer = Writer::new(&mut out);
            writer.u8(1);
            writer.u16(0x0203, order);
            writer.u32(0x0405_0607, order);
            writer.i64(-8, order);
            writer.uuid(Uuid::from_u128(5));
            let mut reader = Reader::new(&out[1..], "t");
            assert_eq!(reader.u8("a").unwrap(), 1);
            assert_eq!(reader.u16(order, "b").unwrap(), 0x0203);
            assert_eq!(reader.u32(order, "c").unwrap(), 0x0405_0607);
            assert_eq!(reader.i64(order, "d").unwrap(), -8);
            assert_eq!(reader.uuid("e").unwrap(), Uuid::from_u128(5));
            reader.finish().unwrap();
        }
    }

    #[test]
    fn any_number_of_zeros_is_appended() {
        for count in [0, 1, 7, 8, 9, 300] {
            let mut out = vec![9];
            Writer::new(&mut out).zeros(count);
            assert_eq!(out.len(), 1 + count);
            assert!(out[1..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn alignment_and_patches_count_from_the_writers_start() {
        let mut out = vec![0xee; 3];
        let mut writer = Writer::new(&mut out);
        writer.u16(0, ByteOrder::Little);
        writer.align(4);
        writer.u8(7);
        writer.patch_u16(0, 0x1234, ByteOrder::Big);
        writer.patch_u16(4, 0xffff, ByteOrder::Big);
        writer.patch_u8(4, 9);
        writer.patch_u8(5, 0xff);
        assert_eq!(writer.position(), 5);
        assert_eq!(out, [0xee, 0xee, 0xee, 0x12, 0x34, 0, 0, 9]);
    }
}
