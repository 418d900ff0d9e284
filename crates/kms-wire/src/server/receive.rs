//! What a client's PDUs bring about.

use super::{
    Violation,
    connection::{Assembling, Call, Connection, Origin, State, Waiting},
    contexts::Contexts,
    transmit::PortText,
};
use crate::{
    limits::{MAX_FRAGMENT, MIN_FRAGMENT_SIZE},
    ndr::{Operation, OperationError, Opnum},
    pdu::{
        AckHead, AlterContext, Bind, BindView, ContextList, DecodeBody, FaultStatus, Header,
        HeaderError, PduType, PfcFlags, Request, encode_header,
    },
    reassembly::Overflow,
};
use kms_core::{ByteOrder, Reader, Writer};

impl Connection {
    /// The rules that a header can break by itself, in the order in which they are answered.
    pub(super) fn check(&self, header: &Header) -> Result<(), Violation> {
        let rules = header.check();
        if let Err(error @ HeaderError::Version { .. }) = rules {
            return Err(Violation::Header(error));
        }
        match (&self.state, header.pdu_type) {
            (State::Unbound, PduType::BIND) => {}
            (State::Unbound, other) => return Err(Violation::NotABind(other)),
            (
                State::Bound { .. },
                PduType::ALTER_CONTEXT | PduType::REQUEST | PduType::CO_CANCEL | PduType::ORPHANED,
            ) => {}
            (State::Bound { .. } | State::Closed, other) => {
                return Err(Violation::Unexpected(other));
            }
        }
        if let Err(error @ HeaderError::Representation(_)) = rules {
            return Err(Violation::Header(error));
        }
        if header.auth_length != 0 {
            return Err(Violation::Authentication(header.pdu_type));
        }
        rules.map_err(Violation::Header)
    }

    pub(super) fn handle_pdu(&mut self, header: &Header, body: &mut Reader<'_>) {
        let done = match header.pdu_type {
            PduType::BIND => self.handle_bind(header, body),
            PduType::ALTER_CONTEXT => self.handle_alter_context(header, body),
            PduType::REQUEST => return self.handle_request(header, body),
            // co_cancel and orphaned: the call goes on, as it does on Windows.
            _ => Ok(()),
        };
        if let Err(violation) = done {
            self.close(violation, Origin::of(header));
        }
    }

    fn handle_bind(&mut self, header: &Header, body: &mut Reader<'_>) -> Result<(), Violation> {
        body.set_context(Bind::NAME);
        let bind = BindView::decode(body, header.order()).map_err(Violation::Malformed)?;
        let group = self.config.association_group.get();
        if bind.association_group != 0 && bind.association_group != group {
            return Err(Violation::AssociationGroup(bind.association_group));
        }
        Contexts::check(bind.contexts)?;
        let max_fragment = bind
            .max_transmit_fragment
            .min(bind.max_receive_fragment)
            .clamp(MIN_FRAGMENT_SIZE, MAX_FRAGMENT)
            & !7;
        self.minor_version = header.minor_version;
        let address = PortText::new(self.config.port);
        let head = AckHead {
            max_transmit_fragment: max_fragment,
            max_receive_fragment: max_fragment,
            association_group: group,
            secondary_address: address.as_bytes(),
            results: bind.contexts.len(),
        };
        let asks = header.flags.contains(PfcFlags::CONC_MPX);
        let multiplexed = self.write_ack(header, PduType::BIND_ACK, head, bind.contexts, asks);
        self.state = State::Bound {
            max_fragment,
            multiplexed,
        };
        Ok(())
    }

    fn handle_alter_context(
        &mut self,
        header: &Header,
        body: &mut Reader<'_>,
    ) -> Result<(), Violation> {
        body.set_context(AlterContext::NAME);
        let alter = BindView::decode(body, header.order()).map_err(Violation::Malformed)?;
        Contexts::check(alter.contexts)?;
        let State::Bound { max_fragment, .. } = self.state else {
            return Ok(());
        };
        let head = AckHead {
            max_transmit_fragment: max_fragment,
            max_receive_fragment: max_fragment,
            association_group: self.config.association_group.get(),
            secondary_address: &[],
            results: alter.contexts.len(),
        };
        let pdu_type = PduType::ALTER_CONTEXT_RESPONSE;
        self.write_ack(header, pdu_type, head, alter.contexts, false);
        Ok(())
    }

    /// Decides about the contexts of a bind or alter_context, and writes the answer as it does. If
    /// the client asks for multiplexing it is granted with the first context, and this says so.
    #[inline]
    fn write_ack(
        &mut self,
        header: &Header,
        pdu_type: PduType,
        head: AckHead<'_>,
        proposed: ContextList<'_>,
        asks_for_multiplexing: bool,
    ) -> bool {
        self.drop_fetched();
        let prefix = self.prefix(header.call_id, PfcFlags::WHOLE);
        let mut out = Writer::new(&mut self.output);
        encode_header(prefix, pdu_type, head.body_len(), &mut out);
        head.encode(&mut out, prefix.order);
        for context in proposed {
            out.bytes(&self.contexts.decide(&context).to_wire());
        }
        let multiplexed = asks_for_multiplexing && !self.contexts.is_empty();
        if multiplexed {
            let flags = prefix.flags | PfcFlags::CONC_MPX;
            out.patch_u8(Header::FLAGS_OFFSET, flags.0);
        }
        multiplexed
    }

    fn handle_request(&mut self, header: &Header, body: &mut Reader<'_>) {
        let request: Request<'_> = match read(header, body) {
            Ok(request) => request,
            Err(violation) => return self.close(violation, Origin::of(header)),
        };
        let State::Bound { multiplexed, .. } = self.state else {
            return;
        };
        let known = self.contexts.holds(request.context_id);
        let origin = Origin {
            call_id: header.call_id,
            context_id: if known { request.context_id } else { 0 },
        };
        let assembling = if header.flags.contains(PfcFlags::FIRST) {
            if let Some(earlier) = self.assembling {
                // Without multiplexing there can be but one call, and the fault is about that.
                let about = if multiplexed { origin } else { earlier.origin };
                return self.close(Violation::FragmentOrder(header.call_id), about);
            }
            if header.flags.contains(PfcFlags::PENDING_CANCEL) {
                return self.close(Violation::PendingCancel(header.call_id), Origin::of(header));
            }
            if !known {
                self.write_fault(origin, FaultStatus::UNKNOWN_INTERFACE, true);
            }
            Assembling {
                origin,
                opnum: request.opnum,
                representation: header.representation,
                keep: known,
            }
        } else {
            match self.assembling {
                Some(earlier) if earlier.origin.call_id == header.call_id => earlier,
                Some(earlier) if !multiplexed => {
                    return self.close(Violation::FragmentOrder(header.call_id), earlier.origin);
                }
                // It belongs to no call, so it is judged by its context as any other request is.
                None if !known => {
                    return self.write_fault(origin, FaultStatus::UNKNOWN_INTERFACE, true);
                }
                _ => return self.close(Violation::FragmentOrder(header.call_id), origin),
            }
        };
        self.handle_fragment(header, assembling, request.stub);
    }

    fn handle_fragment(&mut self, header: &Header, assembling: Assembling, part: &[u8]) {
        let origin = assembling.origin;
        if assembling.representation != header.representation {
            let violation = Violation::RepresentationChanged(origin.call_id);
            return self.close(violation, origin);
        }
        if self.assembling.is_none() && header.flags.contains(PfcFlags::LAST) {
            // The usual case: nothing is put together, and only the message is kept. One fragment is
            // never longer than a stub may be.
            if assembling.keep {
                self.handle_call(origin, assembling.opnum, header.order(), Some(part));
            }
            return;
        }
        if let Err(overflow) = self.stub.add(part, assembling.keep) {
            let violation = match overflow {
                Overflow::Length => Violation::StubTooLong(origin.call_id),
                Overflow::Fragments => Violation::TooManyFragments(origin.call_id),
            };
            return self.close(violation, origin);
        }
        if !header.flags.contains(PfcFlags::LAST) {
            self.assembling = Some(assembling);
            return;
        }
        self.assembling = None;
        if assembling.keep {
            self.handle_call(origin, assembling.opnum, header.order(), None);
        } else {
            self.stub.clear();
        }
    }

    /// A call whose stub is whole: in these bytes, or if none are given in the connection's own.
    fn handle_call(
        &mut self,
        origin: Origin,
        opnum: Opnum,
        order: ByteOrder,
        fragment: Option<&[u8]>,
    ) {
        let message = match fragment {
            Some(stub) => Operation::decode(opnum, stub, order)
                .map(|operation| operation.message().map(|message| self.stub.hold(message))),
            None => Operation::decode(opnum, self.stub.stub(), order).map(|operation| {
                let start = Operation::MESSAGE_OFFSET;
                operation
                    .message()
                    .map(|message| start..start + message.len())
            }),
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                self.stub.clear();
                return match error {
                    OperationError::UnknownOpnum(_) => {
                        self.write_fault(origin, FaultStatus::OPERATION_RANGE, true);
                    }
                    OperationError::Stub(_) => {
                        self.write_fault(origin, FaultStatus::BAD_STUB_DATA, false);
                    }
                };
            }
        };
        self.serial += 1;
        self.waiting = Some(Waiting {
            call: Call {
                serial: self.serial,
                id: origin.call_id,
            },
            context_id: origin.context_id,
            message,
            handed_out: false,
        });
    }
}

fn read<'a, B: DecodeBody<'a>>(header: &Header, body: &mut Reader<'a>) -> Result<B, Violation> {
    body.set_context(B::NAME);
    B::decode_body(body, header).map_err(Violation::Malformed)
}
