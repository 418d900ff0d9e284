//! The judgement of answers.

use super::*;

#[test]
fn a_signed_success_is_a_success() {
    let update = update();
    let reply = update.handle_answer(&good_answer(&update)).unwrap();
    assert_eq!(
        (reply.status(), reply.is_authenticated()),
        (StatusCode::OK, true)
    );
    assert_eq!(
        reply.to_string(),
        "0x00000000 S_OK (response code 0 NOERROR, authenticated)"
    );
}

#[test]
fn a_success_that_is_not_signed_or_not_rightly_is_a_failure() {
    let update = update();
    let success = response(&update, 0);
    let other_update = {
        let registration = registration("kms1.contoso.com").with_priority_and_weight(1, 1);
        let mut entropy = SeededEntropy::new(5);
        Update::publish(&registration, &[], Some(&key()), &mut entropy, NOW).unwrap()
    };
    let truncated_mac = {
        let mut message = Message::from_vec(&good_answer(&update)).unwrap();
        message.signature.as_mut().unwrap().data.mac.truncate(16);
        message.to_vec().unwrap()
    };
    let other_key = signer_of(SECRET, Algorithm::HmacSha256, "other-key");
    let other_algorithm = signer_of(SECRET, Algorithm::HmacSha384, "kms-host-key");
    let other_secret = signer_of(&[7; 32], Algorithm::HmacSha256, "kms-host-key");
    let cases = [
        ("unsigned", success.to_vec().unwrap()),
        (
            "other secret",
            sign(&update, &success, other_secret, NOW_SECS),
        ),
        ("other key", sign(&update, &success, other_key, NOW_SECS)),
        (
            "other algorithm",
            sign(&update, &success, other_algorithm, NOW_SECS),
        ),
        (
            "to another update",
            sign(&other_update, &success, signer(), NOW_SECS),
        ),
        (
            "too early",
            sign(&update, &success, signer(), NOW_SECS - 301),
        ),
        (
            "too late",
            sign(&update, &success, signer(), NOW_SECS + 301),
        ),
        ("at the epoch", sign(&update, &success, signer(), 0)),
        ("truncated signature", truncated_mac),
    ];
    for (what, answer) in cases {
        assert_eq!(
            judged(&update, &answer),
            (StatusCode::DNS_BAD_PACKET, false),
            "{what}"
        );
    }
}

#[test]
fn refusals_have_their_documented_codes_signed_or_not() {
    let update = update();
    for (code, status) in [
        (1, StatusCode::DNS_FORMAT_ERROR),
        (2, StatusCode::DNS_SERVER_FAILURE),
        (3, StatusCode::DNS_NAME_ERROR),
        (4, StatusCode::DNS_NOT_IMPLEMENTED),
        (5, StatusCode::DNS_REFUSED),
        (6, StatusCode::DNS_YXDOMAIN),
        (7, StatusCode::DNS_YXRRSET),
        (8, StatusCode::DNS_NXRRSET),
        (9, StatusCode::DNS_NOTAUTH),
        (10, StatusCode::DNS_NOTZONE),
        (11, StatusCode::DNS_RESPONSE_CODES_BASE),
        (15, StatusCode::DNS_RESPONSE_CODES_BASE),
    ] {
        let refusal = response(&update, code);
        let unsigned = refusal.to_vec().unwrap();
        assert_eq!(judged(&update, &unsigned), (status, false), "{code}");
        let signed = sign(&update, &refusal, signer(), NOW_SECS);
        assert_eq!(judged(&update, &signed), (status, true), "{code}");
    }
    assert_eq!(StatusCode::DNS_REFUSED, StatusCode(0x8007_232D));
}

#[test]
fn a_tsig_error_says_more_than_the_response_code() {
    let update = update();
    for (error, status) in [
        (TsigError::BadSig, StatusCode(0x8007_2338)),
        (TsigError::BadKey, StatusCode(0x8007_2339)),
        (TsigError::BadTime, StatusCode(0x8007_233A)),
        (TsigError::BadTrunc, StatusCode::DNS_NOTAUTH),
        (TsigError::Unknown(99), StatusCode::DNS_NOTAUTH),
    ] {
        for code in [0, 5, 9] {
            let refusal = response(&update, code);
            let answer = with_tsig_error(&update, &refusal, error, vec![], false);
            assert_eq!(
                judged(&update, &answer),
                (status, false),
                "{error:?} {code}"
            );
        }
    }
    let answer = with_tsig_error(
        &update,
        &response(&update, 9),
        TsigError::BadSig,
        vec![],
        false,
    );
    assert_eq!(
        update.handle_answer(&answer).unwrap().to_string(),
        "0x80072338 HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADSIG) (response code 9 NOTAUTH, TSIG \
         error 16 BADSIG, not authenticated)"
    );
}

#[test]
fn rfc_8945_a_clock_too_far_off_is_told_the_servers_time() {
    let update = update();
    let refusal = response(&update, 9);
    let time = (NOW_SECS + 4000).to_be_bytes()[2..].to_vec();
    let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, time, true);
    let reply = update.handle_answer(&answer).unwrap();
    assert_eq!(reply.status(), StatusCode::DNS_BADTIME);
    assert!(reply.is_authenticated());
    let server_time = Timestamp::from_millis(1_700_004_000_000);
    assert_eq!(reply.server_time(), Some(server_time));
    for other in [vec![], vec![0xff; 5], vec![0xff; 7]] {
        let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, other, false);
        assert_eq!(update.handle_answer(&answer).unwrap().server_time(), None);
    }
}

#[test]
fn rfc_8945_clocks_may_be_apart_by_just_the_fudge() {
    let update = update();
    let success = response(&update, 0);
    for (apart, status) in [
        (-301, StatusCode::DNS_BAD_PACKET),
        (-300, StatusCode::OK),
        (300, StatusCode::OK),
        (301, StatusCode::DNS_BAD_PACKET),
    ] {
        let time = NOW_SECS.checked_add_signed(apart).unwrap();
        let answer = sign(&update, &success, signer(), time);
        assert_eq!(judged(&update, &answer).0, status, "{apart}");
    }
}

#[test]
fn rfc_8945_a_signature_that_is_empty_short_or_long_is_none() {
    let update = update();
    for len in [0, 1, 10, 16, 31, 33, 64] {
        let mut message = Message::from_vec(&good_answer(&update)).unwrap();
        message.signature.as_mut().unwrap().data.mac.resize(len, 0);
        let answer = message.to_vec().unwrap();
        assert_eq!(
            judged(&update, &answer),
            (StatusCode::DNS_BAD_PACKET, false),
            "{len}"
        );
    }
}

#[test]
fn a_servers_time_that_is_not_signed_is_told_as_such() {
    let update = update();
    let time = (NOW_SECS + 4000).to_be_bytes()[2..].to_vec();
    let refusal = response(&update, 9);
    let answer = with_tsig_error(&update, &refusal, TsigError::BadTime, time, false);
    let reply = update.handle_answer(&answer).unwrap();
    assert!(reply.server_time().is_some() && !reply.is_authenticated());
    assert_eq!(
        reply.to_string(),
        "0x8007233A HRESULT_FROM_WIN32(DNS_ERROR_RCODE_BADTIME) (response code 9 NOTAUTH, TSIG \
         error 18 BADTIME, the server's clock is 2023-11-14T23:20:00Z, not authenticated)"
    );
}

#[test]
fn rfc_8945_no_response_code_makes_an_unsigned_answer_a_success() {
    let update = update();
    for code in 0..16 {
        let unsigned = response(&update, code).to_vec().unwrap();
        let reply = update.handle_answer(&unsigned).unwrap();
        assert!(
            !reply.status().is_success() && !reply.is_authenticated(),
            "{code}"
        );
    }
}

#[test]
fn an_update_without_a_key_takes_an_answer_without_a_signature() {
    let registration = registration("kms1.contoso.com");
    let update =
        Update::publish(&registration, &[], None, &mut SeededEntropy::new(5), NOW).unwrap();
    let answer = |code| response(&update, code).to_vec().unwrap();
    assert_eq!(judged(&update, &answer(0)), (StatusCode::OK, false));
    assert_eq!(
        judged(&update, &answer(5)),
        (StatusCode::DNS_REFUSED, false)
    );
}

#[test]
fn answers_to_something_else_are_told_apart() {
    let update = update();
    let good = response(&update, 0);
    let judge = |change: &dyn Fn(&mut Message)| {
        let mut answer = good.clone();
        change(&mut answer);
        let signed = sign(&update, &answer, signer(), NOW_SECS);
        update.handle_answer(&signed).unwrap_err()
    };
    let other = UpdateAnswerError::OtherMessage;
    assert_eq!(judge(&|answer| answer.metadata.id ^= 1), other);
    assert_eq!(
        judge(&|answer| answer.metadata.message_type = MessageType::Query),
        other
    );
    assert_eq!(
        judge(&|answer| answer.metadata.op_code = OpCode::Query),
        other
    );
    assert_eq!(
        judge(&|answer| {
            answer.queries[0].set_name(dns("fabrikam.com"));
        }),
        other
    );
    assert_eq!(
        judge(&|answer| answer.metadata.truncation = true),
        UpdateAnswerError::Truncated
    );
}

#[test]
fn an_answer_may_leave_the_zone_out_or_repeat_the_update() {
    let update = update();
    let mut answer = response(&update, 0);
    answer.queries.clear();
    let signed = sign(&update, &answer, signer(), NOW_SECS);
    assert_eq!(judged(&update, &signed), (StatusCode::OK, true));
    let request = Message::from_vec(update.bytes()).unwrap();
    let mut answer = response(&update, 0);
    answer.add_authorities(request.authorities.iter().cloned());
    let signed = sign(&update, &answer, signer(), NOW_SECS);
    assert_eq!(judged(&update, &signed), (StatusCode::OK, true));
}
