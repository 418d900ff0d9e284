//! impacket and Samba as clients: their PDUs and their reading of ours.

use super::{
    messages::{from_hex, product, request, to_hex},
    tools::Python,
};
use crate::support::{Folder, RunningHost, run};
use kms_core::{Clock, Decode, Encode, StatusCode};
use kms_service::SystemClock;
use kms_trust::{Expected, Oids, TrustAnchors, Verifier};
use kms_wire::{ActivationAnswer, ActivationRequest, CertificateChain, Outcome};
use serde_json::Value;

/// What a stranger is told is what our own client would believe.
fn assert_verifies(folder: &Folder, request: &ActivationRequest, chain: &[u8], answer: &[u8]) {
    let root = String::from_utf8(folder.read("ca/root.pem")).unwrap();
    let anchors = TrustAnchors::from_pem(&root).unwrap();
    let verifier = Verifier::new(anchors, Oids::default(), Verifier::DEFAULT_TOLERANCE);
    let now = SystemClock.now().wall;
    let chain = CertificateChain::decode_all(chain).unwrap();
    let host = verifier.verify_chain(chain.certificates(), now).unwrap();
    let answer = ActivationAnswer::decode_all(answer).unwrap();
    let (message, product) = (request.to_vec(), product());
    let expected = Expected {
        request_message: &message,
        cmid: request.cmid,
        activation_id: request.activation_id,
        group_id: product.group.as_str(),
    };
    verifier
        .verify_answer(&host, expected, &answer.terms, &answer.signature, now)
        .unwrap();
    assert_eq!(answer.terms.count, 1, "one machine asked, however often");
}

/// What a script saw of a host, once it was given a request message.
async fn seen(python: Python, script: &str, host: &RunningHost, message: &[u8]) -> Value {
    let mut command = python.script(script);
    command.args([host.address.port().to_string(), to_hex(message)]);
    run(command).await.exits(0).json()
}

#[tokio::test]
#[ignore = "needs python with impacket: pip install -r examples/tests/suite/foreign_peers/requirements.txt"]
async fn impacket_binds_calls_fragments_and_is_refused_as_it_expects() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    let request = request();
    let python = Python::with_impacket().await;
    let seen = seen(python, "impacket_client.py", &host, &request.to_vec()).await;

    let chain = from_hex(seen["certificates"]["answer"].as_str().unwrap());
    let assert_chain = |answer: &Value| {
        assert_eq!(answer["hresult"], 0);
        assert_eq!(answer["n"], chain.len());
        assert_eq!(answer["answer"], to_hex(&chain));
    };
    let assert_activated = |answer: &Value| {
        assert_eq!(answer["hresult"], 0);
        assert_eq!(answer["n"], ActivationAnswer::LEN);
        let answer = from_hex(answer["answer"].as_str().unwrap());
        assert_verifies(&folder, &request, &chain, &answer);
    };
    assert_activated(&seen["activation"]);
    assert_chain(&seen["certificates"]);
    assert_activated(&seen["altered"]);
    for size in ["1", "8", "100"] {
        assert_activated(&seen["fragmented"][size]);
    }
    let many = seen["many"].as_array().unwrap();
    assert_eq!(many.len(), 20);
    for pair in many.chunks(2) {
        assert_activated(&pair[0]);
        assert_chain(&pair[1]);
    }
    assert_eq!(seen["malformed"]["hresult"], StatusCode::INVALID_DATA.0);
    assert_eq!(
        (&seen["malformed"]["n"], &seen["malformed"]["answer"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(seen["unknown_operation"], "nca_s_op_rng_error");
    assert_chain(&seen["after_fault"]);
    for refused in [
        "unknown_interface",
        "other_version",
        "other_version_altered",
    ] {
        let text = seen[refused].as_str().unwrap();
        assert!(
            text.contains("provider_rejection; abstract_syntax_not_supported"),
            "{refused}: {text}"
        );
    }
    host.stop().await;
}

#[tokio::test]
#[ignore = "needs Samba's Python bindings: apt-get install python3-samba"]
async fn samba_is_served_in_both_integer_orders() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    let request = request();
    let python = Python::with_samba().await;
    let seen = seen(python, "samba_client.py", &host, &request.to_vec()).await;

    for order in ["little", "big"] {
        let seen = &seen[order];
        let stub = |name: &str| from_hex(seen[name].as_str().unwrap());
        // A host writes little-endian whatever the client's order is.
        let answered = |stub: &[u8]| match Outcome::decode(stub, kms_core::ByteOrder::Little) {
            Ok(Outcome::Answered(bytes)) => bytes.to_vec(),
            other => panic!("{order}: {other:?}"),
        };
        let chain = answered(&stub("certificates"));
        for name in ["activation", "padded"] {
            assert_eq!(stub(name).len(), 12 + ActivationAnswer::LEN + 4);
            assert_verifies(&folder, &request, &chain, &answered(&stub(name)));
        }
        assert_eq!(answered(&stub("after_faults")), chain);
        // NT_STATUS_RPC_PROCNUM_OUT_OF_RANGE, RPC_NT_BAD_STUB_DATA, RPC_NT_UNSUPPORTED_NAME_SYNTAX:
        // what Samba makes of nca_s_op_rng_error, 0x000006f7 and a rejected abstract syntax.
        assert_eq!(seen["unknown_operation"], "0xc002002e");
        assert_eq!(seen["bad_stub"], "0xc003000c");
        assert_eq!(seen["unknown_interface"], "0xc0020026");
        assert_eq!(seen["other_version"], "0xc0020026");
    }
    host.stop().await;
}
