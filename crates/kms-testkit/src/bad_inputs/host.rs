//! Running cases against a host.

use super::{
    Action, Begin, Case, Ending, Expected, Failure, HostCorpus, HostGroup, Known, Lines, Link,
    Network, Patience, Probe, Received, Report, Step,
    fields::Fields,
    pdu::{self, Common},
};
use core::{slice::from_ref, time::Duration};
use std::{collections::BTreeMap, time::Instant};

/// How long a flood may go on, or a close be waited for, before the host is held to hang.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Runs the cases that `wanted` chooses, one after the other, and reports on all of them.
///
/// The host must have been started for the run, with the identity, catalogue and limits that the
/// corpus's page names: a case whose machine was counted before does not move the count.
pub fn run_host<N: Network>(
    corpus: &HostCorpus,
    network: &mut N,
    wanted: impl Fn(&Case) -> bool,
) -> Report {
    let mut report = Report::default();
    for (group, case) in corpus.cases().filter(|(_, case)| wanted(case)) {
        report.run += 1;
        if let Err(failure) = run(&corpus.probe, group, case, network) {
            let letter = group.group.split(' ').next().unwrap_or_default();
            report
                .failures
                .push(failure.of(format!("{letter}/{}", case.name)));
        }
    }
    report
}

fn run<N: Network>(
    probe: &Probe,
    group: &HostGroup,
    case: &Case,
    network: &mut N,
) -> Result<(), Failure> {
    let (before, number) = count(probe, network)?;
    for _ in 0..case.connections {
        let mut peer = Peer::connect(network, probe, Action::Begin)?;
        peer.common.group = number;
        peer.run(group, case)?;
    }
    let (after, _) = count(probe, network)?;
    let grown = i64::from(after) - i64::from(before);
    if grown != case.count {
        let expected = format!("to grow by {}", case.count);
        let found = format!("{before} before and {after} after");
        return Err(Failure::new(Action::Probe, expected, found));
    }
    Ok(())
}

/// Asks for an activation on a connection of its own: the count, and the association group.
fn count<N: Network>(probe: &Probe, network: &mut N) -> Result<(u32, u32), Failure> {
    let mut peer = Peer::connect(network, probe, Action::Probe)?;
    let group = peer.bind(&probe.bind, &probe.bytes)?;
    peer.send(&probe.activation, &probe.bytes)?;
    let found = peer.pdu()?;
    let number = |found: &Fields| found.get("count")?.parse().ok();
    match number(&found) {
        Some(count) => Ok((count, group)),
        None => Err(Failure::new(
            Action::Probe,
            "the probe to be answered",
            found,
        )),
    }
}

/// A client of the host under test.
struct Peer<'a, N: Network> {
    network: &'a mut N,
    probe: &'a Probe,
    link: N::Link,
    common: Common,
    // What came and was not looked at.
    input: Vec<u8>,
    ended: bool,
    idle: Vec<N::Link>,
    at: Action,
}

impl<'a, N: Network> Peer<'a, N> {
    fn connect(network: &'a mut N, probe: &'a Probe, at: Action) -> Result<Self, Failure> {
        let link = network
            .connect()
            .map_err(|error| Failure::new(at, "to connect", error))?;
        let common = Common {
            port: network.port(),
            group: 0,
            fragment_size: u16::MAX,
        };
        Ok(Self {
            network,
            probe,
            link,
            common,
            input: Vec::new(),
            ended: false,
            idle: Vec::new(),
            at,
        })
    }

    fn run(&mut self, group: &HostGroup, case: &Case) -> Result<(), Failure> {
        if case.begin == Begin::Bound
            && let Some(bind) = group.bytes.get("bind")
        {
            self.bind(bind, &group.bytes)?;
        }
        for (at, step) in (1..).zip(&case.steps) {
            self.at = Action::Step(at);
            self.step(step, &group.bytes)?;
        }
        self.at = Action::Ending;
        match case.connection {
            Ending::Open => self.serves(),
            Ending::Closed => self.closed(),
            Ending::Waiting => self.quiet(),
            Ending::Left => Ok(()),
        }
    }

    fn step(&mut self, step: &Step, named: &BTreeMap<String, Lines>) -> Result<(), Failure> {
        match step {
            Step::Send {
                bytes,
                repeat,
                pieces,
                pause,
            } => {
                let once = self.bytes(bytes, named)?;
                let all = once.repeat(usize::try_from(*repeat).unwrap_or(usize::MAX));
                self.send_pieces(&all, pieces, *pause)
            }
            Step::Flood { bytes } => {
                let bytes = self.bytes(bytes, named)?;
                let began = Instant::now();
                while began.elapsed() < DEADLINE {
                    if !self.sent(&bytes)? {
                        return Ok(());
                    }
                }
                Err(Failure::new(
                    self.at,
                    "the host to close the connection",
                    "it reads on",
                ))
            }
            Step::Expect { pdu, times } => {
                for _ in 0..*times {
                    self.expect(pdu)?;
                }
                Ok(())
            }
            Step::Quiet {} => self.quiet(),
            Step::Finish {} => {
                let finished = self.link.finish();
                self.done(finished)
            }
            Step::Reset {} => {
                let reset = self.link.reset();
                self.done(reset)
            }
            Step::Urgent { bytes } => {
                let byte = self
                    .bytes(bytes, named)?
                    .first()
                    .copied()
                    .unwrap_or_default();
                let sent = self.link.urgent(byte);
                self.done(sent)
            }
            Step::Idle { connections } => {
                for _ in 0..*connections {
                    let link = self.network.connect();
                    let link = link.map_err(|error| Failure::new(self.at, "to connect", error))?;
                    self.idle.push(link);
                }
                Ok(())
            }
        }
    }

    /// Binds, and gives the association group.
    fn bind(&mut self, bind: &Lines, named: &BTreeMap<String, Lines>) -> Result<u32, Failure> {
        self.send(bind, named)?;
        let found = self.expect(&Expected::BindAck {
            call_id: 1,
            fragment_size: 4280,
            results: vec![(0, 0)],
            multiplexed: false,
            minor_version: 0,
        })?;
        let group = found
            .get("assoc_group")
            .and_then(|group| group.parse().ok());
        match group {
            Some(group) if group != 0 => Ok(group),
            _ => Err(Failure::new(
                self.at,
                "an association group that is not 0",
                found,
            )),
        }
    }

    /// A context can be added, and a call made in it.
    fn serves(&mut self) -> Result<(), Failure> {
        let probe = self.probe;
        self.send(&probe.alter_context, &probe.bytes)?;
        let found = self.pdu()?;
        let wanted = [("type", "alter_context_resp"), ("results", "[0:0:NDR]")];
        if wanted
            .iter()
            .any(|(name, value)| found.get(name) != Some(*value))
        {
            return Err(Failure::new(self.at, "a context to be added", found));
        }
        self.send(&probe.certificate, &probe.bytes)?;
        let found = self.pdu()?;
        if found.get("certificates").is_none() || found.get("hresult") != Some("00000000") {
            return Err(Failure::new(
                self.at,
                "GetHostCertificate to be answered",
                found,
            ));
        }
        self.quiet()
    }

    /// The host has closed, and sent nothing more.
    fn closed(&mut self) -> Result<(), Failure> {
        while !self.ended && self.input.is_empty() {
            if self.fill(Patience::Long)? == Received::Silence {
                return Err(Failure::new(
                    self.at,
                    "the host to close",
                    "an open connection",
                ));
            }
        }
        self.nothing_waits("the host to close without another word")
    }

    /// Nothing has come, though the host has had its turn.
    fn quiet(&mut self) -> Result<(), Failure> {
        // A connection of another client is served meanwhile, so the host was not merely slow. What
        // comes later still is found by the next step that waits for something.
        let (at, probe) = (self.at, self.probe);
        let mut other = Peer::connect(self.network, probe, at)?;
        other.bind(&probe.bind, &probe.bytes)?;
        drop(other);
        self.fill(Patience::None)?;
        if self.ended {
            return Err(Failure::new(
                self.at,
                "an open connection",
                "the host has closed it",
            ));
        }
        self.nothing_waits("nothing")
    }

    fn nothing_waits(&self, expected: &str) -> Result<(), Failure> {
        if self.input.is_empty() {
            return Ok(());
        }
        let found = pdu::read(from_ref(&self.input), self.common);
        Err(Failure::new(self.at, expected, found))
    }

    /// Waits for a PDU, and compares it.
    fn expect(&mut self, expected: &Expected) -> Result<Fields, Failure> {
        let found = self.pdu()?;
        let wanted = expected.fields(self.common);
        let missing = wanted.missing_in(&found);
        if missing.is_empty() {
            if let Expected::BindAck { fragment_size, .. } = expected {
                self.common.fragment_size = *fragment_size;
            }
            return Ok(found);
        }
        let kind = wanted.get("type").unwrap_or_default();
        Err(Failure::new(
            self.at,
            format_args!("{kind} with {missing}"),
            found,
        ))
    }

    /// The next PDU, or a response in all its fragments.
    fn pdu(&mut self) -> Result<Fields, Failure> {
        let mut pdus = Vec::new();
        loop {
            let whole = pdu::length(&self.input).filter(|&length| length <= self.input.len());
            if let Some(length) = whole {
                let next: Vec<u8> = self.input.drain(..length).collect();
                let more = pdu::is_fragment(&next);
                pdus.push(next);
                if !more {
                    return Ok(pdu::read(&pdus, self.common));
                }
                continue;
            }
            let what = match (self.ended, pdus.is_empty() && self.input.is_empty()) {
                (false, _) => match self.fill(Patience::Long)? {
                    Received::Silence => "nothing",
                    _ => continue,
                },
                (true, true) => "the end of the connection",
                (true, false) => "a part, and the end of the connection",
            };
            return Err(Failure::new(self.at, "a PDU", what));
        }
    }

    fn fill(&mut self, patience: Patience) -> Result<Received, Failure> {
        let received = self
            .link
            .receive(&mut self.input, patience)
            .map_err(|error| Failure::new(self.at, "to receive", error))?;
        self.ended |= received == Received::End;
        Ok(received)
    }

    fn send(&mut self, lines: &Lines, named: &BTreeMap<String, Lines>) -> Result<(), Failure> {
        let bytes = self.bytes(lines, named)?;
        self.sent(&bytes).map(drop)
    }

    fn send_pieces(&mut self, bytes: &[u8], sizes: &[u32], pause: u64) -> Result<(), Failure> {
        let mut sizes = sizes.iter().cycle();
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = sizes.next().and_then(|&size| usize::try_from(size).ok());
            let (piece, later) = size
                .and_then(|size| rest.split_at_checked(size))
                .unwrap_or((rest, &[]));
            // A host that has closed has said why, and what was to follow is of no use.
            if !self.sent(piece)? || self.ended {
                return Ok(());
            }
            rest = later;
            if pause > 0 && !rest.is_empty() {
                self.fill(Patience::Millis(pause))?;
            }
        }
        Ok(())
    }

    fn sent(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        let sent = self.link.send(bytes);
        sent.map_err(|error| Failure::new(self.at, "to send", error))
    }

    fn bytes(&self, lines: &Lines, named: &BTreeMap<String, Lines>) -> Result<Vec<u8>, Failure> {
        let known = Known {
            now: self.network.now(),
            group: self.common.group,
            ..Known::default()
        };
        let bytes = lines.bytes(named, known);
        bytes.map_err(|error| Failure::new(self.at, "bytes of the form", error))
    }

    fn done(&self, done: std::io::Result<()>) -> Result<(), Failure> {
        done.map_err(|error| Failure::new(self.at, "the transport to do it", error))
    }
}
