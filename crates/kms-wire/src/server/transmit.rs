//! What a host sends.

use super::connection::{Connection, Origin, State};
use crate::{
    limits::RETAINED,
    ndr::Outcome,
    pdu::{CallId, EncodeBody, Fault, FaultStatus, Pdu, PfcFlags, Prefix, Response, WholeResponse},
};
use core::fmt::{self, Write as _};
use kms_core::{ByteOrder, Encode, Writer};

impl Connection {
    pub(super) fn write_answer(&mut self, origin: Origin, outcome: Outcome<'_>) {
        let State::Bound { max_fragment, .. } = self.state else {
            return;
        };
        if Response::STUB_OFFSET + outcome.encoded_len() <= usize::from(max_fragment) {
            let context_id = origin.context_id;
            let body = WholeResponse {
                context_id,
                outcome,
            };
            return self.write(origin.call_id, PfcFlags::WHOLE, body);
        }
        // The message of the call is done with: its place is taken by the answer.
        self.stub.clear();
        outcome.encode(&mut Writer::new(self.stub.buffer()), ByteOrder::Little);
        self.drop_fetched();
        let mut prefix = self.prefix(origin.call_id, PfcFlags::FIRST);
        let mut rest = self.stub.stub();
        // INVARIANT: at least 2048 - 24 bytes of stub in each fragment but the last, and a multiple
        // of 8 of them, as C706 section 12.6.3.1 wants.
        let most = usize::from(max_fragment)
            .saturating_sub(Response::STUB_OFFSET)
            .max(8);
        loop {
            let (part, later) = rest.split_at_checked(most).unwrap_or((rest, &[]));
            if later.is_empty() {
                prefix.flags = prefix.flags | PfcFlags::LAST;
            }
            let body = Response {
                alloc_hint: u32::try_from(rest.len()).unwrap_or(u32::MAX),
                context_id: origin.context_id,
                cancel_count: 0,
                stub: part,
            };
            Pdu { prefix, body }.encode(&mut Writer::new(&mut self.output));
            if later.is_empty() {
                break;
            }
            rest = later;
            prefix.flags = PfcFlags::default();
        }
    }

    pub(super) fn write_fault(
        &mut self,
        origin: Origin,
        status: FaultStatus,
        did_not_execute: bool,
    ) {
        let mut flags = PfcFlags::WHOLE;
        if did_not_execute {
            flags = flags | PfcFlags::DID_NOT_EXECUTE;
        }
        let fault = Fault {
            context_id: origin.context_id,
            cancel_count: 0,
            status,
        };
        self.write(origin.call_id, flags, fault);
    }

    #[inline]
    pub(super) fn write<B: EncodeBody>(&mut self, call_id: CallId, flags: PfcFlags, body: B) {
        self.drop_fetched();
        let prefix = self.prefix(call_id, flags);
        Pdu { prefix, body }.encode(&mut Writer::new(&mut self.output));
    }

    #[inline]
    const fn prefix(&self, call_id: CallId, flags: PfcFlags) -> Prefix {
        Prefix {
            minor_version: self.minor_version,
            flags,
            order: ByteOrder::Little,
            call_id,
        }
    }

    /// Gives up what was fetched. What was given out is no longer looked at, since that borrowed
    /// the connection.
    #[inline]
    pub(super) fn drop_fetched(&mut self) {
        if self.fetched != 0 {
            self.output.clear();
            self.output.shrink_to(RETAINED);
            self.fetched = 0;
        }
    }
}

/// A port in decimal digits with a zero behind them.
pub(super) struct PortText {
    bytes: [u8; 6],
    len: usize,
}

impl PortText {
    pub(super) fn new(port: u16) -> Self {
        let mut text = Self {
            bytes: [0; 6],
            len: 0,
        };
        // INVARIANT: five digits and the zero fit.
        if write!(text, "{port}\0").is_err() {
            text.len = 0;
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Write for PortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self
            .bytes
            .get_mut(self.len..)
            .and_then(|rest| rest.get_mut(..text.len()))
            .ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
