use crate::{
    DomainName, Registration, TsigAlgorithm, TsigKey, UpdateAnswerError, UpdatePlan, UpdateReply,
    own_record::OwnRecord,
    update_reply::{self, Signed},
};
use alloc::vec::Vec;
use core::{fmt, net::IpAddr};
use hickory_proto::{
    ProtoError,
    op::{Message, MessageType, OpCode, Query, UpdateMessage},
    rr::{DNSClass, Name, RData, Record, RecordType, TSigner, rdata::SRV, rdata::tsig},
};
use kms_core::{Entropy, Timestamp};

/// A dynamic update (RFC 2136) under way: the message to send, and what is needed to judge its
/// answer.
///
/// It adds and removes exactly this host's records, each by its whole content, and never a set: other hosts'
/// records under the same name are not touched.
///
/// Send [`bytes`](Self::bytes) to the zone's primary server, over TCP with a length of 2 bytes in front
/// or in one UDP datagram, and give what comes back to [`handle_answer`](Self::handle_answer).
pub struct Update {
    id: u16,
    zone: DomainName,
    bytes: Vec<u8>,
    signed: Option<Signed>,
}

/// Why an update cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// An earlier registration is in another zone.
    #[error("an earlier registration is in another zone: withdraw it by an update of its own")]
    OtherZone,
    /// Too many records to remove at once.
    #[error("more than 64 older records to remove: remove some by an update of their own")]
    TooManyRemoved,
    /// The time cannot be signed.
    #[error("the clock is before 1970 or beyond what a signature can hold: set it")]
    Clock,
    /// The DNS library could not build the message: a fault of this program.
    #[error("the update message could not be built")]
    Message,
}

impl Update {
    /// How far the server's clock may be from ours, in seconds (RFC 8945 section 10 advises 300).
    pub const FUDGE: u16 = 300;

    /// The longest message that goes over UDP without extensions, in bytes (RFC 1035 section 4.2.1).
    pub const MAX_UDP_LEN: usize = 512;

    /// The update that publishes `current`, and in the same step removes what each of `previous` published and
    /// `current` does not: what was published before this, and [`older_in`](Registration::older_in) the
    /// set that is there.
    ///
    /// Publishing what is there already is harmless, and sets the time to live. `entropy` makes the
    /// message's id; `now` is signed. Without a key the update is not signed: few servers should accept
    /// it, and who answers cannot be known.
    ///
    /// # Errors
    /// When the registrations are not in one zone, more than 64 records are to be removed, or the time
    /// cannot be signed.
    pub fn publish(
        current: &Registration,
        previous: &[Registration],
        key: Option<&TsigKey>,
        entropy: &mut (impl Entropy + ?Sized),
        now: Timestamp,
    ) -> Result<Self, UpdateError> {
        Self::of_plan(&UpdatePlan::publish(current, previous)?, key, entropy, now)
    }

    /// The update that removes what `registration` published.
    ///
    /// # Errors
    /// When the time cannot be signed.
    pub fn withdraw(
        registration: &Registration,
        key: Option<&TsigKey>,
        entropy: &mut (impl Entropy + ?Sized),
        now: Timestamp,
    ) -> Result<Self, UpdateError> {
        Self::of_plan(&UpdatePlan::withdraw(registration), key, entropy, now)
    }

    /// The update that does what is planned.
    ///
    /// # Errors
    /// When the time cannot be signed.
    pub fn of_plan(
        plan: &UpdatePlan,
        key: Option<&TsigKey>,
        entropy: &mut (impl Entropy + ?Sized),
        now: Timestamp,
    ) -> Result<Self, UpdateError> {
        let mut id = [0; 2];
        entropy.fill(&mut id);
        let id = u16::from_be_bytes(id);
        let mut message = Message::new(id, MessageType::Query, OpCode::Update);
        let mut zone_query = Query::query(name(plan.zone())?, RecordType::SOA);
        zone_query.set_query_class(DNSClass::IN);
        message.add_zone(zone_query);
        for removed in plan.removed() {
            let mut record = record(removed, 0)?;
            // RFC 2136 section 2.5.4: class NONE with the whole content removes that record alone.
            record.dns_class = DNSClass::NONE;
            message.add_update(record);
        }
        for added in plan.added() {
            message.add_update(record(added, plan.ttl().as_secs())?);
        }
        let signed = match key {
            Some(key) => Some(sign(&mut message, key, now)?),
            None => None,
        };
        Ok(Self {
            id,
            zone: plan.zone().clone(),
            bytes: message.to_vec().map_err(library_fault)?,
            signed,
        })
    }

    /// The message.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the message may go in a datagram, without extensions that the server might not have. Its
    /// answer may be cut short all the same; then send it again over TCP.
    #[must_use]
    pub const fn fits_udp(&self) -> bool {
        self.bytes.len() <= Self::MAX_UDP_LEN
    }

    /// Judges an answer.
    ///
    /// # Errors
    /// When the bytes are not an answer to this update.
    pub fn handle_answer(&self, answer: &[u8]) -> Result<UpdateReply, UpdateAnswerError> {
        let zone = name(&self.zone).map_err(|_| UpdateAnswerError::Malformed)?;
        update_reply::read(answer, self.id, &zone, self.signed.as_ref())
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("id", &self.id)
            .field("zone", &self.zone)
            .field("len", &self.bytes.len())
            .field("signed", &self.signed.is_some())
            .finish()
    }
}

fn record(own: &OwnRecord, ttl: u32) -> Result<Record, UpdateError> {
    let data = match own {
        OwnRecord::Srv { srv, .. } => {
            let target = name(&srv.target)?;
            RData::SRV(SRV::new(srv.priority, srv.weight, srv.port, target))
        }
        OwnRecord::Address { address, .. } => match *address {
            IpAddr::V4(address) => RData::A(address.into()),
            IpAddr::V6(address) => RData::AAAA(address.into()),
        },
    };
    Ok(Record::from_rdata(name(own.owner())?, ttl, data))
}

fn sign(message: &mut Message, key: &TsigKey, now: Timestamp) -> Result<Signed, UpdateError> {
    let time = u64::try_from(now.as_millis() / 1000)
        .ok()
        .filter(|time| time >> 48 == 0 && *time >= u64::from(Update::FUDGE))
        .ok_or(UpdateError::Clock)?;
    let algorithm = match key.algorithm() {
        TsigAlgorithm::HmacSha256 => tsig::TsigAlgorithm::HmacSha256,
        TsigAlgorithm::HmacSha384 => tsig::TsigAlgorithm::HmacSha384,
        TsigAlgorithm::HmacSha512 => tsig::TsigAlgorithm::HmacSha512,
    };
    let secret = key.secret().to_vec();
    let signer = TSigner::new(secret, algorithm, name(key.name())?, Update::FUDGE)
        .map_err(|_| UpdateError::Message)?;
    message.finalize(&signer, time).map_err(library_fault)?;
    let signature = message.signature().ok_or(UpdateError::Message)?;
    let mac = signature.data.mac.clone();
    let id = message.metadata.id;
    Ok(Signed {
        signer,
        mac,
        time,
        id,
    })
}

fn name(name: &DomainName) -> Result<Name, UpdateError> {
    // Label by label as bytes: the library's text forms know escapes and other scripts.
    Name::from_labels(name.labels().map(str::as_bytes)).map_err(library_fault)
}

fn library_fault(_: ProtoError) -> UpdateError {
    UpdateError::Message
}
