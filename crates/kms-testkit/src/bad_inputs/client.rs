//! Cases against a client, from a hostile host.

use super::{
    CorpusError, Lines,
    corpus::{check_bytes, check_format, check_name, check_named, files, read},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The cases against a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientCorpus {
    /// The client under test.
    pub setup: ClientSetup,
    pub(super) groups: Vec<ClientGroup>,
}

/// The client under test: what it asks, and whom it trusts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientSetup {
    format: u32,
    /// What it is.
    pub about: String,
    /// The client's clock in milliseconds since the Unix epoch; it stands still.
    pub now: i64,
    /// The message of RequestActivation, to the byte.
    pub request: Lines,
    /// The key group that a host must be certified for.
    pub key_group: String,
    /// The pinned root's certificate in DER.
    pub root: Lines,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientGroup {
    format: u32,
    pub(super) group: String,
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    pub(super) bytes: BTreeMap<String, Lines>,
    pub(super) cases: Vec<ClientCase>,
}

/// What a host does to a client, and what the client must make of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCase {
    /// Unique in the corpus.
    pub name: String,
    /// What is wrong with the host, in one sentence; of a control, why it is right.
    pub wrong: String,
    /// The rule that it tests.
    pub rule: String,
    /// The steps of the host, in order.
    pub steps: Vec<ClientStep>,
    /// What the attempt comes to.
    pub outcome: Outcome,
}

/// One thing that the host does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ClientStep {
    /// Takes the client's bind.
    ExpectBind {},
    /// Takes a call of the client.
    #[non_exhaustive]
    ExpectRequest {
        /// The operation.
        opnum: u16,
    },
    /// Makes sure that the client has sent nothing.
    Quiet {},
    /// Sends bytes.
    #[non_exhaustive]
    Send {
        /// The bytes.
        bytes: Lines,
        /// How often they are sent.
        #[serde(default = "one")]
        repeat: u32,
        /// The sizes of the pieces, begun again when used up; all at once if there are none.
        #[serde(default)]
        pieces: Vec<u32>,
    },
    /// Ends the connection.
    Finish {},
}

const fn one() -> u32 {
    1
}

/// What an attempt with one host comes to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Outcome {
    /// The answer was verified, with these terms.
    Accepted(Accepted),
    /// The host refused with a HRESULT that the protocol gives it (PROTOCOL section 2).
    #[non_exhaustive]
    Refused {
        /// The HRESULT, in hexadecimal digits.
        hresult: String,
    },
    /// It is as if the host had not answered.
    #[non_exhaustive]
    Unanswered {
        /// Why: `rejected`, `fault`, `violation`, `refusal`, `message`, `chain`, `verification` or
        /// `ended`.
        because: String,
    },
    /// The client still waits for the host.
    Waiting {},
}

/// The terms of an answer that a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the form")]
pub struct Accepted {
    /// The count.
    pub count: u32,
    /// Minutes between attempts while not activated.
    pub activation_interval: u32,
    /// Minutes between renewals.
    pub renewal_interval: u32,
    /// Minutes that the activation lasts.
    pub validity: u32,
}

impl Outcome {
    /// A refusal with this HRESULT.
    #[must_use]
    pub fn refused(hresult: u32) -> Self {
        let hresult = format!("{hresult:08x}");
        Self::Refused { hresult }
    }

    /// A host that might as well not have answered.
    #[must_use]
    pub fn unanswered(because: &str) -> Self {
        let because = because.to_owned();
        Self::Unanswered { because }
    }
}

/// A client under test, on a connection that was just established.
///
/// It binds with one context, for NDR 2.0 alone; calls RequestActivation with the message of its
/// [`ClientSetup`]; fetches the host's certificates, as if it knew none; and judges the answer.
pub trait Client {
    /// Appends what the client wants to send.
    fn transmit(&mut self, into: &mut Vec<u8>);

    /// Takes bytes of the host.
    ///
    /// # Errors
    /// When the client broke a promise that whoever drives it watches.
    fn handle_input(&mut self, bytes: &[u8]) -> Result<(), String>;

    /// The host has ended the connection.
    fn handle_end(&mut self);

    /// Whether the attempt has come to this by now.
    fn has_come_to(&self, outcome: &Outcome) -> bool;

    /// What it has come to, for people.
    fn outcome(&self) -> String;
}

impl ClientCorpus {
    /// Reads the client's part of the corpus in `folder`.
    ///
    /// # Errors
    /// When a file is missing or breaks the form, or a case a rule of it.
    pub fn load(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join("client.json");
        let setup: ClientSetup = read(&path)?;
        check_format(&path, setup.format)?;
        for lines in [&setup.request, &setup.root] {
            check_bytes(&path, "client", lines, &BTreeMap::new())?;
        }
        let mut names = BTreeSet::new();
        let mut groups = Vec::new();
        for path in files(&folder.join("client"))? {
            let group: ClientGroup = read(&path)?;
            check_format(&path, group.format)?;
            check_named(&path, &group.bytes)?;
            for case in &group.cases {
                check_name(&path, &case.name, &mut names)?;
                if !case.wrong.ends_with('.') || case.rule.is_empty() {
                    return Err(CorpusError::Case {
                        path,
                        case: case.name.clone(),
                        rule: "`wrong` is a sentence, and `rule` names a rule",
                    });
                }
                for step in &case.steps {
                    if let ClientStep::Send { bytes, .. } = step {
                        check_bytes(&path, &case.name, bytes, &group.bytes)?;
                    }
                }
            }
            groups.push(group);
        }
        Ok(Self { setup, groups })
    }

    /// All cases.
    pub fn cases(&self) -> impl Iterator<Item = &ClientCase> {
        self.groups.iter().flat_map(|group| &group.cases)
    }

    /// The same cases, changed; to see that a runner notices.
    pub fn for_each_case(&mut self, change: impl FnMut(&mut ClientCase)) {
        let cases = self.groups.iter_mut().flat_map(|group| &mut group.cases);
        cases.for_each(change);
    }
}
