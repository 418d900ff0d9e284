//! What the authority makes, and for whom.

use crate::support::{AUTHORITY, Folder, HOST, SERVER_B_KEY, names};

#[tokio::test]
async fn keys_are_for_their_owner_alone_and_the_root_for_everyone() {
    let folder = Folder::with_host().await;
    assert_eq!(names(&folder.path("ca")), ["root.key", "root.pem"]);
    assert_eq!(names(&folder.path("kms1")), ["chain.pem", "host.key"]);
    assert_eq!(folder.mode("ca/root.key"), 0o600);
    assert_eq!(folder.mode("kms1/host.key"), 0o600);
    assert_eq!((folder.mode("ca"), folder.mode("kms1")), (0o700, 0o700));
    for (file, label) in [
        ("ca/root.pem", "CERTIFICATE"),
        ("kms1/chain.pem", "CERTIFICATE"),
        ("ca/root.key", "PRIVATE KEY"),
        ("kms1/host.key", "PRIVATE KEY"),
    ] {
        let text = String::from_utf8(folder.read(file)).unwrap();
        assert!(
            text.starts_with(&format!("-----BEGIN {label}-----")),
            "{file}: {text}"
        );
    }
    folder.client(
        "client1",
        crate::support::SERVER,
        ([127, 0, 0, 1], 1).into(),
    );
    folder.status("client1").await;
    assert_eq!(folder.mode("client1.state"), 0o600);
}

#[tokio::test]
async fn an_authority_is_never_made_over_another() {
    let folder = Folder::with_host().await;
    let before = [folder.read("ca/root.key"), folder.read("ca/root.pem")];
    folder
        .run(AUTHORITY, "init --dir ca")
        .await
        .exits(1)
        .complains(&["ca/root.key: exists already and is left as it is; name another folder"]);
    assert_eq!(
        [folder.read("ca/root.key"), folder.read("ca/root.pem")],
        before
    );

    let before = [folder.read("kms1/host.key"), folder.read("kms1/chain.pem")];
    folder
        .run(
            AUTHORITY,
            &format!("certify --dir ca --host-key {SERVER_B_KEY} --name kms2 --out kms1"),
        )
        .await
        .exits(1)
        .complains(&["kms1/host.key: exists already"]);
    assert_eq!(
        [folder.read("kms1/host.key"), folder.read("kms1/chain.pem")],
        before
    );
}

#[tokio::test]
async fn half_a_pair_is_not_completed_with_a_strangers_other_half() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("pinned")).unwrap();
    folder.write("pinned/root.pem", "the root of another authority");
    folder
        .run(AUTHORITY, "init --dir pinned")
        .await
        .exits(1)
        .complains(&["pinned/root.pem: exists already"]);
    assert_eq!(names(&folder.path("pinned")), ["root.pem"]);
}

#[tokio::test]
async fn two_authorities_do_not_have_one_name() {
    let folder = Folder::new();
    for dir in ["one", "two"] {
        folder
            .run(AUTHORITY, &format!("init --dir {dir}"))
            .await
            .exits(0);
    }
    let name = |dir: &str| {
        let root = String::from_utf8(folder.read(&format!("{dir}/root.pem"))).unwrap();
        let key = String::from_utf8(folder.read(&format!("{dir}/root.key"))).unwrap();
        kms_trust::Authority::from_pem(&root, &key)
            .unwrap()
            .name()
            .to_owned()
    };
    assert_ne!(name("one"), name("two"));
}

#[tokio::test]
async fn a_host_can_be_checked_before_it_runs() {
    let folder = Folder::with_host().await;
    folder
        .run(HOST, "--config host.toml check")
        .await
        .exits(0)
        .says(&[
            "kms1.contoso.test: certified until",
            "windows/server-b/2008r2",
            "windows/client-vl/7",
        ]);
    std::fs::remove_file(folder.path("kms1/chain.pem")).unwrap();
    folder
        .run(HOST, "check --config host.toml")
        .await
        .exits(78)
        .complains(&["kms1: no valid certificate", "0xC004F041"]);
}
