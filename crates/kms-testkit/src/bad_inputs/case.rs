//! A case against a host.

use super::Lines;
use serde::Deserialize;

/// What a client does to a host, and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// Unique in the corpus.
    pub name: String,
    /// What is wrong with the input, in one sentence; of a control, why it is right.
    pub wrong: String,
    /// The rule that it tests, as "PROTOCOL 1" or "C706 12.6.4.9".
    pub rule: String,
    /// Where it can be run.
    #[serde(default)]
    pub transport: Reach,
    /// Whether it waits for the host's time limit of an exchange.
    #[serde(default)]
    pub deadline: bool,
    /// On how many connections the steps are taken, one after the other.
    #[serde(default = "one")]
    pub connections: u32,
    /// What comes before the first step.
    #[serde(default)]
    pub begin: Begin,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What is to be of the connection after the last step.
    pub connection: Ending,
    /// By how many machines the host's count grows over the whole case.
    pub count: i64,
}

const fn one() -> u32 {
    1
}

/// Where a case can be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reach {
    /// On anything that takes bytes in order.
    #[default]
    Any,
    /// On a TCP socket alone.
    Tcp,
}

/// What comes before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Begin {
    /// A connection, on which nothing was sent.
    #[default]
    Connected,
    /// The file's bytes named `bind`, and the bind_ack that they must get.
    Bound,
}

/// What is to be of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// It still serves: a context can be added and a call made.
    Open,
    /// The host has closed it, and sent nothing that was not expected.
    Closed,
    /// The host keeps it and waits for more; a PDU was sent in part.
    Waiting,
    /// The last step has ended it from the client's side.
    Left,
}

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
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
        /// How long to wait for the host's close between two pieces, in milliseconds.
        #[serde(default)]
        pause: u64,
    },
    /// Sends bytes again and again, reading nothing, until the host closes the connection.
    #[non_exhaustive]
    Flood {
        /// The bytes.
        bytes: Lines,
    },
    /// Waits for PDUs.
    #[non_exhaustive]
    Expect {
        /// What each must be.
        pdu: Expected,
        /// How many of them, one after the other.
        #[serde(default = "one")]
        times: u32,
    },
    /// Makes sure that nothing has come.
    Quiet {},
    /// Ends the client's side of the connection, which can still receive.
    Finish {},
    /// Ends the connection at once, without its being finished.
    Reset {},
    /// Sends a byte out of band.
    #[non_exhaustive]
    Urgent {
        /// One byte.
        bytes: Lines,
    },
    /// Opens more connections on which nothing is sent, until the case ends.
    #[non_exhaustive]
    Idle {
        /// How many.
        connections: u32,
    },
}

/// What a PDU must be. What every PDU of its type must be is checked beside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Expected {
    /// A bind_ack.
    #[non_exhaustive]
    BindAck {
        /// Its call.
        call_id: u32,
        /// Both fragment sizes.
        fragment_size: u16,
        /// Result and reason of each context.
        results: Vec<(u16, u16)>,
        /// Whether PFC_CONC_MPX is granted.
        #[serde(default)]
        multiplexed: bool,
        /// The minor version.
        #[serde(default)]
        minor_version: u8,
    },
    /// An alter_context_resp.
    #[non_exhaustive]
    AlterContextResp {
        /// Its call.
        call_id: u32,
        /// Both fragment sizes: those of the bind.
        fragment_size: u16,
        /// Result and reason of each context.
        results: Vec<(u16, u16)>,
        /// The minor version.
        #[serde(default)]
        minor_version: u8,
    },
    /// A bind_nak.
    #[non_exhaustive]
    BindNak {
        /// Its call; any, where the input has none that can be told.
        #[serde(default)]
        call_id: Option<u32>,
        /// The reason.
        reason: u16,
    },
    /// A fault.
    #[non_exhaustive]
    Fault {
        /// Its call.
        call_id: u32,
        /// The status, in hexadecimal digits.
        status: String,
        /// Whether it says that nothing was executed.
        did_not_execute: bool,
        /// The context.
        #[serde(default)]
        context_id: u16,
        /// The minor version.
        #[serde(default)]
        minor_version: u8,
    },
    /// A response, all fragments of it.
    #[non_exhaustive]
    Response {
        /// Its call.
        call_id: u32,
        /// The HRESULT, in hexadecimal digits.
        hresult: String,
        /// The context.
        #[serde(default)]
        context_id: u16,
        /// The CMID in the answer to RequestActivation, in hexadecimal digits.
        #[serde(default)]
        cmid: Option<String>,
        /// The count in it, where it is certain.
        #[serde(default)]
        count: Option<u32>,
        /// Whether it is the answer to GetHostCertificate.
        #[serde(default)]
        certificates: bool,
        /// The minor version.
        #[serde(default)]
        minor_version: u8,
    },
}

/// A step as it is named in a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The probe before or after the case.
    Probe,
    /// What comes before the first step.
    Begin,
    /// A step, counted from 1.
    Step(usize),
    /// The check of the connection at the end.
    Ending,
}
