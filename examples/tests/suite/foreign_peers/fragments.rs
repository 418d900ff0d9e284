//! Fragment negotiation, proposed by other implementations.

use super::{
    messages::{from_hex, long_message, product, to_hex},
    tools::Python,
};
use crate::support::{Folder, run};
use kms_core::{ByteOrder, Decode};
use kms_wire::{CertificateChain, MAX_FRAGMENT, Outcome};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const RESPONSE: u64 = 2;
const FAULT: u64 = 3;
const BIND_ACK: u64 = 12;
const PROTOCOL_ERROR: u64 = 0x1c01_000b;

/// What is proposed, and what is negotiated where it is the smaller of the two: PROTOCOL section 1.
const SIZES: [(u64, u64); 12] = [
    (0, 2048),
    (1, 2048),
    (2047, 2048),
    (2048, 2048),
    (2055, 2048),
    (2056, 2056),
    (3199, 3192),
    (4280, 4280),
    (5839, 5832),
    (5840, 5840),
    (5841, 5840),
    (65_535, 5840),
];

/// A host with the longest chain that a foreign authority can make for it.
pub(crate) async fn with_long_chain() -> Folder {
    let folder = Folder::new();
    let mut command = Python::with_cryptography().await.script("long_chain.py");
    command.arg(folder.path("long"));
    command.arg(product().group.as_str());
    run(command).await.exits(0);
    folder.write(
        "host.toml",
        // One proposal is one connection, and all of them come from here.
        "listen = \"127.0.0.1:0\"\nidentity = \"long\"\n\
         [limits]\nnew_connections_burst = 1000\n",
    );
    folder
}

/// What each proposal brought, by the names of a stack in `fragments.py`.
async fn negotiate(python: Python, stack: &str) {
    let folder = with_long_chain().await;
    let host = folder.serve().await;
    // The longest PDU: 24 bytes of header and request, 8 of counts.
    let longest = long_message(usize::from(MAX_FRAGMENT) - 24 - 8);
    let sizes: Vec<String> = SIZES.iter().map(|(size, _)| size.to_string()).collect();
    let mut command = python.script("fragments.py");
    command.args([
        stack,
        &host.address.port().to_string(),
        &to_hex(&longest),
        &sizes.join(","),
    ]);
    let seen = run(command).await.exits(0).json();
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), SIZES.len() * SIZES.len());
    let negotiated: BTreeMap<u64, u64> = SIZES.into();
    for seen in seen {
        let proposed = [0, 1].map(|at| seen["proposed"][at].as_u64().unwrap());
        let size = negotiated[proposed.iter().min().unwrap()];
        assert_eq!(
            seen["ack"],
            json!({
                "type": BIND_ACK,
                "transmit": size,
                "receive": size,
                "address": host.address.port().to_string(),
                "results": [[0, 0]],
            }),
            "{proposed:?}"
        );
        assert_fragments(seen["fragments"].as_array().unwrap(), size);
        assert_eq!(seen["most"], MAX_FRAGMENT, "{proposed:?}");
        assert_eq!(seen["answer"]["type"], RESPONSE, "{proposed:?}");
        let answer = from_hex(seen["answer"]["stub"].as_str().unwrap());
        assert!(
            matches!(
                Outcome::decode(&answer, ByteOrder::Little),
                Ok(Outcome::Answered(_))
            ),
            "{proposed:?}: {answer:02x?}"
        );
        assert_eq!(
            seen["beyond"],
            json!([{ "type": FAULT, "flags": 3, "status": PROTOCOL_ERROR }]),
            "{proposed:?}"
        );
        assert_eq!(seen["closed"], true, "{proposed:?}");
    }
    host.stop().await;
}

/// Each fragment but the last is as long as was negotiated, and together they are the chain.
fn assert_fragments(fragments: &[Value], size: u64) {
    let mut stub = Vec::new();
    for (at, fragment) in fragments.iter().enumerate() {
        let last = at + 1 == fragments.len();
        assert_eq!(fragment["type"], RESPONSE);
        assert_eq!(fragment["call_id"], 2);
        let flags = u64::from(at == 0) | u64::from(last) << 1;
        assert_eq!(fragment["flags"], flags, "fragment {at} of {size}");
        let length = fragment["length"].as_u64().unwrap();
        assert!(
            length == size || last && (25..size).contains(&length),
            "fragment {at} of {size} has {length} bytes"
        );
        stub.extend(from_hex(fragment["stub"].as_str().unwrap()));
    }
    let Ok(Outcome::Answered(chain)) = Outcome::decode(&stub, ByteOrder::Little) else {
        panic!("not put together: {} bytes", stub.len())
    };
    let chain = CertificateChain::decode_all(chain).unwrap();
    assert_eq!(chain.certificates().len(), 4);
    assert!(
        fragments.len() >= 3,
        "the chain is long enough to be cut at {size}"
    );
}

#[tokio::test]
#[ignore = "needs python with impacket: pip install -r examples/tests/suite/foreign_peers/requirements.txt"]
async fn sizes_that_impacket_proposes_are_negotiated_and_kept() {
    negotiate(Python::with_impacket().await, "impacket").await;
}

#[tokio::test]
#[ignore = "needs Samba's Python bindings: apt-get install python3-samba; and python with cryptography"]
async fn sizes_that_samba_proposes_are_negotiated_and_kept() {
    negotiate(Python::with_samba().await, "samba").await;
}
