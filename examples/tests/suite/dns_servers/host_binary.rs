//! The `host` binary as it publishes itself on each server, and clients that find it there.

use super::{
    keys::WRONG_SECRET,
    primary::Shared,
    real_host::{self, PRODUCT},
};

super::on_each_server! {
    a_host_publishes_itself_at_start_and_clients_find_it
    a_host_that_is_refused_serves_all_the_same
}

async fn a_host_publishes_itself_at_start_and_clients_find_it(server: Shared) {
    let zone = server.zone();
    let folder = real_host::folder(server.address, &zone).await;
    let mut host = folder.serve().await;
    host.logs("id=12294").await;
    let published = format!("kms2.hosts.{zone}:{}", host.address.port());
    assert_eq!(
        server.srv(&zone).await,
        [format!("0 0 {} kms2.hosts.{zone}.", host.address.port())]
    );
    // A primary answers for its own zones, so that a client may ask it as well.
    let lines = real_host::client_lines(server.address, &zone);
    for name in ["one", "two"] {
        folder.client_with(name, PRODUCT, &lines);
    }
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    folder
        .activate("two")
        .await
        .exits(0)
        .says(&[&format!("activated by {published}")]);
    host.stop().await;
    assert_eq!(server.srv(&zone).await.len(), 1, "a stop is no departure");
}

async fn a_host_that_is_refused_serves_all_the_same(server: Shared) {
    let zone = server.zone();
    let folder = real_host::folder(server.address, &zone).await;
    WRONG_SECRET.write(&folder.path("dns.key"));
    let mut host = folder.serve().await;
    host.logs("id=12293").await;
    assert!(server.srv(&zone).await.is_empty());
    folder.client("one", PRODUCT, host.address);
    folder.activate("one").await.exits(3).says(&["0xC004F038"]);
    host.stop().await;
}
