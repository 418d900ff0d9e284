//! `host publish`.

use super::{a, configure, dns, folder, free_port, host, published, srv, write_key};

const DOMAINS: &str = "[\"contoso.test, 10, 75\", \"fabrikam.test\"]";

#[tokio::test]
async fn it_publishes_in_every_domain_and_says_where_and_with_what_result() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 1700, DOMAINS, "");
    let outcome = host(&folder, "publish").await.exits(0);
    let server = dns.address();
    assert_eq!(
        outcome.stdout,
        format!(
            "12294 contoso.test, zone contoso.test, primary {server}: 0x00000000 S_OK\n\
             12294 fabrikam.test, zone fabrikam.test, primary {server}: 0x00000000 S_OK\n"
        )
    );
    assert_eq!(
        srv(&dns, "contoso.test").await,
        ["10 75 1700 kms1.contoso.test"]
    );
    assert_eq!(
        srv(&dns, "fabrikam.test").await,
        ["0 0 1700 kms1.contoso.test"]
    );
    assert_eq!(a(&dns, "kms1.contoso.test").await, ["192.0.2.10"]);
    let told = host(&folder, "publish --json").await.exits(0).json();
    assert_eq!(told[1]["event"], 12294);
    assert_eq!(told[1]["domain"], "fabrikam.test");
    assert_eq!(told[1]["zone"], "fabrikam.test");
    assert_eq!(told[1]["primary"], server.to_string());
    assert_eq!(told[1]["code"], "0x00000000");
    assert_eq!(srv(&dns, "contoso.test").await.len(), 1);
}

#[tokio::test]
async fn beside_a_running_host_it_does_no_harm_and_it_publishes_where_that_is_turned_off() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test\"]", "");
    let mut running = folder.serve().await;
    // The port is the one that the system gave the running host.
    let record = format!("0 0 {} kms1.contoso.test", running.address.port());
    published(&mut running, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    host(&folder, "publish")
        .await
        .exits(0)
        .says(&["12294 contoso.test"]);
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    // The running host does not know of another weight yet.
    configure(&folder, &dns, 0, "[\"contoso.test, 0, 9\"]", "");
    let heavier = format!("0 9 {} kms1.contoso.test", running.address.port());
    host(&folder, "publish").await.exits(0).says(&[
        "12294 contoso.test",
        &format!("let it take them up: kill -HUP {}", running.child.id()),
    ]);
    assert_eq!(srv(&dns, "contoso.test").await, [heavier.as_str()]);
    host(&folder, "withdraw").await.exits(0);
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
    host(&folder, "publish").await.exits(0).says(&[
        "12294 contoso.test",
        "publishing is turned off",
        "host --config host.toml set dns-publishing on",
    ]);
    assert_eq!(srv(&dns, "contoso.test").await, [heavier.as_str()]);
    running.stop().await;
}

#[tokio::test]
async fn what_the_store_says_was_published_is_replaced() {
    let (dns, folder) = (dns().await, folder().await);
    let (first, second) = (free_port(), free_port());
    configure(&folder, &dns, first, "[\"contoso.test, 1, 2\"]", "");
    let mut running = folder.serve().await;
    let record = format!("1 2 {first} kms1.contoso.test");
    published(&mut running, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    running.stop().await;
    configure(
        &folder,
        &dns,
        second,
        "[\"contoso.test, 3, 4\"]",
        "host_name = \"kms7.contoso.test\"\n",
    );
    host(&folder, "publish").await.exits(0);
    assert_eq!(
        srv(&dns, "contoso.test").await,
        [format!("3 4 {second} kms7.contoso.test")]
    );
    assert_eq!(a(&dns, "kms1.contoso.test").await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_take_is_told_with_what_to_do() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 1700, "[\"contoso.test\"]", "");
    write_key(&folder, &[8; 32]);
    let outcome = host(&folder, "publish").await.exits(77);
    let line = outcome.stdout.trim_end();
    assert!(line.starts_with("12293 contoso.test, zone contoso.test, primary 127.0.0.1:"));
    assert!(
        line.contains(": 0x8007") && line.contains("; what to do: "),
        "{outcome}"
    );
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
    let told = host(&folder, "publish --json").await.exits(77).json();
    assert_eq!(told[0]["event"], 12293);
    assert!(told[0]["what_to_do"].is_string(), "{told}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_and_may_be_tried_again() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 1700, "[\"contoso.test\"]", "");
    let text = String::from_utf8(folder.read("host.toml")).unwrap();
    let nobody = format!("127.0.0.1:{}", free_port());
    folder.write(
        "host.toml",
        &text.replace(&dns.address().to_string(), &nobody),
    );
    host(&folder, "publish").await.exits(75).says(&[
        "12293 contoso.test",
        "0x8007232A",
        "what to do: ",
    ]);
    host(&folder, "withdraw")
        .await
        .exits(75)
        .says(&["contoso.test: 0x8007232A"]);
    // Nor the server that could tell where the zone's primary is.
    folder.write(
        "host.toml",
        &text.replace(
            &format!("server = \"{}\"", dns.address()),
            &format!("nameservers = [\"{nobody}\"]"),
        ),
    );
    let failed = host(&folder, "publish").await.exits(75);
    assert!(
        failed.stdout.starts_with("12293 contoso.test: 0x8007"),
        "{failed}"
    );
    let planned = host(&folder, "publish --dry-run").await.exits(75);
    // Nothing in it is a command for nsupdate.
    assert!(
        planned.stdout.contains("nothing can be sent: 0x8007"),
        "{planned}"
    );
    assert!(
        planned
            .stdout
            .lines()
            .all(|line| line.is_empty() || line.starts_with(';')),
        "{planned}"
    );
}

#[tokio::test]
async fn what_cannot_be_published_is_told_before_anything_is_sent() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test\"]", "");
    for command in ["publish", "publish --dry-run", "withdraw"] {
        host(&folder, command)
            .await
            .exits(78)
            .complains(&["leaves the port to the system"]);
    }
    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:1\"\nidentity = \"kms1\"\n",
    );
    for command in ["publish", "publish --dry-run", "withdraw"] {
        host(&folder, command)
            .await
            .exits(78)
            .complains(&["host.toml: there is no [dns] table", "--manual"]);
    }
    configure(&folder, &dns, 1700, "[\"contoso.test\"]", "");
    folder.set_mode("tsig.key", 0o644);
    for command in ["publish", "publish --dry-run", "withdraw"] {
        host(&folder, command)
            .await
            .exits(77)
            .complains(&["tsig.key: mode 0644", "chmod 600"]);
    }
    for (arguments, wanted) in [
        ("publish --dry-run --manual", "cannot be used with"),
        ("publish --domain a.test", "--manual"),
        ("publish now", "unexpected argument 'now'"),
        ("withdraw now", "unexpected argument 'now'"),
    ] {
        host(&folder, arguments)
            .await
            .exits(64)
            .complains(&[wanted]);
    }
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
}
