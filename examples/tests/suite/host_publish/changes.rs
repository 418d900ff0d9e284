//! A host that publishes itself, and is changed.

use super::{a, configure, dns, folder, free_port, published, srv};
use crate::support::{AUTHORITY, Folder};
use rustix::process::Signal;
use std::fs;

/// Makes the host's certificate one for another name.
async fn certify_anew(folder: &Folder, name: &str) {
    let arguments =
        format!("certify --dir ca --host-key windows/server-b/2008r2 --name {name} --out new");
    folder.run(AUTHORITY, &arguments).await.exits(0);
    fs::rename(folder.path("kms1"), folder.path("before")).unwrap();
    fs::rename(folder.path("new"), folder.path("kms1")).unwrap();
}

#[tokio::test]
async fn a_restart_with_another_name_port_and_weight_replaces_the_record() {
    let (dns, folder) = (dns().await, folder().await);
    let (first, second) = (free_port(), free_port());
    configure(&folder, &dns, first, "[\"contoso.test, 10, 75\"]", "");
    let mut host = folder.serve().await;
    let record = format!("10 75 {first} kms1.contoso.test");
    published(&mut host, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    host.stop().await;
    certify_anew(&folder, "kms9.contoso.test").await;
    configure(&folder, &dns, second, "[\"contoso.test, 5, 25\"]", "");
    let mut host = folder.serve().await;
    let record = format!("5 25 {second} kms9.contoso.test");
    published(&mut host, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    assert_eq!(a(&dns, "kms9.contoso.test").await, ["192.0.2.10"]);
    assert_eq!(a(&dns, "kms1.contoso.test").await, [""; 0]);
    host.stop().await;
}

#[tokio::test]
async fn a_host_that_is_not_certified_yet_is_published_once_it_is() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test\"]", "");
    let (chain, away) = (folder.path("kms1/chain.pem"), folder.path("chain.pem"));
    fs::rename(&chain, &away).unwrap();
    let mut host = folder.serve().await;
    assert_eq!(srv(&dns, "contoso.test").await, [""; 0]);
    fs::rename(&away, &chain).unwrap();
    host.signal(Signal::HUP);
    published(&mut host, 1).await;
    let record = format!("0 0 {} kms1.contoso.test", host.address.port());
    assert_eq!(srv(&dns, "contoso.test").await, [record]);
    host.stop().await;
}

#[tokio::test]
#[ignore = "takes a minute, which is the least time between two changes"]
async fn a_reload_with_another_name_and_weight_replaces_the_record_and_adds_domains() {
    let (dns, folder) = (dns().await, folder().await);
    configure(&folder, &dns, 0, "[\"contoso.test, 10, 75\"]", "");
    let mut host = folder.serve().await;
    let port = host.address.port();
    let record = format!("10 75 {port} kms1.contoso.test");
    published(&mut host, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    certify_anew(&folder, "kms9.contoso.test").await;
    configure(
        &folder,
        &dns,
        0,
        "[\"fabrikam.test\", \"contoso.test, 5, 25\"]",
        "",
    );
    host.signal(Signal::HUP);
    // At once in the domain that is new; a minute after the last time in the other.
    let record = format!("0 0 {port} kms9.contoso.test");
    published(&mut host, 1).await;
    assert_eq!(srv(&dns, "fabrikam.test").await, [record.as_str()]);
    let record = format!("5 25 {port} kms9.contoso.test");
    published(&mut host, 1).await;
    assert_eq!(srv(&dns, "contoso.test").await, [record.as_str()]);
    assert_eq!(a(&dns, "kms9.contoso.test").await, ["192.0.2.10"]);
    assert_eq!(a(&dns, "kms1.contoso.test").await, [""; 0]);
    host.stop().await;
}
