//! The host.

use super::complains;
use crate::support::{AUTHORITY, Folder, HOST};
use std::{fs, net::TcpListener};

#[tokio::test]
async fn the_host_names_the_file_the_line_and_the_remedy() {
    let folder = Folder::with_host().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    folder
        .run(
            AUTHORITY,
            "certify --dir ca --host-key windows/server-b/2008r2 --name kms2 --out kms2",
        )
        .await
        .exits(0);
    fs::copy(folder.path("kms1/chain.pem"), folder.path("kms2/chain.pem")).unwrap();
    fs::create_dir(folder.path("open")).unwrap();
    fs::copy(folder.path("kms1/host.key"), folder.path("open/host.key")).unwrap();
    folder.set_mode("open/host.key", 0o644);
    fs::create_dir(folder.path("noise")).unwrap();
    folder.write("noise/host.key", "no key at all");
    folder.set_mode("noise/host.key", 0o600);
    folder.write("noise/chain.pem", "no certificate at all");
    folder.write(
        "tsig-open.key",
        "key \"k\" { algorithm hmac-sha256; secret \"AAAA\"; };",
    );
    folder.set_mode("tsig-open.key", 0o644);
    folder.write(
        "tsig-wrong.key",
        "key \"k\" {\n  algorithm hmac-md5;\n  secret \"AAAA\";\n};",
    );
    folder.set_mode("tsig-wrong.key", 0o600);
    folder.write("bytes.toml", "");
    fs::write(folder.path("bytes.toml"), [0xFF, 0xFE, 0x00]).unwrap();

    let listen = "listen = \"127.0.0.1:0\"\n";
    let identity = "identity = \"kms1\"\n";
    let base = format!("{listen}{identity}");
    let dns = "[dns]\nserver = \"127.0.0.1:53\"\n";
    for (name, text) in [
        ("no-toml", "listen".to_owned()),
        ("no-listen", identity.to_owned()),
        ("bad-listen", format!("listen = \"1688\"\n{identity}")),
        ("unknown-key", format!("{base}identiti = 1\n")),
        ("interval", format!("{base}activation_interval = 14\n")),
        ("no-identity", format!("{listen}identity = \"none\"\n")),
        (
            "file-identity",
            format!("{listen}identity = \"host.toml\"\n"),
        ),
        ("open-key", format!("{listen}identity = \"open\"\n")),
        ("noise", format!("{listen}identity = \"noise\"\n")),
        ("other-chain", format!("{listen}identity = \"kms2\"\n")),
        ("taken", format!("listen = \"{address}\"\n{identity}")),
        (
            "not-ours",
            format!("listen = \"192.0.2.1:1688\"\n{identity}"),
        ),
        ("no-catalogue", format!("{base}catalogue = \"none.toml\"\n")),
        (
            "bad-catalogue",
            format!("{base}catalogue = \"no-toml.toml\"\n"),
        ),
        ("tsig-none", format!("{base}{dns}key_file = \"none.key\"\n")),
        (
            "tsig-open",
            format!("{base}{dns}key_file = \"tsig-open.key\"\n"),
        ),
        (
            "tsig-wrong",
            format!("{base}{dns}key_file = \"tsig-wrong.key\"\n"),
        ),
        (
            "domains",
            format!("{base}{dns}key_file = \"k\"\ndomains = [\"a..b\"]\n"),
        ),
    ] {
        folder.write(&format!("{name}.toml"), &text);
    }
    complains(
        &folder,
        HOST,
        &[
            ("", 64, &["--config FILE is wanted", "`host --help`"]),
            ("check", 64, &["--config FILE is wanted"]),
            ("serve", 64, &["unrecognized subcommand 'serve'"]),
            ("--config", 64, &["--config"]),
            (
                "--config none.toml",
                66,
                &["none.toml: No such file", "`host --help`"],
            ),
            ("--config ca", 66, &["ca: Is a directory"]),
            ("--config bytes.toml", 78, &["bytes.toml: ", "UTF-8"]),
            ("--config no-toml.toml", 78, &["no-toml.toml: ", "line 1"]),
            (
                "--config no-listen.toml",
                78,
                &["no-listen.toml: ", "missing field `listen`"],
            ),
            (
                "--config bad-listen.toml",
                78,
                &["line 1", "an address with its port"],
            ),
            (
                "--config unknown-key.toml",
                78,
                &["line 3", "`identiti`", "`identity`"],
            ),
            (
                "--config interval.toml",
                78,
                &["line 3", "14", "15 to 43200"],
            ),
            ("--config no-identity.toml", 66, &["none/host.key: "]),
            (
                "--config file-identity.toml",
                66,
                &["host.toml/host.key: Not a directory"],
            ),
            (
                "--config open-key.toml",
                77,
                &["open/host.key: mode 0644", "chmod 600"],
            ),
            ("--config noise.toml", 65, &["noise", "`authority certify`"]),
            (
                "--config other-chain.toml",
                65,
                &[
                    "kms2",
                    "the host's certificate is for another key",
                    "`authority certify`",
                ],
            ),
            (
                "--config taken.toml",
                69,
                &[&format!("cannot listen on {address}"), "in use"],
            ),
            (
                "--config not-ours.toml",
                69,
                &["cannot listen on 192.0.2.1:1688"],
            ),
            (
                "--config no-catalogue.toml",
                66,
                &["none.toml: No such file"],
            ),
            ("--config bad-catalogue.toml", 65, &["no-toml.toml:1: "]),
            (
                "--config tsig-none.toml",
                66,
                &["dns.key_file", "none.key: No such file"],
            ),
            (
                "--config tsig-open.toml",
                77,
                &["tsig-open.key: mode 0644", "chmod 600"],
            ),
            (
                "--config tsig-wrong.toml",
                65,
                &["tsig-wrong.key", "line 2", "hmac-sha256"],
            ),
            ("--config domains.toml", 78, &["line 6", "a..b"]),
            (
                "catalogue --catalogue none.toml",
                66,
                &["none.toml: No such file"],
            ),
            (
                "catalogue --config none.toml",
                66,
                &["none.toml: No such file"],
            ),
        ],
    )
    .await;
    // What serving would refuse, checking refuses in the same words.
    for (name, code) in [
        ("open-key", 77),
        ("other-chain", 65),
        ("bad-catalogue", 65),
        ("tsig-open", 77),
    ] {
        let served = folder.run(HOST, &format!("--config {name}.toml")).await;
        let checked = folder
            .run(HOST, &format!("check --config {name}.toml"))
            .await
            .exits(code);
        // Serving logs the event of it before.
        assert!(served.stderr.ends_with(&checked.stderr), "{served}");
    }
}
