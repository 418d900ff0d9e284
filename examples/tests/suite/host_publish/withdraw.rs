//! `host withdraw`.

use super::{a, configure, dns, folder, free_port, host, published, srv, write_key};

#[tokio::test]
async fn a_host_that_does_not_run_is_taken_out_of_every_domain_and_no_other_is() {
    let (dns, folder) = (dns().await, folder().await);
    let port = free_port();
    configure(
        &folder,
        &dns,
        port,
        "[\"contoso.test, 10, 75\", \"fabrikam.test\"]",
        "",
    );
    let mut running = folder.serve().await;
    published(&mut running, 2).await;
    assert_eq!(
        srv(&dns, "fabrikam.test").await,
        [format!("0 0 {port} kms1.contoso.test")]
    );
    running.stop().await;
    // Another host, whose records are nobody else's business.
    let other = super::folder().await;
    configure(
        &other,
        &dns,
        1700,
        "[\"contoso.test\"]",
        "host_name = \"kms2.contoso.test\"\n",
    );
    host(&other, "publish").await.exits(0);
    // What is published in a domain that is not configured any more is known to the store.
    configure(&folder, &dns, port, "[\"contoso.test\"]", "");
    let outcome = host(&folder, "withdraw").await.exits(0);
    assert_eq!(
        outcome.stdout,
        "contoso.test: 0x00000000 S_OK, withdrawn\n\
         fabrikam.test: 0x00000000 S_OK, withdrawn\n\
         the host publishes itself at its next start; to keep it from that: \
         host --config host.toml set dns-publishing off\n"
    );
    assert_eq!(
        srv(&dns, "contoso.test").await,
        ["0 0 1700 kms2.contoso.test"]
    );
    assert_eq!(srv(&dns, "fabrikam.test").await, [""; 0]);
    assert_eq!(a(&dns, "kms1.contoso.test").await, [""; 0]);
    assert_eq!(a(&dns, "kms2.contoso.test").await, ["192.0.2.10"]);
    // It was forgotten: only the configured domain is left to withdraw from, and again that works.
    let again = host(&folder, "withdraw --json").await.exits(0).json();
    assert_eq!(again["turned_off"], false);
    assert_eq!(again["domains"].as_array().unwrap().len(), 1, "{again}");
}

#[tokio::test]
async fn a_running_host_stops_publishing_first_and_publishes_again_when_that_is_turned_on() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test\"]", "");
    let mut running = folder.serve().await;
    let record = format!("0 0 {} kms1.contoso.test", running.address.port());
    published(&mut running, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    let outcome = host(&folder, "withdraw").await.exits(0);
    assert_eq!(
        outcome.stdout,
        "dns-publishing: off, and the running host obeyed (slmgr /cdns); to turn it on: \
         host --config host.toml set dns-publishing on\n\
         contoso.test: 0x00000000 S_OK, withdrawn\n"
    );
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
    running.logs("dns_publishing: Some(false)").await;
    host(&folder, "status")
        .await
        .exits(0)
        .says(&["DNS publishing disabled"]);
    host(&folder, "set dns-publishing on").await.exits(0);
    published(&mut running, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    running.stop().await;
}

#[tokio::test]
async fn what_the_server_does_not_say_is_gone_is_not_forgotten() {
    let (dns, folder) = (dns().await, folder().await);
    let port = free_port();
    configure(
        &folder,
        &dns,
        port,
        "[\"contoso.test\"]",
        "host_name = \"kms7.contoso.test\"\n",
    );
    let mut running = folder.serve().await;
    let record = format!("0 0 {port} kms7.contoso.test");
    published(&mut running, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    running.stop().await;
    write_key(&folder, &[8; 32]);
    let refused = host(&folder, "withdraw --json").await.exits(77).json();
    assert!(refused["domains"][0]["what_to_do"].is_string(), "{refused}");
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    // Only the store knows that name when the configuration has it no more.
    write_key(&folder, &super::SECRET);
    configure(&folder, &dns, port, "[\"contoso.test\"]", "");
    host(&folder, "withdraw").await.exits(0);
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
}

#[tokio::test]
async fn without_a_store_it_goes_by_the_configuration_and_says_so() {
    let (dns, folder) = (dns().await, folder().await);
    configure(
        &folder,
        &dns,
        1700,
        "[\"contoso.test, 10, 75\"]",
        "[store]\ndurability = \"memory\"\n",
    );
    host(&folder, "publish").await.exits(0);
    assert_eq!(srv(&dns, "contoso.test").await.len(), 1);
    host(&folder, "withdraw").await.exits(0).says(&[
        "durability = \"memory\": going by the configuration alone",
        "contoso.test: 0x00000000 S_OK, withdrawn",
    ]);
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
}
