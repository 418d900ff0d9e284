//! Running cases against a client.

use super::{
    Action, Client, ClientCase, ClientCorpus, ClientSetup, ClientStep, Failure, Known, Lines,
    Report,
    client::ClientGroup,
    fields::Fields,
    pdu::{self, Common},
};
use std::collections::BTreeMap;

/// Runs all cases, each with a client of its own, and reports on all of them.
pub fn run_client<C: Client>(
    corpus: &ClientCorpus,
    mut connect: impl FnMut(&ClientSetup) -> C,
) -> Report {
    let mut report = Report::default();
    for group in &corpus.groups {
        for case in &group.cases {
            report.run += 1;
            let peer = Peer {
                client: connect(&corpus.setup),
                input: Vec::new(),
                known: Known::default(),
                at: Action::Begin,
            };
            if let Err(failure) = peer.run(group, case) {
                let name = format!("client {}/{}", group.group, case.name);
                report.failures.push(failure.of(name));
            }
        }
    }
    report
}

/// A host of the client under test.
struct Peer<C> {
    client: C,
    // What the client sent and was not looked at.
    input: Vec<u8>,
    known: Known,
    at: Action,
}

impl<C: Client> Peer<C> {
    fn run(mut self, group: &ClientGroup, case: &ClientCase) -> Result<(), Failure> {
        for (at, step) in (1..).zip(&case.steps) {
            self.at = Action::Step(at);
            self.step(step, &group.bytes)?;
        }
        self.at = Action::Ending;
        if self.client.has_come_to(&case.outcome) {
            return Ok(());
        }
        let expected = format!("{:?}", case.outcome);
        Err(Failure::new(self.at, expected, self.client.outcome()))
    }

    fn step(&mut self, step: &ClientStep, named: &BTreeMap<String, Lines>) -> Result<(), Failure> {
        match step {
            ClientStep::ExpectBind {} => self.expect("bind", None),
            ClientStep::ExpectRequest { opnum } => self.expect("request", Some(*opnum)),
            ClientStep::Quiet {} => {
                self.client.transmit(&mut self.input);
                if self.input.is_empty() {
                    return Ok(());
                }
                let found = self.pdu()?;
                Err(Failure::new(self.at, "nothing", found))
            }
            ClientStep::Send {
                bytes,
                repeat,
                pieces,
            } => {
                let once = bytes
                    .bytes(named, self.known)
                    .map_err(|error| Failure::new(self.at, "bytes of the form", error))?;
                let all = once.repeat(usize::try_from(*repeat).unwrap_or(usize::MAX));
                let mut sizes = pieces.iter().cycle();
                let mut rest = all.as_slice();
                while !rest.is_empty() {
                    let size = sizes.next().and_then(|&size| usize::try_from(size).ok());
                    let (piece, later) = size
                        .and_then(|size| rest.split_at_checked(size))
                        .unwrap_or((rest, &[]));
                    let taken = self.client.handle_input(piece);
                    taken
                        .map_err(|why| Failure::new(self.at, "a client within its limits", why))?;
                    rest = later;
                }
                Ok(())
            }
            ClientStep::Finish {} => {
                self.client.handle_end();
                Ok(())
            }
        }
    }

    fn expect(&mut self, kind: &str, opnum: Option<u16>) -> Result<(), Failure> {
        let (found, pdu) = self.pdu()?.into_parts();
        let number = |at: usize| {
            let bytes = pdu.get(at..)?.first_chunk()?;
            Some(u16::from_le_bytes(*bytes))
        };
        let found_opnum = if opnum.is_some() { number(22) } else { None };
        if found.get("type") != Some(kind) || found_opnum != opnum {
            let expected = match opnum {
                Some(opnum) => format!("a {kind} of operation {opnum}"),
                None => format!("a {kind}"),
            };
            return Err(Failure::new(self.at, expected, found));
        }
        if let Some(call) = pdu.get(12..).and_then(|rest| rest.first_chunk()) {
            self.known.call = u32::from_le_bytes(*call);
        }
        // The only context of a bind, and that of a call.
        let context = if opnum.is_some() { 20 } else { 28 };
        self.known.context = number(context).unwrap_or_default();
        Ok(())
    }

    fn pdu(&mut self) -> Result<Seen, Failure> {
        self.client.transmit(&mut self.input);
        let length = pdu::length(&self.input).filter(|&length| length <= self.input.len());
        let Some(length) = length else {
            return Err(Failure::new(self.at, "a PDU of the client", "none"));
        };
        let pdu: Vec<u8> = self.input.drain(..length).collect();
        let common = Common {
            port: 0,
            group: 0,
            fragment_size: u16::MAX,
        };
        let fields = pdu::read(core::slice::from_ref(&pdu), common);
        Ok(Seen { fields, pdu })
    }
}

/// A PDU of the client.
struct Seen {
    fields: Fields,
    pdu: Vec<u8>,
}

impl Seen {
    fn into_parts(self) -> (Fields, Vec<u8>) {
        (self.fields, self.pdu)
    }
}

impl core::fmt::Display for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.fields.fmt(f)
    }
}
