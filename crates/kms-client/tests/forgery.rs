//! Hosts that lie, and hosts that send nonsense: none of it activates anything (PROTOCOL section 4).

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod common;

use common::{
    Answer, DAY, FakeHost, HOUR, authority, identity,
    rig::{Behaviour, GROUP, Rig, THRESHOLD},
};
use core::time::Duration;
use kms_client::Report;
use kms_core::{AnswerTerms, Decode, Encode, LicenseStatus, SeededEntropy, StatusCode};
use kms_wire::{ActivationAnswer, MAX_ANSWER_STUB};
use std::sync::{Arc, Mutex};

const UNAVAILABLE: StatusCode = StatusCode::VL_BINDING_SERVICE_UNAVAILABLE;

/// The attempt with this host alone, which must come to nothing; the code and the reason of its
/// failure.
fn refused(host: impl FnOnce(&Rig) -> FakeHost) -> (Report, String) {
    let mut rig = Rig::pinned(host);
    let report = rig.attempt();
    assert_untouched(&rig, &report);
    let reason = report.attempts[0].reason.clone();
    (report, reason)
}

fn assert_untouched(rig: &Rig, report: &Report) {
    assert!(report.result.is_err(), "{report:?}");
    assert_eq!((&report.host, report.count), (&None, None));
    assert_eq!(report.attempts.len(), 1);
    assert_eq!(rig.engine.license().status(), LicenseStatus::OobGrace);
    assert_eq!(rig.engine.license().last_answer(), None);
    assert_eq!(rig.engine.cached_host(), None);
}

/// A host that lies with these terms, rightly signed.
fn lying(rig: &Rig, lie: fn(&mut AnswerTerms)) -> FakeHost {
    rig.honest(11).answering(move |host, message| {
        let mut terms = host.terms(message);
        lie(&mut terms);
        Answer::Bytes(host.sign(message, terms))
    })
}

#[test]
fn a_host_of_another_root_is_not_believed() {
    let (report, reason) = refused(|rig| {
        let rogue = identity(&authority(99), 11, &[GROUP], DAY);
        FakeHost::new(rogue, THRESHOLD, &rig.clock)
    });
    assert_eq!(report.code(), UNAVAILABLE);
    assert!(
        reason.contains("does not lead to a root") || reason.contains("was not signed"),
        "{reason}"
    );
}

#[test]
fn an_answer_to_another_request_is_not_believed() {
    let first = Arc::new(Mutex::new(None::<Vec<u8>>));
    let mut rig = Rig::pinned(|rig| {
        rig.honest(11).answering(move |host, message| {
            let mut first = first.lock().unwrap();
            Answer::Bytes(first.get_or_insert_with(|| host.honest(message)).clone())
        })
    });
    assert!(rig.attempt().result.is_ok());
    let expires = rig.engine.license().expires();
    rig.clock.advance(HOUR);
    let report = rig.attempt();
    assert_eq!(report.code(), UNAVAILABLE);
    assert_eq!(rig.engine.license().expires(), expires);
}

#[test]
fn an_answer_for_another_machine_is_not_believed() {
    let (report, reason) = refused(|rig| {
        lying(rig, |terms| {
            terms.cmid = "99999999-4455-4677-8899-aabbccddeeff".parse().unwrap();
        })
    });
    assert_eq!(report.code(), UNAVAILABLE);
    assert!(reason.contains("99999999-"), "{reason}");
}

#[test]
fn a_host_that_is_certified_for_other_products_is_not_believed() {
    let (report, reason) = refused(|rig| {
        let other = identity(&rig.authority, 11, &["reader/2026"], DAY);
        FakeHost::new(other, THRESHOLD, &rig.clock)
    });
    assert_eq!(
        report.code(),
        StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH
    );
    assert!(reason.contains(GROUP), "{reason}");
}

#[test]
fn a_host_whose_clock_is_more_than_four_hours_away_is_not_believed() {
    for (ahead, by, believed) in [
        (true, 4 * HOUR, true),
        (false, 4 * HOUR, true),
        (true, 4 * HOUR + Duration::from_secs(1), false),
        (false, 4 * HOUR + Duration::from_secs(1), false),
    ] {
        let mut rig = Rig::pinned(|rig| {
            rig.honest(11).answering(move |host, message| {
                let mut terms = host.terms(message);
                terms.host_time = if ahead {
                    terms.host_time.saturating_add(by)
                } else {
                    terms.host_time.saturating_sub(by)
                };
                Answer::Bytes(host.sign(message, terms))
            })
        });
        let report = rig.attempt();
        assert_eq!(report.result.is_ok(), believed, "{ahead} {by:?}");
        if !believed {
            assert_eq!(report.code(), StatusCode::VL_INVALID_TIMESTAMP);
            assert_untouched(&rig, &report);
            let records = rig.records();
            assert!(records[0].starts_with("12288 0xC004F06C, "), "{records:?}");
        }
    }
}

#[test]
fn terms_that_are_changed_after_signing_are_not_believed() {
    let changes: [fn(&mut AnswerTerms); 4] = [
        |terms| terms.count += 1,
        |terms| terms.validity = kms_core::ValidityInterval::from_minutes(u32::MAX).unwrap(),
        |terms| terms.host_time = terms.host_time.saturating_add(HOUR),
        |terms| terms.count = u32::MAX,
    ];
    for change in changes {
        let (report, reason) = refused(|rig| {
            rig.honest(11).answering(move |host, message| {
                let signed = host.honest(message);
                let mut answer = ActivationAnswer::decode_all(&signed).unwrap();
                change(&mut answer.terms);
                Answer::Bytes(answer.to_vec())
            })
        });
        assert_eq!(report.code(), UNAVAILABLE);
        assert!(reason.contains("signature"), "{reason}");
    }
}

#[test]
fn a_host_with_the_key_of_nobody_but_the_chain_of_another_is_not_believed() {
    // It names a key that nobody has, and shows a certificate that is sound.
    let (report, reason) = refused(|rig| lying(rig, |terms| terms.key_id.0 = [7; 8]));
    assert_eq!(report.code(), UNAVAILABLE);
    assert!(reason.contains("0707070707070707"), "{reason}");
    // It signs with a key of its own, and shows the certificate of an honest host.
    let (report, _) = refused(|rig| {
        let honest = rig.honest(12).chain();
        let rogue = identity(&authority(99), 11, &[GROUP], DAY);
        FakeHost::new(rogue, THRESHOLD, &rig.clock)
            .showing(move |_, _| Answer::Bytes(honest.clone()))
    });
    assert_eq!(report.code(), UNAVAILABLE);
    // It claims an honest host's key id besides.
    let (report, reason) = refused(|rig| {
        let honest = rig.honest(12);
        let key_id = honest.identity.key_id();
        let chain = honest.chain();
        let rogue = identity(&authority(99), 11, &[GROUP], DAY);
        FakeHost::new(rogue, THRESHOLD, &rig.clock)
            .answering(move |host, message| {
                let mut terms = host.terms(message);
                terms.key_id = key_id;
                Answer::Bytes(host.sign(message, terms))
            })
            .showing(move |_, _| Answer::Bytes(chain.clone()))
    });
    assert_eq!(report.code(), UNAVAILABLE);
    assert!(reason.contains("signature"), "{reason}");
}

#[test]
fn a_chain_that_does_not_fit_the_key_is_not_remembered() {
    let mut rig = Rig::pinned(|rig| lying(rig, |terms| terms.key_id.0 = [7; 8]));
    let Some(Behaviour::Host(host)) = rig.hosts.get("kms1:1688").cloned() else {
        unreachable!()
    };
    for fetched in 1..=3 {
        assert!(rig.attempt().result.is_err());
        assert_eq!(host.fetched(), fetched);
    }
}

#[test]
fn chains_that_are_no_chains_are_refused_with_a_reason() {
    let der = |rig: &Rig| rig.honest(11).identity.chain()[0].clone();
    let one = |count: u8, ders: &[&[u8]]| {
        let mut bytes = vec![count];
        for der in ders {
            bytes.extend(u16::try_from(der.len()).unwrap().to_le_bytes());
            bytes.extend(*der);
        }
        bytes
    };
    let der = der(&Rig::discovering());
    let other = Rig::discovering().honest(12).identity.chain()[0].clone();
    let chains: [(&str, Vec<u8>); 9] = [
        ("no bytes", Vec::new()),
        ("no certificates", vec![0]),
        ("garbage in one", one(1, &[b"garbage"])),
        ("an empty one", one(1, &[b""])),
        ("five", one(5, &[&der, &der, &der, &der, &der])),
        ("one said and two there", one(1, &[&der, &der])),
        ("twice the same", one(2, &[&der, &der])),
        ("another host as the issuer", one(2, &[&der, &other])),
        ("a huge one", one(1, &[&[0x30; 30_000]])),
    ];
    for (name, chain) in chains {
        let (report, reason) = refused(|rig| {
            rig.honest(11)
                .showing(move |_, _| Answer::Bytes(chain.clone()))
        });
        assert_eq!(report.code(), UNAVAILABLE, "{name}");
        assert!(!reason.is_empty(), "{name}");
    }
}

#[test]
fn no_flipped_bit_of_an_answer_activates() {
    let flip = Arc::new(Mutex::new((0, 0)));
    let wanted = Arc::clone(&flip);
    let mut rig = Rig::pinned(|rig| {
        rig.honest(11).answering(move |host, message| {
            let (at, bit) = *wanted.lock().unwrap();
            let mut answer = host.honest(message);
            answer[at] ^= 1 << bit;
            Answer::Bytes(answer)
        })
    });
    for at in 0..ActivationAnswer::LEN {
        for bit in 0..8 {
            *flip.lock().unwrap() = (at, bit);
            let report = rig.attempt();
            assert_untouched(&rig, &report);
            while rig.engine.license_mut().poll_event().is_some() {}
        }
    }
}

#[test]
fn no_flipped_byte_of_a_certificate_activates() {
    let flip = Arc::new(Mutex::new(0));
    let wanted = Arc::clone(&flip);
    let mut rig = Rig::pinned(|rig| {
        rig.honest(11).showing(move |host, _| {
            let mut chain = host.chain();
            chain[*wanted.lock().unwrap()] ^= 1;
            Answer::Bytes(chain)
        })
    });
    let len = rig.honest(11).chain().len();
    for at in 0..len {
        *flip.lock().unwrap() = at;
        let report = rig.attempt();
        assert_untouched(&rig, &report);
    }
}

/// On the wire some bytes mean nothing to a client, as a hint or a padding. What it believes is
/// what the host said, or nothing.
#[test]
fn with_any_flipped_byte_on_the_wire_the_host_is_believed_as_it_spoke_or_not_at_all() {
    // As long as what an honest host sends: bind_ack, answer, certificate.
    let len = Arc::new(Mutex::new(0));
    let total = Arc::clone(&len);
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    rig.wire = Box::new(move |bytes| *total.lock().unwrap() += bytes.len());
    assert!(rig.attempt().result.is_ok());
    let len = *len.lock().unwrap();
    let mut believed = 0;
    for at in 0..len {
        let mut rig = Rig::pinned(|rig| rig.honest(11));
        let mut passed = 0;
        rig.wire = Box::new(move |bytes| {
            let byte = usize::checked_sub(at, passed).and_then(|at| bytes.get_mut(at));
            byte.into_iter().for_each(|byte| *byte ^= 0x10);
            passed += bytes.len();
        });
        let report = rig.attempt();
        if report.result.is_ok() {
            believed += 1;
            let answer = rig.engine.license().last_answer().unwrap();
            assert_eq!(answer.count, THRESHOLD);
            assert_eq!(answer.activation_interval.minutes(), 120);
        } else {
            assert_untouched(&rig, &report);
        }
    }
    assert!((1..200).contains(&believed), "{believed} of {len}");
}

#[test]
fn after_each_truncation_of_a_conversation_the_next_host_is_asked() {
    let mut len = 0;
    loop {
        let mut rig = Rig::pinned(|rig| rig.honest(11));
        let mut left = len;
        rig.wire = Box::new(move |bytes| {
            bytes.truncate(left);
            left -= bytes.len();
        });
        let report = rig.attempt();
        if report.result.is_ok() {
            break;
        }
        assert_untouched(&rig, &report);
        assert_eq!(report.attempts[0].code, StatusCode::RPC_SERVER_UNAVAILABLE);
        len += 1;
    }
    assert!(len > 300, "{len}");
}

#[test]
fn nonsense_is_not_listened_to() {
    let mut random = vec![0; 4096];
    kms_core::Entropy::fill(&mut SeededEntropy::new(5), &mut random);
    let nonsense: [(&str, Vec<u8>); 7] = [
        ("nothing", Vec::new()),
        ("one byte", vec![5]),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("random", random),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
    ];
    for (name, bytes) in nonsense {
        let mut rig = Rig::pinned(|rig| rig.honest(11));
        rig.host("kms1:1688", Behaviour::Bytes(bytes));
        let report = rig.attempt();
        assert_untouched(&rig, &report);
        assert_eq!(
            report.attempts[0].code,
            StatusCode::RPC_SERVER_UNAVAILABLE,
            "{name}"
        );
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    let fed = Arc::new(Mutex::new(0));
    let count = Arc::clone(&fed);
    let mut turn = 0;
    rig.wire = Box::new(move |bytes| {
        turn += 1;
        if turn == 2 {
            // The answer's only fragment, as the first of a thousand.
            const FIRST: u8 = 1;
            const LAST: u8 = 2;
            bytes[3] &= !LAST;
            let mut next = bytes.clone();
            next[3] &= !FIRST;
            bytes.extend(next.repeat(1000));
            *count.lock().unwrap() = bytes.len();
        }
    });
    let report = rig.attempt();
    assert_untouched(&rig, &report);
    assert!(*fed.lock().unwrap() > MAX_ANSWER_STUB);
    let reason = &report.attempts[0].reason;
    assert!(reason.contains("longer than 32768 bytes"), "{reason}");
}

#[test]
fn bytes_after_the_answer_make_it_no_worse() {
    let mut rig = Rig::pinned(|rig| rig.honest(11));
    // The second time, with the certificate known, the answer ends the conversation.
    assert!(rig.attempt().result.is_ok());
    let mut turn = 0;
    rig.wire = Box::new(move |bytes| {
        turn += 1;
        if turn == 2 {
            bytes.extend([0xff; 100]);
        }
    });
    assert!(rig.attempt().result.is_ok());
}

#[test]
fn answers_of_every_wrong_length_are_refused() {
    for len in (0..ActivationAnswer::LEN).chain([121, 200, 8000]) {
        let (report, _) = refused(|rig| {
            rig.honest(11).answering(move |host, message| {
                let mut answer = host.honest(message);
                answer.resize(len, 0);
                Answer::Bytes(answer)
            })
        });
        assert_eq!(report.code(), UNAVAILABLE, "{len}");
    }
}
