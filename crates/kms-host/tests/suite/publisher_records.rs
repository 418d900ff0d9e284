//! What was published before is replaced or withdrawn, and nothing of another host.

use crate::{
    dns_front::{Asked, Front, Via},
    fixture::Fixture,
    publisher::{
        LISTENING, dns_config, dns_server, dns_server_of, published, records, srv, with_key,
    },
    store_fixture::Place,
};
use core::net::SocketAddr;
use kms_core::Clock as _;
use kms_host::{Kept, MemoryRecords, PublishedRecords, Publisher, StoreError};
use kms_service::{OsEntropy, SystemClock};
use kms_srv::{DomainName, Registration};
use kms_testkit::dns::{
    DnsServer, RecordData, RecordType, Zone,
    fake::{self, ForgedMessage, ForgedTsig},
};
use std::sync::{Arc, Mutex};

const OWNER: &str = "_vlmcs._tcp.contoso.test";
const OK: [&str; 1] = ["12294 contoso.test"];

fn publisher(
    fixture: &Fixture,
    server: SocketAddr,
    kept: &Arc<impl PublishedRecords>,
    (listening, more): (&str, &str),
) -> Publisher {
    let config = dns_config(fixture, server, more);
    let listening = [listening.parse().unwrap()];
    Publisher::new(&config, &listening, Some("kms1.contoso.test"))
        .unwrap()
        .with_records(Arc::clone(kept) as Arc<dyn PublishedRecords>)
}

async fn srvs(server: &DnsServer) -> Vec<RecordData> {
    let records = records(server, OWNER, RecordType::Srv).await;
    records.into_iter().map(|(_, data)| data).collect()
}

fn kept_lines(kept: &impl PublishedRecords) -> Vec<String> {
    let kept = kept.published().unwrap();
    let all = kept.iter().flat_map(|(_, registrations)| registrations);
    all.map(|registration| registration.srv_record().to_string())
        .collect()
}

#[tokio::test]
async fn after_a_restart_with_another_name_port_priority_or_address_the_older_record_is_replaced() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let front = Front::start(server.address(), |_: &Asked, answer| vec![answer]).await;
    let kept = Arc::new(MemoryRecords::default());
    let mut updates = 0;
    for (listening, more, wanted) in [
        (LISTENING, "", srv(0, 0, 1688, "kms1.contoso.test")),
        ("10.1.2.3:1700", "", srv(0, 0, 1700, "kms1.contoso.test")),
        ("10.1.2.4:1700", "", srv(0, 0, 1700, "kms1.contoso.test")),
        (
            "10.1.2.4:1700",
            "host_name = \"kms9.contoso.test\"",
            srv(0, 0, 1700, "kms9.contoso.test"),
        ),
        (
            "10.1.2.4:1700",
            "host_name = \"kms9.contoso.test\"\ndomains = [\"contoso.test, 3, 4\"]",
            srv(3, 4, 1700, "kms9.contoso.test"),
        ),
    ] {
        let publisher = publisher(&fixture, front.address, &kept, (listening, more));
        assert_eq!(published(&publisher).await, OK);
        assert_eq!(srvs(&server).await, [wanted]);
        updates += 1;
        assert_eq!(front.updates().len(), updates, "in the same update");
        assert_eq!(kept_lines(&*kept).len(), 1);
    }
    let a = |name| records(&server, name, RecordType::A);
    assert_eq!(
        a("kms1.contoso.test").await,
        [],
        "the older name's addresses went with it"
    );
    let there = a("kms9.contoso.test").await;
    assert_eq!(there, [(3600, RecordData::A([10, 1, 2, 4].into()))]);
}

#[tokio::test]
async fn without_a_memory_an_own_record_with_another_priority_is_recognised_and_no_other_is() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let new = || Arc::new(MemoryRecords::default());
    let address = server.address();
    // Another host on this machine, and another machine.
    let others = [
        ("10.1.2.3:1700", ""),
        (LISTENING, "host_name = \"kms2.contoso.test\""),
    ];
    for other in others {
        assert_eq!(
            published(&publisher(&fixture, address, &new(), other)).await,
            OK
        );
    }
    for line in ["contoso.test, 1, 2", "contoso.test, 3, 4", "contoso.test"] {
        let more = format!("domains = [\"{line}\"]");
        let publisher = publisher(&fixture, address, &new(), (LISTENING, &more));
        assert_eq!(published(&publisher).await, OK);
        assert_eq!(srvs(&server).await.len(), 3, "{line}");
    }
    let wanted = [
        srv(0, 0, 1688, "kms1.contoso.test"),
        srv(0, 0, 1688, "kms2.contoso.test"),
        srv(0, 0, 1700, "kms1.contoso.test"),
    ];
    assert_eq!(srvs(&server).await, wanted);
}

#[tokio::test]
async fn a_kill_between_sending_and_the_answer_loses_track_of_nothing() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let kept = Arc::new(MemoryRecords::default());
    let first = publisher(&fixture, server.address(), &kept, (LISTENING, ""));
    assert_eq!(published(&first).await, OK);

    // What is kept at the moment when the update comes; and its answer never comes.
    let at_update = Arc::new(Mutex::new(Vec::new()));
    let (noted, seen) = (Arc::clone(&at_update), Arc::clone(&kept));
    let mute = Front::start(server.address(), move |asked: &Asked, answer| {
        if !asked.is_update() {
            return vec![answer];
        }
        *noted.lock().unwrap() = kept_lines(&*seen);
        Vec::new()
    })
    .await;
    let more = "transport = \"tcp\"";
    let second = publisher(&fixture, mute.address, &kept, ("10.1.2.3:1700", more));
    assert_eq!(published(&second).await, ["12293 0x8007232A, contoso.test"]);
    let both = ["0 0 1688 kms1.contoso.test.", "0 0 1700 kms1.contoso.test."];
    assert_eq!(
        at_update.lock().unwrap()[..],
        both,
        "before anything was sent"
    );
    assert_eq!(
        kept_lines(&*kept),
        both,
        "nobody knows which of them is there"
    );
    assert_eq!(srvs(&server).await, [srv(0, 0, 1700, "kms1.contoso.test")]);

    let third = publisher(&fixture, server.address(), &kept, ("10.1.2.3:1800", ""));
    assert_eq!(published(&third).await, OK);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1800, "kms1.contoso.test")]);
    assert_eq!(kept_lines(&*kept), ["0 0 1800 kms1.contoso.test."]);
}

#[tokio::test]
async fn when_the_zone_changed_the_older_record_is_withdrawn_by_an_update_of_its_own() {
    let fixture = with_key();
    let kept = Arc::new(MemoryRecords::default());
    let more = "domains = [\"east.contoso.test\"]";
    let whole = dns_server(&["contoso.test"]).await;
    let told = ["12294 east.contoso.test"];
    let before = publisher(&fixture, whole.address(), &kept, (LISTENING, more));
    assert_eq!(published(&before).await, told);

    // The addresses stay in the zone above, and the name is still the host's.
    let above = Zone::new("contoso.test").with_address("kms1.contoso.test", [10, 1, 2, 3].into());
    let cut = dns_server_of(vec![above, Zone::new("east.contoso.test")]).await;
    let a = || records(&cut, "kms1.contoso.test", RecordType::A);
    let front = Front::start(cut.address(), |_: &Asked, answer| vec![answer]).await;
    let after = publisher(&fixture, front.address, &kept, (LISTENING, more));
    assert_eq!(published(&after).await, told);
    let zones: Vec<String> = front.updates().iter().map(Asked::name).collect();
    assert_eq!(zones, ["east.contoso.test.", "contoso.test."]);
    assert_eq!(a().await.len(), 1);
    let left = kept.published().unwrap();
    let zones: Vec<&str> = left[0].1.iter().map(|left| left.zone().as_str()).collect();
    assert_eq!(zones, ["east.contoso.test", "contoso.test"]);

    // So that the addresses can go with the host.
    let copy = Arc::new(MemoryRecords::default());
    let (domain, both) = left[0].clone();
    copy.set_published(&domain, both).await.unwrap();
    let leaving = publisher(&fixture, cut.address(), &copy, (LISTENING, more));
    leaving.withdraw(&SystemClock, &mut OsEntropy).await;
    assert_eq!(a().await, []);
    assert_eq!(copy.published().unwrap(), []);

    // And where the zone is gone, so is what was in it.
    let again = publisher(&fixture, whole.address(), &kept, (LISTENING, more));
    assert_eq!(published(&again).await, told);
    let left = kept.published().unwrap();
    assert_eq!(
        (left[0].1.len(), left[0].1[0].zone().as_str()),
        (1, "contoso.test")
    );
}

#[tokio::test]
async fn a_withdrawal_takes_out_what_is_published_and_what_was_also_in_domains_not_listed_any_more()
{
    let fixture = with_key();
    let server = dns_server(&["contoso.test", "fabrikam.test"]).await;
    let kept = Arc::new(MemoryRecords::default());
    let more = "domains = [\"contoso.test, 1\", \"fabrikam.test\"]";
    let before = publisher(&fixture, server.address(), &kept, (LISTENING, more));
    published(&before).await;
    let other = Arc::new(MemoryRecords::default());
    let theirs = (LISTENING, "host_name = \"kms2.contoso.test\"");
    published(&publisher(&fixture, server.address(), &other, theirs)).await;

    let after = publisher(&fixture, server.address(), &kept, ("10.1.2.3:1700", ""));
    let withdrawn = after.withdraw(&SystemClock, &mut OsEntropy).await;
    let withdrawn: Vec<String> = withdrawn
        .iter()
        .map(|(domain, code)| format!("{domain} 0x{:X}", code.0))
        .collect();
    assert_eq!(withdrawn, ["contoso.test 0x0", "fabrikam.test 0x0"]);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1688, "kms2.contoso.test")]);
    assert_eq!(
        records(&server, "_vlmcs._tcp.fabrikam.test", RecordType::Srv).await,
        []
    );
    assert_eq!(
        records(&server, "kms1.contoso.test", RecordType::A).await,
        []
    );
    assert_eq!(kept.published().unwrap(), []);
}

#[tokio::test]
async fn the_addresses_of_a_name_stay_while_another_host_on_the_machine_is_published_under_it() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let a = || records(&server, "kms1.contoso.test", RecordType::A);
    let both = ["10.1.2.3:1688", "10.1.2.3:1700"].map(|listening| {
        let kept = Arc::new(MemoryRecords::default());
        (listening, kept)
    });
    let host = |number: usize, more: &str| {
        let (listening, kept) = &both[number];
        publisher(&fixture, server.address(), kept, (listening, more))
    };
    for number in [0, 1] {
        assert_eq!(published(&host(number, "")).await, OK);
    }
    let withdrawn = host(0, "").withdraw(&SystemClock, &mut OsEntropy).await;
    assert_eq!(withdrawn[0].1, kms_core::StatusCode::OK);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1700, "kms1.contoso.test")]);
    assert_eq!(a().await.len(), 1);

    // A host that takes another name leaves them too.
    assert_eq!(published(&host(0, "")).await, OK);
    let renamed = host(0, "host_name = \"kms2.contoso.test\"");
    assert_eq!(published(&renamed).await, OK);
    assert_eq!(a().await.len(), 1);

    // The last takes them along.
    host(1, "").withdraw(&SystemClock, &mut OsEntropy).await;
    assert_eq!(srvs(&server).await, [srv(0, 0, 1688, "kms2.contoso.test")]);
    assert_eq!(a().await, []);
}

#[tokio::test]
async fn what_cannot_be_withdrawn_is_kept_for_the_next_time() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let kept = Arc::new(MemoryRecords::default());
    let publisher = publisher(&fixture, server.address(), &kept, (LISTENING, ""));
    published(&publisher).await;
    let before = kept_lines(&*kept);
    server.shutdown().await.unwrap();
    let withdrawn = publisher.withdraw(&SystemClock, &mut OsEntropy).await;
    assert_ne!(withdrawn[0].1, kms_core::StatusCode::OK);
    assert_eq!(kept_lines(&*kept), before);
}

/// Forgets everything, and says so.
#[derive(Debug)]
struct Broken;

impl PublishedRecords for Broken {
    fn published(&self) -> Result<Vec<(DomainName, Vec<Registration>)>, StoreError> {
        Ok(Vec::new())
    }

    fn set_published<'a>(&'a self, _: &'a DomainName, _: Vec<Registration>) -> Kept<'a> {
        let reason = "the disk is full".to_owned();
        Box::pin(async move { Err(StoreError { reason }) })
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_sent() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let publisher = publisher(
        &fixture,
        server.address(),
        &Arc::new(Broken),
        (LISTENING, ""),
    );
    assert_eq!(
        published(&publisher).await,
        ["12293 0x800700AA, contoso.test"]
    );
    assert_eq!(srvs(&server).await, []);
}

#[tokio::test]
async fn a_host_with_a_store_remembers_through_a_restart_of_its_process() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let place = Place::new();
    for (listening, port) in [(LISTENING, 1688), ("10.1.2.3:1700", 1700)] {
        let service = Arc::new(fixture.service(place.open()));
        let publisher = publisher(&fixture, server.address(), &service, (listening, ""));
        assert_eq!(published(&publisher).await, OK);
        assert_eq!(srvs(&server).await, [srv(0, 0, port, "kms1.contoso.test")]);
    }
}

const SERVER_FAILURE: u16 = 2;
const REFUSED: u16 = 5;

/// A refusal with the right signature.
fn signed_refusal(asked: &Asked, code: u16) -> Vec<u8> {
    let now = u64::try_from(SystemClock.now().wall.as_millis() / 1000).unwrap();
    let asked = fake::Asked::new(fake::Transport::Tcp, 0, asked.bytes.clone());
    let refusal = ForgedMessage::answer_to(&asked).with_rcode(code);
    let tsig = ForgedTsig::new("kms-hosts", asked.id(), now);
    let signed = tsig.sign(refusal, &asked.mac(), b"a secret of thirty-two bytes, ok");
    signed.unwrap().into_bytes()
}

#[tokio::test]
async fn an_update_that_was_surely_refused_is_not_kept_and_one_that_may_have_been_done_is() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let kept = Arc::new(MemoryRecords::default());
    let first = publisher(&fixture, server.address(), &kept, (LISTENING, ""));
    assert_eq!(published(&first).await, OK);
    let told = ["12293 0x8007232D, contoso.test"];

    let refusing = Front::alone(|asked| {
        let answer = asked.is_update().then(|| signed_refusal(asked, REFUSED));
        answer.into_iter().collect()
    })
    .await;
    let moved = ("10.1.2.3:1700", "transport = \"tcp\"");
    let second = publisher(&fixture, refusing.address, &kept, moved);
    assert_eq!(published(&second).await, told);
    assert_eq!(kept_lines(&*kept), ["0 0 1688 kms1.contoso.test."]);

    // The first is done, and its answer lost; what comes after it is refused.
    let losing = Front::start(server.address(), |asked: &Asked, answer| {
        match (asked.is_update(), asked.via) {
            (false, _) => vec![answer],
            (true, Via::Udp) => Vec::new(),
            (true, Via::Tcp) => vec![signed_refusal(asked, REFUSED)],
        }
    })
    .await;
    let third = publisher(&fixture, losing.address, &kept, ("10.1.2.3:1700", ""));
    assert_eq!(published(&third).await, told);
    let both = ["0 0 1688 kms1.contoso.test.", "0 0 1700 kms1.contoso.test."];
    assert_eq!(kept_lines(&*kept), both);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1700, "kms1.contoso.test")]);
}

#[tokio::test]
async fn rfc_2136_a_server_failure_from_one_that_passes_updates_on_may_have_been_done() {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let kept = Arc::new(MemoryRecords::default());
    let first = publisher(&fixture, server.address(), &kept, (LISTENING, ""));
    assert_eq!(published(&first).await, OK);

    // A secondary that loses the primary's answer and says so with its own signature.
    let forwarding = Front::start(server.address(), |asked: &Asked, answer| {
        if asked.is_update() {
            vec![signed_refusal(asked, SERVER_FAILURE)]
        } else {
            vec![answer]
        }
    })
    .await;
    let moved = ("10.1.2.3:1700", "transport = \"tcp\"");
    let second = publisher(&fixture, forwarding.address, &kept, moved);
    assert_eq!(published(&second).await, ["12293 0x8007232A, contoso.test"]);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1700, "kms1.contoso.test")]);
    let both = ["0 0 1688 kms1.contoso.test.", "0 0 1700 kms1.contoso.test."];
    assert_eq!(kept_lines(&*kept), both);
    // So that even a host whose port is another again takes it out.
    let third = publisher(&fixture, server.address(), &kept, ("10.1.2.3:1800", ""));
    assert_eq!(published(&third).await, OK);
    assert_eq!(srvs(&server).await, [srv(0, 0, 1800, "kms1.contoso.test")]);
}
