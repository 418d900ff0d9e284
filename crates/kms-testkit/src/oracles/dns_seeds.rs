//! What fuzzing of DNS answers and texts starts from.

type Seeds = Vec<(String, Vec<u8>)>;

/// The names of the faults that `dns_update_answer` puts into a signature, by their numbers.
const FAULTS: [&str; 12] = [
    "signed-rightly",
    "other-key",
    "other-algorithm",
    "too-late",
    "too-early",
    "other-fudge",
    "other-original-id",
    "other-class",
    "with-a-time-to-live",
    "cut-signature",
    "without-the-mac-of-the-update",
    "wrong-signature",
];

pub(super) fn dns_update_answer() -> Seeds {
    let mut seeds = Seeds::new();
    for (fault, name) in (0_u8..).zip(FAULTS) {
        seeds.push((name.to_owned(), vec![2, fault, 0, 0, 0x18, 1]));
    }
    // Choices: form, fault, error, number, 8 bytes of other data at most, response code, counts, body.
    let zone = b"\x07contoso\x04test\0\0\x06\0\x01";
    let with_zone = [&[2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &zone[..]].concat();
    seeds.push(("signed-with-the-zone".to_owned(), with_zone));
    let bad_time = [2, 0, 18, 0, 6, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 9];
    seeds.push(("bad-time-signed".to_owned(), bad_time.to_vec()));
    seeds.push(("refused-signed".to_owned(), vec![2, 0, 0, 0, 0, 0, 5]));
    let success = [&[1, 0, 0, 0xa8, 0, 0, 1, 0, 0, 0, 0, 0, 0], &zone[..]].concat();
    seeds.push(("success-unsigned".to_owned(), success.clone()));
    let mut other_id = success;
    if let Some(form) = other_id.first_mut() {
        *form = 0;
    }
    seeds.push(("success-to-another-id".to_owned(), other_id));
    let mut pointer = vec![1, 0, 0, 0xa8, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    pointer.extend([0xc0, 12, 0, 6, 0, 1]);
    seeds.push(("name-that-points-at-itself".to_owned(), pointer));
    let counts = [1, 0, 0, 0xa8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 1];
    seeds.push(("counts-beyond-the-limit".to_owned(), counts.to_vec()));
    seeds
}

pub(super) fn dns_texts() -> Seeds {
    let full = "owner=_vlmcs._tcp.east.contoso.test zone=contoso.test host=kms1.contoso.test \
                port=1700 priority=10 weight=75 ttl=60 addresses=192.0.2.7,2001:db8::7";
    let outside = full.replace("host=kms1.contoso.test", "host=KMS_1.fabrikam.test");
    let injected = full.replace("host=kms1", "host=kms1;reboot;");
    let below = full.replace("zone=", "zone=_tcp.east.");
    let long = [
        "x".repeat(63),
        "x".repeat(63),
        "x".repeat(63),
        "x".repeat(61),
    ]
    .join(".");
    [
        ("registration", full),
        ("registration-of-a-host-outside-the-zone", &outside),
        ("registration-in-a-zone-below-the-domain", &below),
        ("registration-with-a-shell-command", &injected),
        (
            "registration-without-addresses",
            &full.replace("192.0.2.7,2001:db8::7", "none"),
        ),
        (
            "publish-list",
            "contoso.test\n east.contoso.test. , 10\r\n\nwest.contoso.test,10,75\n",
        ),
        ("publish-list-with-a-domain-twice", "a, 1\nb\nA., 2"),
        (
            "key-file",
            "key \"kms1-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"AQIDBA==\";\n};\n",
        ),
        (
            "key-file-with-comments",
            "# one\n// two\n/* three\n*/ key a { secret AQID; algorithm hmac-sha512; } // end",
        ),
        ("key-file-with-an-open-quote", "key \"a\n\" {"),
        ("name", "KMS_E1.Contoso.test."),
        ("name-of-the-greatest-length", &long),
        ("root", "."),
        ("service", "_acme-activation._tcp"),
        ("address-with-a-port", "[2001:db8::7]:1688"),
        ("name-with-a-port", "kms1.contoso.test:1688"),
        ("port-alone", ":1688"),
        ("empty", ""),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
    .collect()
}
