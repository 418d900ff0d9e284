//! The client and its state file.

use super::complains;
use crate::support::{CLIENT, Folder, SERVER, names};
use std::fs;

#[tokio::test]
async fn the_client_names_the_file_the_line_and_the_remedy() {
    let folder = Folder::with_host().await;
    let good = |product: &str, rest: &str| {
        format!("root = \"ca/root.pem\"\nproduct = \"{product}\"\nstate = \"one.state\"\n{rest}")
    };
    let root = |root: &str| good(SERVER, "").replacen("ca/root.pem", root, 1);
    for (name, text) in [
        ("no-toml", "root = [".to_owned()),
        (
            "no-state",
            "root = \"ca/root.pem\"\nproduct = \"x\"\n".to_owned(),
        ),
        ("unknown-key", good(SERVER, "hosts = \"kms1\"\n")),
        ("bad-host", good(SERVER, "host = \"kms 1\"\n")),
        (
            "bad-domain",
            good(SERVER, "domains = [\"contoso.test\", \"a..b\"]\n"),
        ),
        ("bad-server", good(SERVER, "nameserver = \"dns\"\n")),
        ("near-product", good("Windows Server 2008 R2 Standart", "")),
        ("far-product", good("Emacs", "")),
        (
            "bad-name",
            good(SERVER, &format!("machine_name = \"{}\"\n", "x".repeat(64))),
        ),
        ("no-root", root("none.pem")),
        ("folder-root", root("ca")),
        ("text-root", root("host.toml")),
        ("leaf-root", root("kms1/chain.pem")),
        ("key-root", root("ca/root.key")),
        ("no-catalogue", good(SERVER, "catalogue = \"none.toml\"\n")),
        (
            "no-folder",
            good(SERVER, "").replacen("one.state", "host.toml/one.state", 1),
        ),
        (
            "folder-state",
            good(SERVER, "").replacen("one.state", "ca", 1),
        ),
    ] {
        folder.write(&format!("{name}.toml"), &text);
    }
    complains(
        &folder,
        CLIENT,
        &[
            ("", 2, &["Usage: client", "activate", "status"]),
            ("status", 2, &["--config FILE is wanted", "`client --help`"]),
            ("--config no-toml.toml", 2, &["Usage: client"]),
            (
                "--config no-toml.toml renew",
                2,
                &["unrecognized subcommand 'renew'"],
            ),
            (
                "--config none.toml status",
                2,
                &["none.toml: No such file", "`client --help`"],
            ),
            ("--config ca status", 2, &["ca: Is a directory"]),
            (
                "--config no-toml.toml status",
                2,
                &["no-toml.toml: ", "line 1"],
            ),
            (
                "--config no-state.toml status",
                2,
                &["missing field `state`"],
            ),
            (
                "--config unknown-key.toml status",
                2,
                &["line 4", "`hosts`", "`host`"],
            ),
            ("--config bad-host.toml status", 2, &["line 4", "kms 1"]),
            ("--config bad-domain.toml status", 2, &["line 4", "a..b"]),
            (
                "--config bad-server.toml status",
                2,
                &["line 4", "nameserver"],
            ),
            (
                "--config near-product.toml activate",
                2,
                &[
                    "near-product.toml: product: ",
                    "did you mean \"Windows Server 2008 R2 Standard\"?",
                    "`host catalogue`",
                ],
            ),
            (
                "--config far-product.toml activate",
                2,
                &["no product \"Emacs\"", "`host catalogue`"],
            ),
            ("--config bad-name.toml status", 2, &["machine_name: "]),
            (
                "--config no-root.toml activate",
                2,
                &["none.pem: No such file"],
            ),
            (
                "--config folder-root.toml activate",
                2,
                &["ca: Is a directory"],
            ),
            (
                "--config text-root.toml activate",
                2,
                &["host.toml: ", "-----BEGIN CERTIFICATE-----"],
            ),
            (
                "--config leaf-root.toml activate",
                2,
                &["kms1/chain.pem: PEM block 1", "authority"],
            ),
            ("--config key-root.toml activate", 2, &["ca/root.key: "]),
            (
                "--config no-catalogue.toml status",
                2,
                &["none.toml: No such file"],
            ),
            (
                "--config no-folder.toml status",
                1,
                &["host.toml/one.state: ", "Not a directory"],
            ),
            (
                "--config folder-state.toml status",
                1,
                &["ca: cannot be read"],
            ),
        ],
    )
    .await;
    // A configuration that is refused is no first start.
    assert!(!folder.path("one.state").exists());
    assert_eq!(names(&folder.path("ca")), ["root.key", "root.pem"]);
}

#[tokio::test]
async fn a_damaged_state_is_left_as_it_was_byte_for_byte() {
    let folder = Folder::with_host().await;
    let nobody = ([127, 0, 0, 1], 1).into();
    folder.client("one", SERVER, nobody);
    // The second write leaves a predecessor.
    folder.activate("one").await.exits(1);
    folder.activate("one").await.exits(1);
    let (sound, previous) = (folder.read("one.state"), folder.read("one.state.previous"));

    let mut changed = sound.clone();
    *changed.last_mut().unwrap() ^= 1;
    let damages = [
        ("empty", Vec::new()),
        ("cut", sound[..sound.len() / 2].to_vec()),
        ("changed", changed),
        ("longer", [sound.as_slice(), b"\n"].concat()),
        ("text", b"licensed = true\n".to_vec()),
        ("bytes", vec![0xFF; 4096]),
    ];
    for (what, damage) in damages {
        fs::write(folder.path("one.state"), &damage).unwrap();
        for verb in ["status", "activate", "rearm"] {
            folder
                .run(CLIENT, &format!("--config one.toml {verb}"))
                .await
                .exits(1)
                .complains(&["one.state: damaged: ", "run: cp ", "one.state.previous"]);
            assert_eq!(folder.read("one.state"), damage, "{what}, {verb}");
            assert_eq!(
                folder.read("one.state.previous"),
                previous,
                "{what}, {verb}"
            );
        }
    }

    // Gone is not new either, while its predecessor is there.
    fs::remove_file(folder.path("one.state")).unwrap();
    folder
        .run(CLIENT, "--config one.toml activate")
        .await
        .exits(1)
        .complains(&["one.state: missing", "run: cp ", "one.state.previous"]);
    assert!(!folder.path("one.state").exists());

    // The remedy that was told works.
    fs::copy(folder.path("one.state.previous"), folder.path("one.state")).unwrap();
    folder.status("one").await;

    // With both generations damaged, the remedy is to start again.
    folder.write("one.state", "");
    folder.write("one.state.previous", "");
    folder
        .run(CLIENT, "--config one.toml status")
        .await
        .exits(1)
        .complains(&["one.state: damaged", "new grace period", "move one.state"]);
    assert_eq!(folder.read("one.state"), b"");
}

#[tokio::test]
async fn the_state_of_another_product_is_left_alone() {
    let folder = Folder::with_host().await;
    let nobody = ([127, 0, 0, 1], 1).into();
    folder.client("one", SERVER, nobody);
    folder.status("one").await;
    let state = folder.read("one.state");
    folder.client("one", "Windows 7 Enterprise", nobody);
    folder
        .run(CLIENT, "--config one.toml activate")
        .await
        .exits(1)
        .complains(&["one.state: ", "a state file of its own"]);
    assert_eq!(folder.read("one.state"), state);
}
