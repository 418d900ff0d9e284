//! `host publish --dry-run`.

use super::{configure, dns, folder, host, srv};
use crate::support::run;
use std::process::Command;

#[tokio::test]
async fn it_prints_what_would_be_sent_and_sends_nothing() {
    let (dns, folder) = (dns().await, folder().await);
    configure(
        &folder,
        &dns,
        1700,
        "[\"contoso.test, 10, 75\", \"fabrikam.test\"]",
        "transport = \"tcp\"\n",
    );
    let outcome = host(&folder, "publish --dry-run").await.exits(0);
    let (server, port) = (dns.address(), dns.address().port());
    assert_eq!(
        outcome.stdout,
        format!(
            "; contoso.test: zone contoso.test, primary {server}, key kms-hosts (hmac-sha256), over TCP, 177 bytes\n\
             ; to be signed with the key kms-hosts\n\
             server 127.0.0.1 {port}\n\
             zone contoso.test.\n\
             update add _vlmcs._tcp.contoso.test. 3600 IN SRV 10 75 1700 kms1.contoso.test.\n\
             update add kms1.contoso.test. 3600 IN A 192.0.2.10\n\
             send\n\
             \n\
             ; fabrikam.test: zone fabrikam.test, primary {server}, key kms-hosts (hmac-sha256), over TCP, 162 bytes\n\
             ; to be signed with the key kms-hosts\n\
             server 127.0.0.1 {port}\n\
             zone fabrikam.test.\n\
             update add _vlmcs._tcp.fabrikam.test. 3600 IN SRV 0 0 1700 kms1.contoso.test.\n\
             send\n\
             \n"
        )
    );
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
    // With another weight the older record of this host, which the primary has, would go.
    host(&folder, "publish").await.exits(0);
    configure(&folder, &dns, 1700, "[\"contoso.test, 10, 80\"]", "");
    let planned = host(&folder, "publish --dry-run --json")
        .await
        .exits(0)
        .json();
    assert_eq!(planned[0]["key"], "kms-hosts");
    assert_eq!(planned[0]["algorithm"], "hmac-sha256");
    assert_eq!(planned[0]["updates"][0]["transport"], "UDP");
    let script = planned[0]["updates"][0]["nsupdate"].as_str().unwrap();
    assert!(
        script.contains(
            "\nupdate delete _vlmcs._tcp.contoso.test. IN SRV 10 75 1700 kms1.contoso.test.\n"
        ),
        "{script}"
    );
    assert_eq!(
        srv(&dns, "contoso.test").await,
        ["10 75 1700 kms1.contoso.test"]
    );
}

#[tokio::test]
#[ignore = "needs nsupdate, of the package bind9-dnsutils"]
async fn nsupdate_takes_what_it_prints() {
    let (dns, folder) = (dns().await, folder().await);
    configure(
        &folder,
        &dns,
        1700,
        "[\"contoso.test, 10, 75\", \"fabrikam.test\"]",
        "",
    );
    let script = host(&folder, "publish --dry-run").await.exits(0).stdout;
    folder.write("update.txt", &script);
    let mut nsupdate = Command::new("nsupdate");
    nsupdate
        .arg("-k")
        .arg(folder.path("tsig.key"))
        .arg(folder.path("update.txt"));
    run(nsupdate).await.exits(0);
    assert_eq!(
        srv(&dns, "contoso.test").await,
        ["10 75 1700 kms1.contoso.test"]
    );
    assert_eq!(
        srv(&dns, "fabrikam.test").await,
        ["0 0 1700 kms1.contoso.test"]
    );
}
