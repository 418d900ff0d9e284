//! What `host check` and `host status` say of publishing.

use super::{configure, dns, folder, host, published};
use crate::support::LONG;

#[tokio::test]
async fn check_says_what_would_be_published_with_what_key_and_what_is_amiss() {
    let (dns, folder) = (dns().await, folder().await);
    configure(
        &folder,
        &dns,
        0,
        "[\"contoso.test, 10, 75\", \"fabrikam.test\"]",
        "",
    );
    let good = host(&folder, "check").await.exits(0).says(&[
        &format!(
            "DNS: published at {}, signed with the key kms-hosts (hmac-sha256) of tsig.key\n",
            dns.address()
        ),
        "DNS: kms1.contoso.test in contoso.test, priority 10, weight 75, with 192.0.2.10\n",
        "DNS: kms1.contoso.test in fabrikam.test, priority 0, weight 0, without addresses\n",
    ]);
    assert!(!good.stdout.contains("warning"), "{good}");
    let secret = data_encoding::BASE64.encode(&super::SECRET);
    assert!(!good.stdout.contains(&secret), "{good}");
    let text = String::from_utf8(folder.read("host.toml")).unwrap();
    let bad = text
        .replace("192.0.2.10", "127.0.0.1")
        .replace(&format!("server = \"{}\"\n", dns.address()), "")
        + "ttl = 90000\n";
    folder.write("host.toml", &bad);
    host(&folder, "check").await.exits(0).says(&[
        "DNS: published at each zone's primary",
        "warning: 127.0.0.1 is published",
        "warning: dns.ttl = 90000 is more than a day",
    ]);
    configure(&folder, &dns, 0, "[\"fabrikam.test\"]", "");
    host(&folder, "check")
        .await
        .exits(0)
        .says(&["warning: kms1.contoso.test lies in none of the domains"]);
    folder.write(
        "host.toml",
        "listen = \"127.0.0.1:1\"\nidentity = \"kms1\"\n",
    );
    host(&folder, "check")
        .await
        .exits(0)
        .says(&["DNS: nothing is published"]);
}

#[tokio::test]
async fn status_shows_each_domain_with_its_zone_its_record_and_the_next_attempt() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test\", \"unknown.test\"]", "");
    let mut running = folder.serve().await;
    published(&mut running, 1).await;
    running.logs("id=12293").await;
    let record = format!(
        "_vlmcs._tcp.contoso.test. 3600 IN SRV 0 0 {} kms1.contoso.test.",
        running.address.port()
    );
    // The running host writes down what it did after it logged it.
    let written = async {
        loop {
            let shown = host(&folder, "status --json").await.exits(0).json();
            if shown["published"].as_array().unwrap().len() == 2
                && shown["published"][1]["code"].is_string()
            {
                break shown;
            }
        }
    };
    let shown = tokio::time::timeout(LONG, written).await.unwrap();
    let (good, bad) = (&shown["published"][0], &shown["published"][1]);
    assert_eq!(good["domain"], "contoso.test");
    assert_eq!(good["code"], "0x00000000");
    assert_eq!(good["zone"], "contoso.test");
    assert_eq!(good["server"], dns.address().to_string());
    assert_eq!(good["records"][0], record);
    assert_eq!(good["stopped"], false);
    assert!(good["next_attempt"].is_string(), "{shown}");
    assert_eq!(bad["domain"], "unknown.test");
    assert!(
        bad["code"].as_str().unwrap().starts_with("0x8007"),
        "{shown}"
    );
    assert!(bad["next_attempt"].is_null(), "{shown}");
    host(&folder, "status --detail").await.exits(0).says(&[
        "    Published: contoso.test at ",
        &format!("        zone contoso.test, primary {}\n", dns.address()),
        &format!("        in DNS: {record}\n"),
        "        published again at ",
        "    Published: unknown.test at ",
        "        what to do: ",
    ]);
    running.stop().await;
}
