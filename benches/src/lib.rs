//! What the benches in `benches/` share: how long they measure, and a client and a host whose
//! messages are those of PROTOCOL section 6.

#![allow(
    clippy::unwrap_used,
    reason = "the input of a bench is written here and known to be good"
)]

use core::time::Duration;
use criterion::Criterion;
use kms_core::{
    ActivationId, ActivationInterval, AnswerTerms, Cmid, KeyId, LicenseStatus, Now,
    RenewalInterval, SeededEntropy, Threshold, Tick, Timestamp, ValidityInterval,
};
use kms_wire::ActivationRequest;

/// Long enough for figures that agree to a few hundredths on an idle machine, short enough that all
/// benches together take a few minutes. Options on the command line win.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
}

/// The same random bytes in each run.
#[must_use]
pub const fn entropy() -> SeededEntropy {
    SeededEntropy::new(0x6b6d_735f_6265_6e63)
}

/// 2023-11-14T22:13:20Z, an hour after the machine was started.
#[must_use]
pub const fn now() -> Now {
    Now::new(
        Tick::from_millis(3_600_000),
        Timestamp::from_millis(1_700_000_000_000),
    )
}

/// The product that is asked for.
#[must_use]
pub fn product() -> ActivationId {
    "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap()
}

/// The machine that asks.
#[must_use]
pub fn cmid() -> Cmid {
    "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap()
}

/// What it asks.
#[must_use]
pub fn request(machine_name: &str) -> ActivationRequest {
    ActivationRequest {
        minor_version: ActivationRequest::MINOR_VERSION,
        virtual_machine: true,
        license_status: LicenseStatus::OobGrace,
        minutes_remaining: 40_123,
        application_id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
        activation_id: product(),
        counted_id: "0f0e0d0c-0b0a-4909-8807-060504030201".parse().unwrap(),
        cmid: cmid(),
        previous_cmid: None,
        required_count: Threshold::new(25).unwrap(),
        request_time: now().wall,
        nonce: [0x5a; 16],
        machine_name: machine_name.parse().unwrap(),
    }
}

/// What the host with this key grants.
#[must_use]
pub fn terms(key_id: KeyId) -> AnswerTerms {
    AnswerTerms {
        count: 25,
        activation_interval: ActivationInterval::default(),
        renewal_interval: RenewalInterval::default(),
        validity: ValidityInterval::default(),
        cmid: cmid(),
        host_time: now().wall,
        key_id,
    }
}
