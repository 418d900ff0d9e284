/// Received bytes of which the front is taken PDU by PDU.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    taken: usize,
}

impl Pending {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            taken: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Now and then, not with each PDU: moving the rest is what takes time.
        if self.taken > 64 * 1024 || self.taken == self.bytes.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// The first `length` bytes, or what there is of them.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.bytes();
        let taken = bytes.get(..length).unwrap_or(bytes).to_vec();
        self.taken += taken.len();
        taken
    }
}
