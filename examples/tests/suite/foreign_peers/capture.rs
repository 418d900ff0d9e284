//! Capturing with tcpdump, and reading the capture with tshark.

use super::{
    messages::from_hex,
    tools::{run_or, start_until},
};
use crate::support::LONG;
use core::net::SocketAddr;
use kms_testkit::process::{ChildGuard, Stream};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    path::Path,
    process::Command,
};

const TSHARK: &str = "apt-get install tshark";
const TCPDUMP: &str =
    "apt-get install tcpdump, and run as root or give it the capability: setcap cap_net_raw=ep";

/// A capture of what goes to and from one address on the loopback interface.
pub(super) struct Capture {
    tcpdump: ChildGuard,
    address: SocketAddr,
}

impl Capture {
    /// Once this returns, every packet is kept in the file.
    pub(super) async fn start(address: SocketAddr, file: &Path) -> Self {
        let mut command = Command::new("tcpdump");
        // A buffer of 16 MiB, so that a busy machine loses no packet. Not in immediate mode, where
        // every packet would take the place of the longest.
        command.args(["-i", "lo", "-n", "-U", "-l", "-B", "16384", "--print", "-w"]);
        command.arg(file);
        command.arg(format!("port {}", address.port()));
        let tcpdump = start_until(command, "listening on lo", TCPDUMP).await;
        Self { tcpdump, address }
    }

    /// Ends the capture once everything before is in the file: a datagram to the same port comes
    /// after it, and is printed when it is written.
    pub(super) async fn stop(mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"the end", self.address).unwrap();
        self.tcpdump
            .wait_for_line(LONG, |line| {
                line.stream == Stream::Stdout && line.text.contains("UDP, length 7")
            })
            .await
            .unwrap();
        self.tcpdump.terminate().unwrap();
        let lost = self
            .tcpdump
            .wait_for_line(LONG, |line| line.text.contains("dropped by kernel"))
            .await
            .unwrap();
        assert_eq!(lost.text, "0 packets dropped by kernel");
    }
}

/// tshark on the capture, which is told that the port speaks DCE/RPC.
pub(super) async fn tshark(file: &Path, port: u16, arguments: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file);
    command.args(["-d", &format!("tcp.port=={port},dcerpc")]);
    command.args(arguments);
    run_or(command, TSHARK).await.exits(0).stdout
}

/// A PDU as tshark dissected it.
pub(super) struct Dissected {
    pub(super) stream: String,
    pub(super) client_port: u16,
    pub(super) from_client: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Value,
}

pub(super) async fn dissect(file: &Path, port: u16) -> Vec<Dissected> {
    let arguments = ["-T", "json", "-x", "--no-duplicate-keys", "-Y", "dcerpc"];
    let text = tshark(file, port, &arguments).await;
    let frames: Value = serde_json::from_str(&text).unwrap();
    let mut pdus = Vec::new();
    for frame in frames.as_array().unwrap() {
        let layers = &frame["_source"]["layers"];
        let field = |name: &str| layers["tcp"][name].as_str().unwrap();
        let (from, to): (u16, u16) = (
            field("tcp.srcport").parse().unwrap(),
            field("tcp.dstport").parse().unwrap(),
        );
        // One layer is an object and one row of bytes, several are lists of both.
        let (fields, raw) = match &layers["dcerpc"] {
            Value::Array(several) => (
                several.clone(),
                layers["dcerpc_raw"].as_array().unwrap().clone(),
            ),
            one => (vec![one.clone()], vec![layers["dcerpc_raw"].clone()]),
        };
        assert_eq!(fields.len(), raw.len());
        for (fields, raw) in fields.into_iter().zip(raw) {
            pdus.push(Dissected {
                stream: field("tcp.stream").to_owned(),
                client_port: if to == port { from } else { to },
                from_client: to == port,
                bytes: from_hex(raw[0].as_str().unwrap()),
                fields,
            });
        }
    }
    pdus
}

/// Both directions of every stream as tshark follows it, by the client's port.
pub(super) async fn followed(
    file: &Path,
    port: u16,
    streams: &BTreeSet<&str>,
) -> BTreeMap<u16, [Vec<u8>; 2]> {
    let follow: Vec<String> = streams
        .iter()
        .map(|stream| format!("follow,tcp,raw,{stream}"))
        .collect();
    let mut arguments = vec!["-q"];
    arguments.extend(follow.iter().flat_map(|follow| ["-z", follow]));
    let text = tshark(file, port, &arguments).await;
    let mut all = BTreeMap::new();
    for block in text.split("Follow: tcp,raw").skip(1) {
        let mut client_port = 0;
        let mut both = [Vec::new(), Vec::new()];
        for line in block.lines() {
            if let Some(node) = line.strip_prefix("Node 0: 127.0.0.1:") {
                client_port = node.parse().unwrap();
            } else if let Some(answer) = line.strip_prefix('\t') {
                both[1].extend(from_hex(answer));
            } else if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                both[0].extend(from_hex(line));
            }
        }
        all.insert(client_port, both);
    }
    assert_eq!(all.len(), streams.len(), "{text}");
    all
}
