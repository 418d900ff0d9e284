//! The messages that strangers are given to send.

use crate::support::SERVER;
use kms_core::{Clock, Cmid, Encode, LicenseStatus, Threshold};
use kms_keys::{Catalogue, Product};
use kms_service::{OsEntropy, SystemClock};
use kms_wire::ActivationRequest;

/// The product whose clients the tests play.
pub(crate) fn product() -> Product {
    Catalogue::builtin().product_named(SERVER).unwrap().clone()
}

/// A request of a new machine, now.
pub(crate) fn request() -> ActivationRequest {
    let product = product();
    ActivationRequest {
        minor_version: 0,
        virtual_machine: false,
        license_status: LicenseStatus::OobGrace,
        minutes_remaining: 43_200,
        application_id: product.application_id,
        activation_id: product.activation_id,
        counted_id: product.counted_id,
        cmid: Cmid::random(&mut OsEntropy),
        previous_cmid: None,
        required_count: Threshold::new(5).unwrap(),
        request_time: SystemClock.now().wall,
        nonce: [7; 16],
        machine_name: "stranger".parse().unwrap(),
    }
}

/// A request message of this many bytes: one of a later minor version, whose bytes behind the name a
/// host passes over.
pub(crate) fn long_message(length: usize) -> Vec<u8> {
    let mut request = request();
    request.minor_version = 1;
    let mut message = request.to_vec();
    assert!(message.len() <= length);
    message.resize(length, 0);
    message
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
