//! Answers that are broken or made to deceive.

use super::*;

fn is_accepted(reply: &Result<UpdateReply, UpdateAnswerError>) -> bool {
    reply.is_ok_and(|reply| reply.status().is_success())
}

#[test]
fn every_truncation_is_refused() {
    let update = update();
    let good = good_answer(&update);
    for len in 0..good.len() {
        assert!(!is_accepted(&update.handle_answer(&good[..len])), "{len}");
    }
}

#[test]
fn every_flipped_bit_is_refused_but_for_the_case_of_names() {
    let update = update();
    let good = good_answer(&update);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // Names are the same in either case, and signed in lower case.
            assert!(
                !is_accepted(&update.handle_answer(&bad)) || bad.eq_ignore_ascii_case(&good),
                "byte {at}, bit {bit}"
            );
        }
    }
}

#[test]
fn limit_counts_beyond_what_an_answer_has_are_refused_before_they_are_read() {
    let update = update();
    let header = |zones: u16, counts: [u16; 3]| {
        let mut bytes = good_answer(&update)[..4].to_vec();
        bytes.extend(zones.to_be_bytes());
        bytes.extend(counts.into_iter().flat_map(u16::to_be_bytes));
        bytes
    };
    for bytes in [
        header(2, [0; 3]),
        header(u16::MAX, [0; 3]),
        header(0, [u16::MAX; 3]),
        header(0, [0x8000, 0x8000, 0]),
    ] {
        assert_eq!(
            update.handle_answer(&bytes),
            Err(UpdateAnswerError::Malformed)
        );
    }
    for (count, outcome) in [
        (64 - 1, Ok(StatusCode::OK)),
        (64, Err(UpdateAnswerError::Malformed)),
    ] {
        let mut answer = response(&update, 0);
        let record = added("kms1.contoso.com", RData::A(A::new(192, 0, 2, 7)));
        answer.add_additionals(core::iter::repeat_n(record, count));
        let signed = sign(&update, &answer, signer(), NOW_SECS);
        let reply = update.handle_answer(&signed);
        assert_eq!(reply.map(|reply| reply.status()), outcome, "{count}");
    }
    let mut two_zones = response(&update, 0);
    two_zones.add_query(two_zones.queries[0].clone());
    let signed = sign(&update, &two_zones, signer(), NOW_SECS);
    assert_eq!(
        update.handle_answer(&signed),
        Err(UpdateAnswerError::Malformed)
    );
    let mut answer = response(&update, 0);
    let filling = UpdateReply::MAX_LEN - good_answer(&update).len() - 11;
    let filling = RData::NULL(NULL::with(vec![0; filling]));
    answer.add_additional(Record::from_rdata(Name::root(), 0, filling));
    let mut long = sign(&update, &answer, signer(), NOW_SECS);
    assert_eq!(long.len(), UpdateReply::MAX_LEN);
    assert_eq!(judged(&update, &long), (StatusCode::OK, true));
    long.push(0);
    assert_eq!(
        update.handle_answer(&long),
        Err(UpdateAnswerError::Malformed)
    );
}

#[test]
fn rfc_8945_two_signatures_or_one_that_is_not_last_are_malformed() {
    let update = update();
    let unsigned = response(&update, 0).to_vec().unwrap();
    let good = good_answer(&update);
    let signature = &good[unsigned.len()..];
    let record = {
        let mut message = response(&update, 0);
        message.add_additional(added("contoso.com", RData::A(A::new(192, 0, 2, 7))));
        message.to_vec().unwrap()[unsigned.len()..].to_vec()
    };
    for second in [signature, record.as_slice()] {
        let mut bytes = [&unsigned, signature, second].concat();
        bytes[11] = 2;
        assert_eq!(
            update.handle_answer(&bytes),
            Err(UpdateAnswerError::Malformed)
        );
    }
}

#[test]
fn rfc_8945_a_signature_outside_the_additional_section_is_malformed() {
    let update = update();
    // Header counts: zones, prerequisites, updates, additional records.
    for place in [7, 9] {
        let mut bytes = good_answer(&update);
        bytes[11] = 0;
        bytes[place] = 1;
        assert_eq!(
            update.handle_answer(&bytes),
            Err(UpdateAnswerError::Malformed)
        );
    }
}

#[test]
fn names_that_point_at_themselves_are_malformed() {
    let update = update();
    let head = [&update.bytes()[..2], &[0xa8, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for pointer in [[0xc0, 12], [0xc0, 13], [0xff, 0xff]] {
        let bytes = [&head, &pointer[..], &[0, 6, 0, 1]].concat();
        assert_eq!(
            update.handle_answer(&bytes),
            Err(UpdateAnswerError::Malformed)
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!is_accepted(&update().handle_answer(&bytes)));
    }

    #[test]
    fn edited_answers_are_refused_but_for_the_case_of_names(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let update = update();
        let request = Message::from_vec(update.bytes()).unwrap();
        let mut answer = response(&update, 0);
        answer.add_authorities(request.authorities.iter().cloned());
        let good = sign(&update, &answer, signer(), NOW_SECS);
        let mut bad = good.clone();
        for (at, byte) in edits {
            bad[at.index(good.len())] = byte;
        }
        prop_assert!(
            !is_accepted(&update.handle_answer(&bad)) || bad.eq_ignore_ascii_case(&good)
        );
    }

    #[test]
    fn bytes_behind_a_right_header_are_refused(
        flags in any::<[u8; 2]>(),
        counts in proptest::collection::vec(0_u8..4, 4),
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let update = update();
        let mut bytes = update.bytes()[..2].to_vec();
        bytes.extend(flags);
        bytes.extend(counts.into_iter().flat_map(|count| [0, count]));
        bytes.extend(rest);
        prop_assert!(!is_accepted(&update.handle_answer(&bytes)));
    }
}
