//! The client in Python, which shares no code with the crates.

use super::{
    lying_host::{self, Lie},
    messages::product,
    tools::Python,
};
use crate::support::{AUTHORITY, Folder, Outcome, run};
use core::{net::SocketAddr, time::Duration};
use kms_core::{Cmid, KeyId, StatusCode};
use kms_service::OsEntropy;
use kms_wire::pdu::{FaultStatus, RejectReason};
use std::{net::TcpListener, process::Command};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/kms_client.py");
const SOURCE: &str = include_str!("../../../python/kms_client.py");
const README: &str = include_str!("../../../python/README.md");

/// How the client is called; a test changes what it is about.
struct Call {
    python: Python,
    options: Vec<(&'static str, String)>,
}

impl Call {
    async fn of(folder: &Folder, host: SocketAddr) -> Self {
        let product = product();
        let root = folder.path("ca/root.pem").display().to_string();
        Self {
            python: Python::with_cryptography().await,
            options: vec![
                ("host", host.ip().to_string()),
                ("port", host.port().to_string()),
                ("root", root),
                ("group", product.group.as_str().to_owned()),
                ("application", product.application_id.to_string()),
                ("activation", product.activation_id.to_string()),
                ("counted", product.counted_id.to_string()),
                ("cmid", Cmid::random(&mut OsEntropy).to_string()),
                ("needed", "5".to_owned()),
                ("name", "snake".to_owned()),
            ],
        }
    }

    fn with(&self, changed: &str, value: &str) -> Command {
        let mut command = self.python.script(CLIENT);
        for (name, usual) in &self.options {
            let value = if *name == changed { value } else { usual };
            command.arg(format!("--{name}={value}"));
        }
        command
    }

    async fn run(&self) -> Outcome {
        run(self.with("", "")).await
    }

    async fn json(&self) -> Outcome {
        let mut command = self.with("", "");
        command.arg("--json");
        run(command).await
    }
}

/// A new machine each time.
async fn ask(folder: &Folder, host: SocketAddr) -> Call {
    Call::of(folder, host).await
}

#[test]
fn the_client_has_at_most_150_lines_and_needs_only_cryptography() {
    assert!(SOURCE.lines().count() <= 150);
    assert!(SOURCE.lines().all(|line| line.len() <= 120));
    let beyond: Vec<&str> = SOURCE
        .lines()
        .filter(|line| line.starts_with("import ") || line.starts_with("from "))
        .flat_map(|line| {
            let (_, modules) = line.split_once(' ').unwrap();
            let modules = modules.split(" import ").next().unwrap();
            modules.split(',').map(str::trim)
        })
        .filter(|module| {
            ![
                "argparse",
                "cryptography",
                "datetime",
                "hashlib",
                "json",
                "os",
                "pathlib",
                "socket",
                "struct",
                "sys",
                "time",
                "uuid",
            ]
            .contains(module)
        })
        .collect();
    assert_eq!(beyond, [""; 0]);
}

#[test]
fn its_readme_names_a_product_as_the_catalogue_does() {
    let product = product();
    for named in [
        product.group.as_str(),
        &product.application_id.to_string(),
        &product.activation_id.to_string(),
        &product.counted_id.to_string(),
        &format!("--needed {}", product.threshold.machines()),
    ] {
        assert!(README.contains(named), "{named}");
    }
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_is_licensed_at_the_threshold_and_not_below_it() {
    let folder = Folder::with_host().await;
    let host = folder.serve().await;
    for count in 1..=4 {
        ask(&folder, host.address)
            .await
            .run()
            .await
            .exits(3)
            .says(&[
                "not activated (0xC004F038)",
                "CN=kms1.contoso.test",
                &format!("counts {count}, this product needs 5"),
            ]);
    }
    let fifth = ask(&folder, host.address).await;
    fifth
        .run()
        .await
        .exits(0)
        .says(&["activated (0x00000000)", "counts 5"]);
    let told = fifth.json().await.exits(0).json();
    assert_eq!(told["code"], "0x00000000");
    assert_eq!(told["count"], 5, "it asked before");
    assert_eq!(told["activation_interval"], 120);
    assert_eq!(told["renewal_interval"], 10_080);
    assert_eq!(told["validity_interval"], 259_200);

    // Its machines and ours are the same to the host.
    folder.client("rust", crate::support::SERVER, host.address);
    folder.activate("rust").await.exits(0).says(&["count 6"]);
    host.stop().await;
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_tells_what_a_host_refuses_in_its_hresult() {
    let folder = Folder::with_host().await;
    folder.run(AUTHORITY, "init --dir other-ca").await.exits(0);
    let host = folder.serve().await;
    let call = ask(&folder, host.address).await;
    let other_root = folder.path("other-ca/root.pem").display().to_string();
    let nil = "00000000-0000-0000-0000-000000000000";
    for (name, value, code, text) in [
        ("cmid", nil, "0x8007000D", "the request is malformed"),
        ("name", "a\nb", "0x8007000D", "the request is malformed"),
        (
            "activation",
            nil,
            "0xC004F042",
            "may not activate this product",
        ),
        (
            "group",
            "office",
            "no answer",
            "not certified for office, only for windows/client-vl/7",
        ),
        ("root", &other_root, "no answer", "issuer"),
        ("root", "none.pem", "no answer", "none.pem"),
        ("port", "1", "no answer", "refused"),
    ] {
        run(call.with(name, value))
            .await
            .exits(1)
            .says(&[&format!("not activated ({code})"), text]);
    }
    host.stop().await;

    for (status, text) in [
        (0xC004_F041, "the host itself is not activated"),
        (0xC004_F06C, "clocks"),
        (0x8007_00AA, "try later"),
        (0xC004_F04D, "the host refused"),
    ] {
        let refusal = Some(StatusCode(status));
        let host = lying_host::serve(
            &folder.path("kms1"),
            Lie {
                refusal,
                ..Lie::default()
            },
        );
        let told = ask(&folder, host).await.json().await.exits(1).json();
        assert_eq!(told["code"], format!("0x{status:08X}"));
        assert!(told["text"].as_str().unwrap().contains(text), "{told}");
        assert_eq!(told.get("count"), None);
    }
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_says_what_is_wrong_with_its_arguments() {
    let folder = Folder::new();
    let call = ask(&folder, ([127, 0, 0, 1], 1).into()).await;
    let long = "n".repeat(64);
    for (name, value, text) in [
        (
            "cmid",
            "not-an-id",
            "argument --cmid: invalid UUID value: 'not-an-id'",
        ),
        ("activation", "0011", "argument --activation"),
        ("port", "kms", "argument --port"),
        ("needed", "0", "N is 1 to 1000000"),
        ("needed", "1000001", "N is 1 to 1000000"),
        ("name", "", "a machine name has 1 to 63 bytes"),
        ("name", &long, "a machine name has 1 to 63 bytes"),
    ] {
        run(call.with(name, value))
            .await
            .exits(2)
            .complains(&[text]);
    }
    let mut nothing = call.python.script(CLIENT);
    nothing.arg("--json");
    run(nothing).await.exits(2).complains(&["required: --host"]);
    let mut help = call.python.script(CLIENT);
    help.arg("--help");
    run(help)
        .await
        .exits(0)
        .says(&["exit codes: 0 licensed", "--cmid", "always the same"]);
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_believes_no_host_that_lies() {
    let folder = Folder::with_host().await;
    let honest = Lie::default();
    let truth = lying_host::serve(&folder.path("kms1"), honest);
    ask(&folder, truth).await.run().await.exits(0);

    let hour = Duration::from_secs(3600);
    assert_eq!(hour * 4, kms_trust::Verifier::DEFAULT_TOLERANCE);
    let signature = "InvalidSignature";
    #[rustfmt::skip]
    let lies: Vec<(&str, &str, Lie)> = vec![
        ("its count is raised", signature, Lie { answer: |it| it[4] += 1, ..honest }),
        ("its host time is changed", signature, Lie { answer: |it| it[40] ^= 1, ..honest }),
        ("its signature is changed", signature, Lie { answer: |it| it[119] ^= 1, ..honest }),
        ("its signature is missing", signature, Lie { answer: |it| it.truncate(56), ..honest }),
        ("it is for another machine", "another machine",
            Lie { terms: |it| it.cmid = Cmid::random(&mut OsEntropy), ..honest }),
        ("it is from another key", "another key", Lie { terms: |it| it.key_id = KeyId([1; 8]), ..honest }),
        ("it is 5 hours old", "clock",
            Lie { terms: |it| it.host_time = it.host_time.saturating_sub(Duration::from_secs(5 * 3600)), ..honest }),
        ("it is 5 hours ahead", "clock",
            Lie { terms: |it| it.host_time = it.host_time.saturating_add(Duration::from_secs(5 * 3600)), ..honest }),
        ("its certificate is changed", signature, Lie { chain: |it| *it.last_mut().unwrap() ^= 1, ..honest }),
        ("its certificate is no certificate", "ValueError", Lie { chain: |it| it[3] = 0, ..honest }),
        ("its list of certificates is empty", "list of certificates", Lie { chain: |it| *it = vec![0], ..honest }),
        ("its list counts one more", "list of certificates", Lie { chain: |it| it[0] += 1, ..honest }),
        ("its list is longer than it says", "list of certificates", Lie { chain: |it| it.push(0), ..honest }),
        ("its list is cut short", "list of certificates", Lie { chain: |it| { it.pop(); }, ..honest }),
        ("its certificate is sent five times", "list of certificates", Lie { chain: |it| {
            let one = it[1..].to_vec();
            *it = [vec![5], one.repeat(5)].concat();
        }, ..honest }),
        ("it rejects the context", "does not offer the interface", Lie { output: |n, it| if n == 0 { it[36] = 2 }, ..honest }),
        ("it refuses the bind", "reason 2", Lie { output: |n, it| if n == 0 { *it = nak(); }, ..honest }),
        ("it sends a fault", "0x1c010014", Lie { output: |n, it| if n == 1 { *it = fault(); }, ..honest }),
        ("it answers another call", "no PDU of this call", Lie { output: |n, it| if n == 1 { it[12] += 1 }, ..honest }),
        ("it answers in another version", "no PDU of this call", Lie { output: |n, it| if n == 1 { it[0] = 4 }, ..honest }),
        ("its fragment is too long", "no PDU of this call", Lie { output: |n, it| if n == 1 { it[9] = 0x17 }, ..honest }),
        ("its first fragment is missing", "fragment", Lie { output: |n, it| if n == 1 { it[3] = 2 }, ..honest }),
        ("its fragments never end", "fragment", Lie { output: |n, it| if n == 1 { it[3] = 1; *it = it.repeat(3); }, ..honest }),
        ("its counts differ", "stub is malformed", Lie { output: |n, it| if n == 1 { it[32] += 1 }, ..honest }),
        ("its count is too high", "stub is malformed", Lie { output: |n, it| if n == 1 { it[24] += 1; it[32] += 1 }, ..honest }),
        ("its array is null", "stub is malformed", Lie { output: |n, it| if n == 1 { it[28..32].fill(0) }, ..honest }),
        ("it is cut short", "timed out", Lie { output: |n, it| if n == 1 { it.truncate(100); it[3] = 3; } else if n > 1 { it.clear() }, ..honest }),
    ];
    for (lie, text, host) in lies {
        let mut command = ask(&folder, lying_host::serve(&folder.path("kms1"), host))
            .await
            .with("", "");
        // Only a host that falls silent makes the client wait.
        let seconds = if text == "timed out" { 1 } else { 60 };
        command.args(["--json", &format!("--timeout={seconds}")]);
        let outcome = run(command).await;
        assert_eq!(outcome.code, Some(1), "{lie}: {outcome}");
        let told = outcome.json();
        assert_eq!(told["code"], serde_json::Value::Null, "{lie}: {told}");
        assert!(
            told["text"].as_str().unwrap().contains(text),
            "{lie}: {told}"
        );
    }
}

fn nak() -> Vec<u8> {
    use kms_core::Encode;
    use kms_wire::pdu::{BindNak, CallId, Pdu, Prefix};
    Pdu {
        prefix: Prefix::new(CallId(1)),
        body: BindNak {
            reason: RejectReason::LOCAL_LIMIT_EXCEEDED,
        },
    }
    .to_vec()
}

fn fault() -> Vec<u8> {
    use kms_core::Encode;
    use kms_wire::pdu::{CallId, Fault, Pdu, Prefix};
    Pdu {
        prefix: Prefix::new(CallId(2)),
        body: Fault {
            context_id: 0,
            cancel_count: 0,
            status: FaultStatus(0x1c01_0014),
        },
    }
    .to_vec()
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_waits_no_longer_than_it_is_told() {
    let folder = Folder::with_host().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = ask(&folder, silent.local_addr().unwrap())
        .await
        .with("", "");
    command.arg("--timeout=0.5");
    run(command).await.exits(1).says(&["timed out"]);
}

#[tokio::test]
#[ignore = "needs python with cryptography: pip install -r examples/python/requirements.txt"]
async fn the_python_client_puts_the_fragments_of_a_long_chain_together() {
    let folder = super::fragments::with_long_chain().await;
    let host = folder.serve().await;
    let call = ask(&folder, host.address).await;
    let root = folder.path("long/root.pem").display().to_string();
    run(call.with("root", &root))
        .await
        .exits(3)
        .says(&["CN=long.contoso.test counts 1"]);
    host.stop().await;
}
