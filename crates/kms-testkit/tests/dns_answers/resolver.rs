//! The table of answers to lookups against a client's resolver, over sockets.

use crate::lookup::{Case, HOST, OWNER, Outcome, cases, empty, right};
use kms_client::Resolver;
use kms_srv::{
    AddressRule, DomainName, LookupAnswer, LookupError, SrvRecord, UsableRecords, kept_for,
    usable_addresses, usable_records,
};
use kms_testkit::dns::fake::{Act, Asked, FakeDns, TcpManner};
use std::collections::BTreeSet;
use tokio::time::{Duration, Instant, timeout};

/// Longer than a lookup may take.
const LONG: Duration = Duration::from_secs(60);
/// How long a lookup may take, as the resolver's page has it.
const QUERY_TIME: Duration = Duration::from_secs(4);
/// The most messages that one question costs one server: with EDNS and without it twice by UDP and
/// once by TCP.
const MAX_MESSAGES: usize = 6;

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn hosts(records: UsableRecords) -> Option<Vec<SrvRecord>> {
    match records {
        UsableRecords::Hosts(hosts) => Some(hosts),
        UsableRecords::NotAvailable => None,
    }
}

/// What came of a lookup, in the words of what was expected.
fn found_records(expected: Outcome, answer: Result<LookupAnswer, LookupError>) -> String {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return format!("{:?}", Outcome::Fails(error)),
    };
    let seconds = kept_for(answer.ttl).as_secs();
    let outcome = match (expected, hosts(usable_records(answer.records))) {
        (_, None) => Outcome::NotAvailable,
        (Outcome::Kept(_), _) => Outcome::Kept(seconds),
        (Outcome::Hosts(_), Some(hosts)) => {
            let targets: Vec<_> = hosts.iter().map(|host| host.target.as_str()).collect();
            return format!("Hosts({targets:?})");
        }
        (_, Some(hosts)) => Outcome::Records(hosts.len()),
    };
    format!("{outcome:?}")
}

async fn look_up(case: &Case, resolver: &Resolver) -> String {
    match case.outcome {
        Outcome::Addresses(_)
        | Outcome::AddressCount(_)
        | Outcome::Alias
        | Outcome::FailsForHost(_) => {
            let answer = resolver.addresses(&name(HOST), false).await;
            let answer = match answer {
                Ok(answer) if answer.alias_of.is_some() => return format!("{:?}", Outcome::Alias),
                Ok(answer) => answer.addresses,
                Err(error) => return format!("{:?}", Outcome::FailsForHost(error)),
            };
            let rule = AddressRule::Found {
                allow_loopback: false,
            };
            let usable = usable_addresses(answer, rule).unwrap_or_default();
            if matches!(case.outcome, Outcome::AddressCount(_)) {
                return format!("{:?}", Outcome::AddressCount(usable.len()));
            }
            let usable: Vec<_> = usable.iter().map(ToString::to_string).collect();
            format!("Addresses({usable:?})")
        }
        expected => found_records(expected, resolver.srv(&name(OWNER)).await),
    }
}

/// What is wrong, if anything is.
async fn run(case: &'static Case) -> Option<String> {
    let server = FakeDns::start(case.tcp, case.does).await.unwrap();
    let resolver = Resolver::new(&[server.address()]).unwrap();
    let begun = Instant::now();
    let found = timeout(LONG, look_up(case, &resolver)).await.unwrap();
    let took = begun.elapsed();
    let counts = server.counts();
    let questions = match case.outcome {
        Outcome::Addresses(_)
        | Outcome::AddressCount(_)
        | Outcome::Alias
        | Outcome::FailsForHost(_) => 2,
        _ => 1,
    };
    let expected = format!("{:?}", case.outcome);
    let bounded = counts.messages() <= MAX_MESSAGES * questions && took <= QUERY_TIME;
    (found != expected || !bounded).then(|| {
        format!(
            "{}: {found}, and not {expected}; {counts:?} in {took:?}",
            case.name
        )
    })
}

/// Time passes at once where everybody waits for it.
#[tokio::test(start_paused = true)]
async fn every_answer_to_a_lookup_has_its_outcome_within_bounds() {
    let mut wrong = Vec::new();
    let mut done = 0;
    for case in cases() {
        done += 1;
        wrong.extend(run(case).await);
    }
    println!("{done} answers against the resolver");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_its_number_of_cases() {
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count(), "a name for each");
    let controls = names
        .iter()
        .filter(|name| name.starts_with("control-"))
        .count();
    let lies = names.len() - controls;
    println!("{lies} answers to a lookup, {controls} controls");
    // At least 90 are wanted; the README tells the number.
    assert_eq!(lies, 209);
}

type Lie = fn(&Asked) -> Vec<Act>;

/// What the first of two servers says, where the second is honest.
const LIES: &[(&str, Lie)] = &[
    ("silent", |_| Vec::new()),
    ("garbage", |_| vec![Act::Send(vec![0xff; 100])]),
    ("wrong-ids", |asked| {
        let wrong = right(asked).with_id(asked.id() ^ 1);
        vec![Act::Send(wrong.into_bytes()); 4]
    }),
    ("servfail", |asked| {
        vec![Act::Send(empty(asked).with_rcode(2).into_bytes())]
    }),
    ("refused", |asked| {
        vec![Act::Send(empty(asked).with_rcode(5).into_bytes())]
    }),
    ("cut-for-ever", |asked| {
        vec![Act::Send(empty(asked).with_flipped(0x0200).into_bytes())]
    }),
    ("resets", |asked| {
        vec![
            Act::Send(empty(asked).with_flipped(0x0200).into_bytes()),
            Act::Reset,
        ]
    }),
    ("half-a-message", |asked| {
        vec![Act::Send(right(asked).into_bytes()[..30].to_vec())]
    }),
];

#[tokio::test(start_paused = true)]
async fn a_server_that_lies_does_not_keep_an_honest_one_from_being_heard() {
    for (what, lie) in LIES {
        for lies_first in [true, false] {
            let liar = FakeDns::start(TcpManner::Serve, lie).await.unwrap();
            let honest = |asked: &Asked| vec![Act::Send(right(asked).into_bytes())];
            let honest = FakeDns::start(TcpManner::Serve, honest).await.unwrap();
            let mut servers = [liar.address(), honest.address()];
            if !lies_first {
                servers.reverse();
            }
            let resolver = Resolver::new(&servers).unwrap();
            for _ in 0..3 {
                let answer = timeout(LONG, resolver.srv(&name(OWNER))).await.unwrap();
                let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(answer.records.len(), 1, "{what}");
            }
            let asked = liar.counts().messages();
            assert!(
                asked <= MAX_MESSAGES,
                "{what}: {asked}: who answered is asked first"
            );
        }
    }
    println!("{} lies beside an honest server", LIES.len() * 2);
}
