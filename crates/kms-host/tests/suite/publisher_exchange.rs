//! How updates travel: datagrams where they do, and what answers count.

use crate::{
    dns_front::{Asked, Front, Via},
    publisher::{LISTENING, dns_server, published, publisher, records, with_key},
};
use kms_testkit::dns::RecordType;

const OK: [&str; 1] = ["12294 contoso.test"];
const RESPONSE: u8 = 0x80;
const TRUNCATED: u8 = 0x02;

/// An answer without signature and records, as anybody can send it.
fn unsigned(asked: &Asked, code: u8) -> Vec<u8> {
    let mut answer = asked.bytes[..12].to_vec();
    answer[2] |= RESPONSE;
    answer[3] = code;
    answer[4..].fill(0);
    answer
}

fn as_it_is(_: &Asked, answer: Vec<u8>) -> Vec<Vec<u8>> {
    vec![answer]
}

/// Publishes through a front; what was told, and how the updates came.
async fn through(
    more: &str,
    answers: impl Fn(&Asked, Vec<u8>) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> (Vec<String>, Front) {
    let fixture = with_key();
    let server = dns_server(&["contoso.test"]).await;
    let changing = move |asked: &Asked, answer: Vec<u8>| {
        if asked.is_update() {
            answers(asked, answer)
        } else {
            vec![answer]
        }
    };
    let front = Front::start(server.address(), changing).await;
    let publisher = publisher(&fixture, front.address, LISTENING, more);
    let told = published(&publisher).await;
    let there = records(&server, "_vlmcs._tcp.contoso.test", RecordType::Srv).await;
    // All that is held back or changed here is answers: each update is done.
    assert_eq!(there.len(), 1);
    (told, front)
}

#[tokio::test]
async fn rfc_2136_an_update_that_fits_goes_in_one_datagram() {
    let (told, front) = through("", as_it_is).await;
    assert_eq!(told, OK);
    assert_eq!(front.ways(), [Via::Udp]);
}

#[tokio::test]
async fn limit_512_bytes_go_in_a_datagram_and_more_over_tcp() {
    let addresses: Vec<String> = (1..=16).map(|n| format!("2001:db8::{n}")).collect();
    let more = format!("addresses = {addresses:?}");
    let (told, front) = through(&more, as_it_is).await;
    assert_eq!(told, OK);
    let updates = front.updates();
    assert!(updates[0].bytes.len() > 512);
    assert_eq!(front.ways(), [Via::Tcp]);
}

#[tokio::test]
async fn transport_tcp_sends_no_datagram_at_all() {
    let (told, front) = through("transport = \"tcp\"", as_it_is).await;
    assert_eq!(told, OK);
    assert_eq!(front.ways(), [Via::Tcp]);
    assert!(front.asked().iter().all(|asked| asked.via == Via::Tcp));
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_asked_for_over_tcp_and_never_a_result() {
    let cut = |asked: &Asked, answer: Vec<u8>| {
        if asked.via == Via::Tcp {
            return vec![answer];
        }
        let mut cut = unsigned(asked, 0);
        cut[2] |= TRUNCATED;
        vec![cut]
    };
    let (told, front) = through("", cut).await;
    assert_eq!(told, OK);
    assert_eq!(front.ways(), [Via::Udp, Via::Tcp]);
    let [first, second] = front.updates().try_into().unwrap();
    assert_ne!(first.id(), second.id(), "it is signed anew");

    let cut_and_closed = |asked: &Asked, _| {
        let mut cut = unsigned(asked, 0);
        cut[2] |= TRUNCATED;
        if asked.via == Via::Udp {
            vec![cut]
        } else {
            Vec::new()
        }
    };
    let (told, _) = through("", cut_and_closed).await;
    assert_eq!(told, ["12293 0x8007232A, contoso.test"]);
}

#[tokio::test]
async fn an_answer_that_was_cut_in_the_middle_of_a_record_is_asked_for_over_tcp() {
    let cut = |asked: &Asked, mut answer: Vec<u8>| {
        if asked.via == Via::Udp {
            answer.truncate(answer.len() - 20);
            answer[2] |= TRUNCATED;
        }
        vec![answer]
    };
    let (told, front) = through("", cut).await;
    assert_eq!(
        (told, front.ways()),
        (OK.map(str::to_owned).to_vec(), vec![Via::Udp, Via::Tcp])
    );
}

#[tokio::test]
async fn a_server_that_takes_no_datagrams_gets_two_and_then_tcp() {
    let deaf = |asked: &Asked, answer: Vec<u8>| {
        if asked.via == Via::Udp {
            Vec::new()
        } else {
            vec![answer]
        }
    };
    let (told, front) = through("", deaf).await;
    assert_eq!(told, OK);
    assert_eq!(front.ways(), [Via::Udp, Via::Udp, Via::Tcp]);
    let [first, again, last] = front.updates().try_into().unwrap();
    assert_eq!(first.bytes, again.bytes);
    assert_ne!(first.id(), last.id());
}

#[tokio::test]
async fn limit_3_datagrams_that_are_no_answer_are_passed_over_and_then_tcp_is_asked() {
    for (strays, wanted) in [(3, vec![Via::Udp]), (4, vec![Via::Udp, Via::Tcp])] {
        let (told, front) = through("", move |asked: &Asked, answer: Vec<u8>| {
            if asked.via == Via::Tcp {
                return vec![answer];
            }
            let mut other = answer.clone();
            other[0] ^= 0xff;
            let mut question = answer.clone();
            question[2] &= !RESPONSE;
            let kinds = [other, question, b"no message".to_vec(), Vec::new()];
            let mut all: Vec<_> = kinds.into_iter().cycle().take(strays).collect();
            all.push(answer);
            all
        })
        .await;
        assert_eq!(told, OK, "{strays}");
        assert_eq!(front.ways(), wanted, "{strays}");
    }
}

#[tokio::test]
async fn what_an_unsigned_datagram_says_is_asked_again_over_tcp() {
    for code in [0, 5] {
        let forged = move |asked: &Asked, answer: Vec<u8>| {
            vec![if asked.via == Via::Udp {
                unsigned(asked, code)
            } else {
                answer
            }]
        };
        let (told, front) = through("", forged).await;
        assert_eq!(told, OK, "{code}");
        assert_eq!(front.ways(), [Via::Udp, Via::Tcp]);
    }
    // A server that says no more than that is believed a refusal, and no success.
    for (code, wanted) in [(0, "0x8007251E"), (5, "0x8007232D")] {
        let silent = move |asked: &Asked, _| {
            if asked.via == Via::Udp {
                vec![unsigned(asked, code)]
            } else {
                Vec::new()
            }
        };
        let (told, _) = through("", silent).await;
        assert_eq!(told, [format!("12293 {wanted}, contoso.test")]);
    }
}

#[tokio::test]
async fn an_unsigned_or_badly_signed_success_is_a_failure() {
    let unsigned = |asked: &Asked, _| vec![unsigned(asked, 0)];
    let spoilt = |_: &Asked, mut answer: Vec<u8>| {
        // In the MAC, which ends 6 bytes before the message: id, error, length of other data.
        let place = answer.len() - 7;
        answer[place] ^= 1;
        vec![answer]
    };
    for told in [through("", unsigned).await.0, through("", spoilt).await.0] {
        assert_eq!(told, ["12293 0x8007251E, contoso.test"]);
    }
}

#[tokio::test]
async fn an_answer_to_the_update_before_counts_for_nothing() {
    let first = std::sync::Mutex::new(Vec::new());
    let late = move |asked: &Asked, answer: Vec<u8>| {
        let mut first = first.lock().unwrap();
        if asked.via == Via::Udp {
            *first = answer;
            let mut cut = unsigned(asked, 0);
            cut[2] |= TRUNCATED;
            vec![cut]
        } else {
            vec![first.clone()]
        }
    };
    let (told, _) = through("", late).await;
    assert_eq!(told, ["12293 0x8007251E, contoso.test"]);
}

#[tokio::test]
async fn what_follows_an_answer_over_tcp_is_not_read() {
    let (told, _) = through("transport = \"tcp\"", |_: &Asked, answer: Vec<u8>| {
        vec![answer, vec![0; 40_000]]
    })
    .await;
    assert_eq!(told, OK);
}
