use hickory_proto::op::Message;

/// How a message reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// In a frame on a connection.
    Tcp,
}

/// A message that the fake server was sent, read as far as it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// How it came.
    pub transport: Transport,
    /// How many messages came before it, over both transports.
    pub number: usize,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

/// RFC 1035 section 4.1.1.
const HEADER_LEN: usize = 12;
const MAX_LABELS: usize = 128;

impl Asked {
    /// A message, as the fake server would give it to a script.
    #[must_use]
    pub const fn new(transport: Transport, number: usize, bytes: Vec<u8>) -> Self {
        Self {
            transport,
            number,
            bytes,
        }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.number_at(0)
    }

    /// The second word of the header: QR, opcode and the rest down to RCODE.
    #[must_use]
    pub fn flags(&self) -> u16 {
        self.number_at(2)
    }

    /// The opcode: 0 asks, 5 updates.
    #[must_use]
    pub fn opcode(&self) -> u16 {
        (self.flags() >> 11) & 0xf
    }

    /// The first entry of the question or zone section as it was sent: name, type, class. Empty when
    /// there is none that can be read.
    #[must_use]
    pub fn question(&self) -> &[u8] {
        let mut end = HEADER_LEN;
        for _ in 0..MAX_LABELS {
            match self.bytes.get(end) {
                Some(0) => return self.bytes.get(HEADER_LEN..end + 5).unwrap_or(&[]),
                Some(len @ 1..=63) => end += 1 + usize::from(*len),
                Some(_) | None => return &[],
            }
        }
        &[]
    }

    /// The name asked for, in the form of the wire and in the case of the question.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        let question = self.question();
        question
            .get(..question.len().saturating_sub(4))
            .unwrap_or(&[])
    }

    /// The type asked for; 0 when it cannot be read.
    #[must_use]
    pub fn record_type(&self) -> u16 {
        match self.question() {
            [.., high, low, _, _] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        }
    }

    /// The MAC of its signature (RFC 8945); empty without one.
    #[must_use]
    pub fn mac(&self) -> Vec<u8> {
        Message::from_vec(&self.bytes)
            .ok()
            .and_then(|message| Some(message.signature()?.data.mac.clone()))
            .unwrap_or_default()
    }

    fn number_at(&self, at: usize) -> u16 {
        match self.bytes.get(at..at + 2) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::fake::{ForgedMessage, wire_name};

    #[test]
    fn a_question_is_read_in_its_own_case() {
        let bytes = ForgedMessage::new(0x1234, 0x2800)
            .question(&wire_name("A.Test"), 33, 1)
            .into_bytes();
        let asked = Asked::new(Transport::Udp, 0, bytes);
        assert_eq!((asked.id(), asked.opcode()), (0x1234, 5));
        assert_eq!(asked.name(), b"\x01A\x04Test\x00");
        assert_eq!(asked.record_type(), 33);
        assert!(asked.mac().is_empty());
    }

    #[test]
    fn nothing_that_is_sent_does_harm() {
        let whole = [&[0; 12][..], &[63; 300]].concat();
        for len in 0..whole.len() {
            for fill in [0, 1, 63, 64, 255] {
                let mut bytes = whole[..len].to_vec();
                bytes.iter_mut().skip(12).for_each(|byte| *byte = fill);
                let asked = Asked::new(Transport::Tcp, 0, bytes);
                assert!(asked.name().len() <= asked.question().len());
                assert!(asked.mac().is_empty());
            }
        }
    }
}
