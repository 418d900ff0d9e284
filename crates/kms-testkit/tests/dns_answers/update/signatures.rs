//! Answers whose signature is missing or wrong (RFC 8945). All say that the update was done.

use super::{
    BAD, Case, DONE, NOW_SECS, OTHER_SECRET, SECRET, answers, changed, right_mac, signed, success,
    tsig, with_mac, wrong,
};
use core::iter::repeat_n;
use kms_testkit::dns::fake::{ForgedMessage, ForgedRecord, Section, wire_name};

const NOTAUTH: kms_core::StatusCode = kms_core::StatusCode::DNS_NOTAUTH;

pub(super) const CASES: &[Case] = &[
    answers("control-signed-success", DONE, |asked| {
        signed(asked, success(asked))
    }),
    answers("control-key-name-in-other-case", DONE, |asked| {
        wrong(asked, |tsig| tsig.key_name = "KMS-Hosts".to_owned())
    }),
    answers("control-clock-off-by-fudge", DONE, |asked| {
        wrong(asked, |tsig| tsig.time -= 300)
    }),
    answers("unsigned-success", BAD, |asked| success(asked).into_bytes()),
    answers("signed-with-another-secret", BAD, |asked| {
        let signed = tsig(asked).sign(success(asked), &asked.mac(), OTHER_SECRET);
        signed.unwrap().into_bytes()
    }),
    answers("signed-with-an-empty-secret", BAD, |asked| {
        let signed = tsig(asked).sign(success(asked), &asked.mac(), b"");
        signed.unwrap().into_bytes()
    }),
    answers("signed-for-the-mac-of-another-request", BAD, |asked| {
        let signed = tsig(asked).sign(success(asked), &[7; 32], SECRET);
        signed.unwrap().into_bytes()
    }),
    answers("signed-for-no-request", BAD, |asked| {
        let signed = tsig(asked).sign(success(asked), &[], SECRET);
        signed.unwrap().into_bytes()
    }),
    answers("the-mac-of-the-request-given-back", BAD, |asked| {
        with_mac(asked, &asked.mac())
    }),
    answers("signed-for-another-id", BAD, |asked| {
        let other = ForgedMessage::answer_to(asked);
        let mut tsig = tsig(asked);
        tsig.original_id ^= 1;
        let mac = tsig.mac(&other, &asked.mac(), SECRET).unwrap();
        with_mac(asked, &mac)
    }),
    answers("original-id-of-another-message", BAD, |asked| {
        wrong(asked, |tsig| tsig.original_id ^= 1)
    }),
    answers("mac-of-0-bytes", BAD, |asked| with_mac(asked, &[])),
    answers("mac-of-8-bytes", BAD, |asked| {
        with_mac(asked, &right_mac(asked)[..8])
    }),
    answers("mac-of-10-bytes", BAD, |asked| {
        with_mac(asked, &right_mac(asked)[..10])
    }),
    answers("mac-of-16-bytes", BAD, |asked| {
        with_mac(asked, &right_mac(asked)[..16])
    }),
    answers("mac-of-31-bytes", BAD, |asked| {
        with_mac(asked, &right_mac(asked)[..31])
    }),
    answers("mac-of-33-bytes", BAD, |asked| {
        with_mac(asked, &[&right_mac(asked)[..], &[0]].concat())
    }),
    answers("mac-of-zeros", BAD, |asked| with_mac(asked, &[0; 32])),
    answers("mac-with-its-last-bit-changed", BAD, |asked| {
        let mut mac = right_mac(asked);
        mac[31] ^= 1;
        with_mac(asked, &mac)
    }),
    answers("mac-length-beyond-the-record", BAD, |asked| {
        changed(asked, |tsig| tsig.mac_len = Some(u16::MAX))
    }),
    answers("mac-length-that-eats-the-original-id", BAD, |asked| {
        changed(asked, |tsig| tsig.mac_len = Some(34))
    }),
    answers("algorithm-of-another-length", BAD, |asked| {
        wrong(asked, |tsig| tsig.algorithm = "hmac-sha512".to_owned())
    }),
    answers("algorithm-md5", BAD, |asked| {
        wrong(asked, |tsig| {
            tsig.algorithm = "HMAC-MD5.SIG-ALG.REG.INT".to_owned();
        })
    }),
    answers("algorithm-truncated-sha256", BAD, |asked| {
        wrong(asked, |tsig| tsig.algorithm = "hmac-sha256-128".to_owned())
    }),
    answers("algorithm-that-nobody-knows", BAD, |asked| {
        wrong(asked, |tsig| tsig.algorithm = "none".to_owned())
    }),
    answers("algorithm-the-root", BAD, |asked| {
        wrong(asked, |tsig| tsig.algorithm = String::new())
    }),
    answers("key-name-of-another-key", BAD, |asked| {
        wrong(asked, |tsig| tsig.key_name = "other-hosts".to_owned())
    }),
    answers("key-name-the-root", BAD, |asked| {
        wrong(asked, |tsig| tsig.key_name = String::new())
    }),
    answers("key-name-below-ours", BAD, |asked| {
        wrong(asked, |tsig| tsig.key_name = "a.kms-hosts".to_owned())
    }),
    answers("class-in", BAD, |asked| {
        changed(asked, |tsig| tsig.class = 1)
    }),
    answers("class-none", BAD, |asked| {
        changed(asked, |tsig| tsig.class = 254)
    }),
    answers("time-to-live-of-a-second", BAD, |asked| {
        changed(asked, |tsig| tsig.ttl = 1)
    }),
    answers("time-changed-after-signing", BAD, |asked| {
        changed(asked, |tsig| tsig.time += 1)
    }),
    answers("time-a-second-beyond-fudge", BAD, |asked| {
        wrong(asked, |tsig| tsig.time += 301)
    }),
    answers("time-an-hour-ago", BAD, |asked| {
        wrong(asked, |tsig| tsig.time -= 3600)
    }),
    answers("time-an-hour-ahead", BAD, |asked| {
        wrong(asked, |tsig| tsig.time += 3600)
    }),
    answers("time-0", BAD, |asked| wrong(asked, |tsig| tsig.time = 0)),
    answers("time-of-all-ones", BAD, |asked| {
        wrong(asked, |tsig| tsig.time = (1 << 48) - 1)
    }),
    answers("time-less-than-fudge", BAD, |asked| {
        wrong(asked, |tsig| (tsig.time, tsig.fudge) = (10, 11))
    }),
    answers("fudge-that-makes-up-for-18-hours", BAD, |asked| {
        wrong(asked, |tsig| {
            (tsig.time, tsig.fudge) = (NOW_SECS - 60_000, u16::MAX);
        })
    }),
    answers("fudge-0-and-a-second-off", BAD, |asked| {
        wrong(asked, |tsig| {
            tsig.time += 1;
            tsig.fudge = 0;
        })
    }),
    answers("fudge-changed-after-signing", BAD, |asked| {
        changed(asked, |tsig| tsig.fudge = 301)
    }),
    answers("other-data-beyond-the-record", BAD, |asked| {
        changed(asked, |tsig| tsig.other_len = Some(6))
    }),
    answers("other-data-without-a-length", BAD, |asked| {
        changed(asked, |tsig| {
            tsig.other = vec![0; 6];
            tsig.other_len = Some(0);
        })
    }),
    answers("error-changed-after-signing", NOTAUTH, |asked| {
        changed(asked, |tsig| tsig.error = 22)
    }),
    answers("tsig-before-another-record", BAD, |asked| {
        let after = ForgedRecord::new(&wire_name("a.test"), 1, &[192, 0, 2, 1]);
        let mac = right_mac(asked);
        let message = tsig(asked).append(success(asked), &mac);
        message.record(Section::Additional, &after).into_bytes()
    }),
    answers("tsig-twice", BAD, |asked| {
        let mac = right_mac(asked);
        let once = tsig(asked).append(success(asked), &mac);
        tsig(asked).append(once, &mac).into_bytes()
    }),
    answers("tsig-twice-and-each-right", BAD, |asked| {
        let once = tsig(asked).sign(success(asked), &asked.mac(), SECRET);
        signed(asked, once.unwrap())
    }),
    answers("tsig-among-the-updates", BAD, |asked| {
        let record = tsig(asked).record(&right_mac(asked));
        let message = success(asked).record(Section::Authority, &record);
        message.into_bytes()
    }),
    answers("tsig-among-the-prerequisites", BAD, |asked| {
        let record = tsig(asked).record(&right_mac(asked));
        success(asked).answer(&record).into_bytes()
    }),
    answers("tsig-without-data", BAD, |asked| {
        let record = ForgedRecord::new(&wire_name(super::KEY), 250, &[]).with_class(255);
        let message = success(asked).record(Section::Additional, &record);
        message.into_bytes()
    }),
    answers("tsig-that-is-not-counted", BAD, |asked| {
        let record = tsig(asked).record(&right_mac(asked)).to_bytes();
        success(asked).raw(&record).into_bytes()
    }),
    answers("tsig-60-times", BAD, |asked| {
        let record = tsig(asked).record(&right_mac(asked));
        let message = repeat_n(record, 60).fold(success(asked), |message, record| {
            message.record(Section::Additional, &record)
        });
        message.into_bytes()
    }),
    answers("sig0-in-place-of-tsig", BAD, |asked| {
        let record = ForgedRecord::new(&[0], 24, &[0; 40]).with_class(255);
        let message = success(asked).record(Section::Additional, &record);
        message.into_bytes()
    }),
];
