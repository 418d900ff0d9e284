//! What tshark makes of a captured exchange, held against what our decoder makes of it.

use super::{
    capture::{Capture, Dissected, dissect, followed, tshark},
    exchange::{self, Conversation},
    fields::{expected, values},
    fragments::with_long_chain,
    messages::{request, to_hex},
    tools::Python,
};
use crate::support::run;
use kms_core::{Decode, Encode};
use kms_wire::pdu::{AnyPdu, Body, PfcFlags};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The stubs whose last fragment has not come, by client, direction and call.
#[derive(Default)]
struct Stubs(BTreeMap<(u16, bool, u32), Vec<u8>>);

impl Stubs {
    /// With the last fragment of a stub, the whole of it, as tshark shows it there.
    fn add(&mut self, pdu: &Dissected) -> Option<(&'static str, Vec<String>)> {
        let decoded = AnyPdu::decode_all(&pdu.bytes).unwrap();
        let part = match decoded.body {
            Body::Request(request) => request.stub,
            Body::Response(response) => response.stub,
            _ => return None,
        };
        let key = (pdu.client_port, pdu.from_client, decoded.prefix.call_id.0);
        self.0.entry(key).or_default().extend(part);
        if !decoded.prefix.flags.contains(PfcFlags::LAST) {
            return None;
        }
        let stub = self.0.remove(&key).unwrap();
        let octets: Vec<String> = stub.iter().map(|octet| format!("{octet:02x}")).collect();
        (!stub.is_empty()).then(|| ("dcerpc.stub_data", vec![octets.join(":")]))
    }
}

/// Every byte of every stream is in a PDU that tshark saw, and what we hold of our own
/// conversations is what was captured.
async fn assert_whole(file: &Path, port: u16, pdus: &[Dissected], ours: &[Conversation]) {
    let streams = pdus.iter().map(|pdu| &*pdu.stream).collect();
    let followed = followed(file, port, &streams).await;
    for (client_port, [sent, received]) in &followed {
        let seen = |from_client| -> Vec<u8> {
            pdus.iter()
                .filter(|pdu| pdu.client_port == *client_port && pdu.from_client == from_client)
                .flat_map(|pdu| pdu.bytes.iter().copied())
                .collect()
        };
        assert_eq!(to_hex(&seen(true)), to_hex(sent));
        assert_eq!(to_hex(&seen(false)), to_hex(received));
    }
    for conversation in ours {
        let [sent, received] = &followed[&conversation.client_port];
        assert_eq!(to_hex(sent), to_hex(&conversation.sent));
        assert_eq!(to_hex(received), to_hex(&conversation.received));
    }
}

#[tokio::test]
#[ignore = "needs tshark, tcpdump as root, impacket and Samba's Python bindings: see foreign_peers/mod.rs"]
async fn tshark_reads_every_pdu_of_an_exchange_as_we_do() {
    let folder = with_long_chain().await;
    let host = folder.serve().await;
    let port = host.address.port();
    let file = folder.path("exchange.pcap");
    let capture = Capture::start(host.address, &file).await;
    let ours = exchange::hold(host.address);
    let message = to_hex(&request().to_vec());
    for (python, script) in [
        (Python::with_impacket().await, "impacket_client.py"),
        (Python::with_samba().await, "samba_client.py"),
    ] {
        let mut command = python.script(script);
        command.args([&port.to_string(), &message]);
        run(command).await.exits(0);
    }
    capture.stop().await;
    host.stop().await;

    // PI_ERROR is 0x00800000; nothing is above it.
    let faults = "_ws.malformed || _ws.expert.severity >= 8388608 || (dcerpc && data)";
    assert_eq!(tshark(&file, port, &["-V", "-Y", faults]).await, "");
    let pdus = dissect(&file, port).await;
    assert_whole(&file, port, &pdus, &ours).await;
    let mut seen = BTreeSet::new();
    let mut stubs = Stubs::default();
    for pdu in &pdus {
        let mut fields = expected(&pdu.bytes);
        fields.extend(stubs.add(pdu));
        for (name, wanted) in fields {
            assert_eq!(
                values(&pdu.fields, name),
                wanted,
                "{name} of {} in\n{:#}",
                to_hex(&pdu.bytes),
                pdu.fields
            );
        }
        seen.insert((pdu.bytes[2], pdu.bytes[4]));
    }
    assert!(stubs.0.is_empty(), "a stub has no last fragment");
    // Each type in each order that its sender has: a host writes little-endian only.
    for (kind, orders) in [
        (0, &[0x10, 0][..]),
        (2, &[0x10]),
        (3, &[0x10]),
        (11, &[0x10, 0]),
        (12, &[0x10]),
        (13, &[0x10]),
        (14, &[0x10, 0]),
        (15, &[0x10]),
        (18, &[0x10, 0]),
        (19, &[0x10, 0]),
    ] {
        for order in orders {
            assert!(
                seen.remove(&(kind, *order)),
                "no PDU of type {kind}, order {order:#x}"
            );
        }
    }
    assert_eq!(seen, BTreeSet::new());
}
