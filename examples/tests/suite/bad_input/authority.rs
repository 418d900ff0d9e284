//! The authority.

use super::complains;
use crate::support::{AUTHORITY, Folder};
use std::fs;

#[tokio::test]
async fn the_authority_names_the_file_and_the_remedy() {
    let folder = Folder::with_host().await;
    folder.run(AUTHORITY, "init --dir other").await.exits(0);
    folder.run(AUTHORITY, "init --dir open").await.exits(0);
    folder.set_mode("open/root.key", 0o644);
    fs::create_dir(folder.path("mixed")).unwrap();
    fs::copy(folder.path("ca/root.key"), folder.path("mixed/root.key")).unwrap();
    fs::copy(folder.path("other/root.pem"), folder.path("mixed/root.pem")).unwrap();
    folder.write("wrong.toml", "[[group]]\nid = \"UPPER\"\ntitle = \"t\"\n");
    let key = "--host-key windows/server-b/2008r2";
    complains(
        &folder,
        AUTHORITY,
        &[
            ("", 2, &["Usage: authority", "init", "certify"]),
            ("create", 2, &["unrecognized subcommand 'create'"]),
            ("init", 2, &["--dir <DIR>"]),
            ("init --dir new --days 0", 2, &["--days", "1..=36500"]),
            ("init --dir new --name \u{7f}", 2, &["the name"]),
            ("init --dir ca/root.pem", 1, &["ca/root.pem: File exists"]),
            (
                "init --dir ca/root.pem/new",
                1,
                &["ca/root.pem/new: Not a directory"],
            ),
            (
                &format!("certify --dir none {key} --name kms9 --out kms9"),
                2,
                &["none/root.key: missing", "`authority init` makes one"],
            ),
            (
                &format!("certify --dir open {key} --name kms9 --out kms9"),
                2,
                &["open/root.key: mode 0644", "chmod 600 open/root.key"],
            ),
            (
                &format!("certify --dir mixed {key} --name kms9 --out kms9"),
                2,
                &["mixed: ", "for another key", "one `authority init`"],
            ),
            (
                "certify --dir ca --host-key windows/server-b/2008r3 --name kms9 --out kms9",
                2,
                &[
                    "no host key \"windows/server-b/2008r3\"",
                    "did you mean \"windows/server-b/2008r2\"?",
                    "`host catalogue`",
                ],
            ),
            (
                &format!("certify --dir ca {key} --name kms9 --out kms9 --catalogue none.toml"),
                2,
                &["none.toml: No such file"],
            ),
            (
                &format!("certify --dir ca {key} --name kms9 --out kms9 --catalogue wrong.toml"),
                2,
                &["wrong.toml:2: ", "'U' must not stand at character 1"],
            ),
            (
                &format!("certify --dir ca {key} --name kms9 --out host.toml/kms9"),
                1,
                &["host.toml/kms9: Not a directory"],
            ),
        ],
    )
    .await;
    for made in ["new", "kms9"] {
        assert!(!folder.path(made).exists(), "{made}");
    }
}
