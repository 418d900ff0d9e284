//! What a host sends.

use super::connection::{Connection, Origin, State};
use crate::{
    limits::RETAINED,
    ndr::Outcome,
    pdu::{CallId, EncodeBody, Fault, FaultStatus, Pdu, PfcFlags, Prefix, Response, WholeResponse},
};
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
    pub(super) const fn prefix(&self, call_id: CallId, flags: PfcFlags) -> Prefix {
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

/// A port in decimal digits with a zero behind them, at the end of its bytes.
pub(super) struct PortText {
    bytes: [u8; 6],
    start: usize,
}

impl PortText {
    #[inline]
    pub(super) fn new(port: u16) -> Self {
        let mut text = Self {
            bytes: [0; 6],
            start: 5,
        };
        let mut rest = port;
        // INVARIANT: five digits and the zero fit.
        for (at, digit) in text.bytes.iter_mut().enumerate().rev().skip(1) {
            let [_, low] = (rest % 10).to_be_bytes();
            *digit = b'0' + low;
            text.start = at;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        text
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_port_is_its_digits_and_a_zero() {
        for port in [0, 1, 9, 10, 135, 1688, 9999, 10_000, u16::MAX] {
            let text = PortText::new(port);
            assert_eq!(text.as_bytes(), format!("{port}\0").as_bytes());
        }
    }
}
