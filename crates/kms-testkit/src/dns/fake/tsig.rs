use super::{ForgedMessage, ForgedRecord, Section, wire_name};
use hickory_proto::{
    ProtoError,
    rr::{Name, TSigner, rdata::tsig::TsigAlgorithm},
};

/// A TSIG record (RFC 8945) of which every field can be wrong. What is signed is put together here from
/// section 4.3 of that document; only the HMAC itself is the library's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the fields are those of the document"
)]
pub struct ForgedTsig {
    /// The key's name, as text.
    pub key_name: String,
    /// The algorithm's name, as text. Whatever it is, HMAC-SHA256 signs.
    pub algorithm: String,
    /// The class: ANY, 255.
    pub class: u16,
    /// The time to live: 0.
    pub ttl: u32,
    /// Seconds since 1970.
    pub time: u64,
    /// How far clocks may be apart, in seconds.
    pub fudge: u16,
    /// The id of the message that was signed.
    pub original_id: u16,
    /// The error.
    pub error: u16,
    /// Other data: the server's time beside BADTIME.
    pub other: Vec<u8>,
    /// The length of the other data, where it lies.
    pub other_len: Option<u16>,
    /// The length of the MAC, where it lies.
    pub mac_len: Option<u16>,
}

impl ForgedTsig {
    /// A right one.
    #[must_use]
    pub fn new(key_name: &str, id: u16, time: u64) -> Self {
        Self {
            key_name: key_name.to_owned(),
            algorithm: "hmac-sha256".to_owned(),
            class: 255,
            ttl: 0,
            time,
            fudge: 300,
            original_id: id,
            error: 0,
            other: Vec::new(),
            other_len: None,
            mac_len: None,
        }
    }

    /// The MAC of a message, without its TSIG record, that answers a request with this MAC. To lie after
    /// signing, take it from a right record and give it to [`append`](Self::append) of a wrong one.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn mac(
        &self,
        message: &ForgedMessage,
        request_mac: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, ProtoError> {
        let message = message.clone().with_id(self.original_id).into_bytes();
        let request_len = u16::try_from(request_mac.len()).unwrap_or(u16::MAX);
        let mut signed = Vec::new();
        if !request_mac.is_empty() {
            signed.extend_from_slice(&request_len.to_be_bytes());
            signed.extend_from_slice(request_mac);
        }
        signed.extend_from_slice(&message);
        // Names in lower case, and always class ANY and time to live 0.
        signed.extend_from_slice(&wire_name(&self.key_name.to_ascii_lowercase()));
        signed.extend_from_slice(&[0, 255, 0, 0, 0, 0]);
        signed.extend_from_slice(&wire_name(&self.algorithm.to_ascii_lowercase()));
        signed.extend_from_slice(&self.time_and_fudge());
        signed.extend_from_slice(&self.error.to_be_bytes());
        signed.extend_from_slice(&self.len_of_other());
        signed.extend_from_slice(&self.other);
        let signer = TSigner::new(
            secret.to_vec(),
            TsigAlgorithm::HmacSha256,
            Name::root(),
            self.fudge,
        );
        let mac = signer.and_then(|signer| signer.sign(&signed));
        mac.map_err(|error| ProtoError::from(error.to_string()))
    }

    /// The message with this record and MAC at the end.
    #[must_use]
    pub fn append(&self, message: ForgedMessage, mac: &[u8]) -> ForgedMessage {
        message.record(Section::Additional, &self.record(mac))
    }

    /// The record, to be put anywhere.
    #[must_use]
    pub fn record(&self, mac: &[u8]) -> ForgedRecord {
        let mac_len = u16::try_from(mac.len()).unwrap_or(u16::MAX);
        let data = [
            &wire_name(&self.algorithm)[..],
            &self.time_and_fudge(),
            &self.mac_len.unwrap_or(mac_len).to_be_bytes(),
            mac,
            &self.original_id.to_be_bytes(),
            &self.error.to_be_bytes(),
            &self.len_of_other(),
            &self.other,
        ];
        ForgedRecord::new(&wire_name(&self.key_name), 250, &data.concat())
            .with_class(self.class)
            .with_ttl(self.ttl)
    }

    /// The message, signed as the document says.
    ///
    /// # Errors
    /// When the library cannot sign.
    pub fn sign(
        &self,
        message: ForgedMessage,
        request_mac: &[u8],
        secret: &[u8],
    ) -> Result<ForgedMessage, ProtoError> {
        let mac = self.mac(&message, request_mac, secret)?;
        Ok(self.append(message, &mac))
    }

    fn time_and_fudge(&self) -> [u8; 8] {
        let [_, _, time @ ..] = self.time.to_be_bytes();
        let [high, low] = self.fudge.to_be_bytes();
        let [a, b, c, d, e, f] = time;
        [a, b, c, d, e, f, high, low]
    }

    fn len_of_other(&self) -> [u8; 2] {
        let len = u16::try_from(self.other.len()).unwrap_or(u16::MAX);
        self.other_len.unwrap_or(len).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8945_the_library_takes_what_is_signed_here() {
        let secret = b"a secret of thirty-two bytes, ok";
        let name = Name::from_ascii("kms-host-key.").unwrap();
        let signer = TSigner::new(secret.to_vec(), TsigAlgorithm::HmacSha256, name, 300).unwrap();
        let message = ForgedMessage::new(7, 0xa800).question(&wire_name("a.test"), 6, 1);
        let right = ForgedTsig::new("KMS-host-key", 7, 1_700_000_000);
        let signed = right.sign(message.clone(), &[9; 32], secret).unwrap();
        let verify = |bytes: &[u8], mac: &[u8]| signer.verify_message_byte(bytes, Some(mac), true);
        let bytes = signed.into_bytes();
        assert_eq!(verify(&bytes, &[9; 32]).unwrap().1, 1_700_000_000);
        assert!(verify(&bytes, &[8; 32]).is_err(), "another request");
        let mac = right.mac(&message, &[9; 32], secret).unwrap();
        let later = ForgedTsig {
            time: right.time + 1,
            ..right
        };
        let lying = later.append(message, &mac).into_bytes();
        assert!(
            verify(&lying, &[9; 32]).is_err(),
            "another time than signed"
        );
    }
}
