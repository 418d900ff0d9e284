//! What is in DNS, as `dig` sees it.

use crate::support::{Outcome, command, run};
use core::net::SocketAddr;

/// `dig` with these further arguments.
pub(crate) async fn dig(server: SocketAddr, arguments: &str) -> Outcome {
    let mut dig = command("dig");
    dig.arg(format!("@{}", server.ip()));
    dig.args(["-r", "-p", &server.port().to_string()]);
    dig.args(arguments.split_whitespace());
    run(dig).await
}

/// The contents of the records of this name and type at a primary, sorted, one text each, as
/// `10 75 1688 kms1.contoso.test.`. What is no answer is an error text instead.
pub(crate) async fn records(server: SocketAddr, name: &str, kind: &str) -> Vec<String> {
    let outcome = dig(
        server,
        &format!("{name} {kind} +tcp +norecurse +noall +answer +comments +tries=1 +time=10"),
    )
    .await
    .exits(0);
    assert!(
        ["status: NOERROR", "status: NXDOMAIN"]
            .iter()
            .any(|status| outcome.stdout.contains(status)),
        "{outcome}"
    );
    contents(&outcome.stdout, kind)
}

/// The same with times to live, as `3600 10 75 1688 kms1.contoso.test.`.
pub(crate) async fn records_with_ttl(server: SocketAddr, name: &str, kind: &str) -> Vec<String> {
    let arguments = format!("{name} {kind} +tcp +norecurse +noall +answer");
    let outcome = dig(server, &arguments).await.exits(0);
    let mut records: Vec<String> = lines_of(&outcome.stdout, kind)
        .map(|fields| format!("{} {}", fields[1], fields[4..].join(" ")))
        .collect();
    records.sort();
    records
}

/// The serial number in the zone's SOA, when the server has the zone.
pub(crate) async fn serial(server: SocketAddr, zone: &str) -> Option<u32> {
    let arguments = format!("{zone} SOA +tcp +noall +answer +tries=1 +time=1");
    let outcome = dig(server, &arguments).await;
    lines_of(&outcome.stdout, "SOA")
        .next()
        .and_then(|fields| fields.get(6)?.parse().ok())
}

/// The contents of the records of a type among lines that `dig` printed.
pub(crate) fn contents(text: &str, kind: &str) -> Vec<String> {
    let mut contents: Vec<String> = lines_of(text, kind)
        .map(|fields| fields[4..].join(" "))
        .collect();
    contents.sort();
    contents
}

fn lines_of<'a>(text: &'a str, kind: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    text.lines()
        .filter(|line| !line.starts_with(';'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(move |fields| fields.len() > 4 && fields[3] == kind)
}
