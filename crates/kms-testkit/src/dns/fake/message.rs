use super::Asked;

/// A section of a message (RFC 1035 section 4.1); in updates zone, prerequisites, updates, additional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Section {
    /// The question.
    Question,
    /// The answer.
    Answer,
    /// The authorities.
    Authority,
    /// The additional records.
    Additional,
}

/// A message that is put together byte by byte. Each part goes to the end, and its section's count in the
/// header grows; nothing is checked, and everything can be overwritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgedMessage {
    bytes: Vec<u8>,
}

/// A record of a forged message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgedRecord {
    owner: Vec<u8>,
    kind: u16,
    class: u16,
    ttl: u32,
    data: Vec<u8>,
    data_len: Option<u16>,
}

/// A name in the form of the wire, uncompressed; the empty text is the root. Nothing is checked: a
/// label may be too long, or hold anything but a dot.
#[must_use]
pub fn wire_name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A compression pointer to this place of the message, below 16,384.
#[must_use]
pub fn wire_pointer(to: u16) -> [u8; 2] {
    (0xc000 | to).to_be_bytes()
}

impl ForgedMessage {
    /// A header with no sections.
    #[must_use]
    pub fn new(id: u16, flags: u16) -> Self {
        let mut bytes = [id.to_be_bytes(), flags.to_be_bytes()].concat();
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes }
    }

    /// The beginning of a right answer: id, opcode and RD as asked, NOERROR, the question.
    #[must_use]
    pub fn answer_to(asked: &Asked) -> Self {
        let flags = 0x8000 | (asked.flags() & 0x7900);
        let message = Self::new(asked.id(), flags);
        let question = asked.question().to_vec();
        if question.is_empty() {
            return message;
        }
        message.counted(Section::Question, &question)
    }

    /// Another id.
    #[must_use]
    pub fn with_id(mut self, id: u16) -> Self {
        self.put(0, id);
        self
    }

    /// Another second word of the header.
    #[must_use]
    pub fn with_flags(mut self, flags: u16) -> Self {
        self.put(2, flags);
        self
    }

    /// These bits of the second word the other way round.
    #[must_use]
    pub fn with_flipped(self, bits: u16) -> Self {
        let flags = self.get(2) ^ bits;
        self.with_flags(flags)
    }

    /// Another response code, from 0 to 15.
    #[must_use]
    pub fn with_rcode(self, rcode: u16) -> Self {
        let flags = (self.get(2) & 0xfff0) | (rcode & 0xf);
        self.with_flags(flags)
    }

    /// Another count of a section than what was put into it.
    #[must_use]
    pub fn with_count(mut self, section: Section, count: u16) -> Self {
        self.put(Self::place(section), count);
        self
    }

    /// A question.
    #[must_use]
    pub fn question(self, name: &[u8], kind: u16, class: u16) -> Self {
        let entry = [name, &kind.to_be_bytes(), &class.to_be_bytes()].concat();
        self.counted(Section::Question, &entry)
    }

    /// A record that is counted in this section. Sections are in the order of the calls.
    #[must_use]
    pub fn record(self, section: Section, record: &ForgedRecord) -> Self {
        self.counted(section, &record.to_bytes())
    }

    /// A record of the answer section.
    #[must_use]
    pub fn answer(self, record: &ForgedRecord) -> Self {
        self.record(Section::Answer, record)
    }

    /// Bytes that are in no count.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Where the next part will begin, as pointers name it.
    #[must_use]
    pub fn here(&self) -> u16 {
        u16::try_from(self.bytes.len()).unwrap_or(u16::MAX)
    }

    /// The message.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn counted(mut self, section: Section, bytes: &[u8]) -> Self {
        let place = Self::place(section);
        self.put(place, self.get(place).saturating_add(1));
        self.raw(bytes)
    }

    const fn place(section: Section) -> usize {
        match section {
            Section::Question => 4,
            Section::Answer => 6,
            Section::Authority => 8,
            Section::Additional => 10,
        }
    }

    fn get(&self, at: usize) -> u16 {
        match self.bytes.get(at..at + 2) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        }
    }

    fn put(&mut self, at: usize, value: u16) {
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

impl ForgedRecord {
    /// A record of any type, of class IN and with a time to live of 300 s. The owner is in the form of the
    /// wire and may be compressed.
    #[must_use]
    pub fn new(owner: &[u8], kind: u16, data: &[u8]) -> Self {
        Self {
            owner: owner.to_vec(),
            kind,
            class: 1,
            ttl: 300,
            data: data.to_vec(),
            data_len: None,
        }
    }

    /// An SRV record (RFC 2782) of priority and weight 0; the target is in the form of the wire.
    #[must_use]
    pub fn srv(owner: &[u8], port: u16, target: &[u8]) -> Self {
        Self::new(
            owner,
            33,
            &[&[0; 4][..], &port.to_be_bytes(), target].concat(),
        )
    }

    /// A CNAME record.
    #[must_use]
    pub fn cname(owner: &[u8], target: &[u8]) -> Self {
        Self::new(owner, 5, target)
    }

    /// An OPT pseudo-record (RFC 6891) with the high bits of the response code, and a version.
    #[must_use]
    pub fn opt(extended_rcode: u8, version: u8) -> Self {
        let ttl = u32::from_be_bytes([extended_rcode, version, 0, 0]);
        Self::new(&[0], 41, &[]).with_class(1232).with_ttl(ttl)
    }

    /// An SOA record whose negative time to live is 60 s.
    #[must_use]
    pub fn soa(owner: &[u8]) -> Self {
        let times = [1_u32, 3600, 600, 86_400, 60].map(u32::to_be_bytes);
        let names = [wire_name("ns.test"), wire_name("hostmaster.test")].concat();
        Self::new(owner, 6, &[names, times.concat()].concat())
    }

    /// Another class.
    #[must_use]
    pub const fn with_class(mut self, class: u16) -> Self {
        self.class = class;
        self
    }

    /// Another time to live.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: u32) -> Self {
        self.ttl = ttl;
        self
    }

    /// Another RDLENGTH than the data has.
    #[must_use]
    pub const fn with_data_len(mut self, len: u16) -> Self {
        self.data_len = Some(len);
        self
    }

    /// The record in the form of the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = u16::try_from(self.data.len()).unwrap_or(u16::MAX);
        let mut bytes = self.owner.clone();
        bytes.extend_from_slice(&self.kind.to_be_bytes());
        bytes.extend_from_slice(&self.class.to_be_bytes());
        bytes.extend_from_slice(&self.ttl.to_be_bytes());
        bytes.extend_from_slice(&self.data_len.unwrap_or(len).to_be_bytes());
        bytes.extend_from_slice(&self.data);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Message;

    #[test]
    fn messages_without_lies_are_right_ones() {
        let owner = wire_name("_vlmcs._tcp.a.test");
        let message = ForgedMessage::new(7, 0x8180).question(&owner, 33, 1);
        let target = message.here() + u16::try_from(owner.len()).unwrap() + 16;
        let bytes = message
            .answer(&ForgedRecord::srv(&owner, 1688, &wire_name("kms1.a.test")))
            .record(Section::Authority, &ForgedRecord::soa(&wire_name("a.test")))
            .record(
                Section::Additional,
                &ForgedRecord::new(&wire_pointer(target), 1, &[192, 0, 2, 7]),
            )
            .record(Section::Additional, &ForgedRecord::opt(0, 0))
            .into_bytes();
        let read = Message::from_vec(&bytes).unwrap();
        assert_eq!(read.id, 7);
        assert_eq!(
            read.answers[0].to_string().matches("kms1.a.test.").count(),
            1
        );
        assert_eq!(read.authorities.len(), 1);
        assert_eq!(read.additionals[0].name.to_ascii(), "kms1.a.test.");
        assert!(read.edns.is_some());
    }

    #[test]
    fn every_field_can_lie() {
        let record = ForgedRecord::new(&[0], 1, &[1]).with_data_len(9);
        let bytes = ForgedMessage::new(7, 0)
            .answer(&record)
            .with_count(Section::Answer, 500)
            .with_id(8)
            .with_flipped(0x8000)
            .with_rcode(5)
            .into_bytes();
        assert_eq!(
            bytes,
            [
                &[0, 8, 0x80, 5, 0, 0, 0x01, 0xf4, 0, 0, 0, 0][..],
                &[0, 0, 1, 0, 1, 0, 0, 0x01, 0x2c, 0, 9, 1]
            ]
            .concat()
        );
        assert_eq!(wire_name(&"x".repeat(300))[0], 255);
    }
}
