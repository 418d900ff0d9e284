//! "Key Management Server details": what a Server B key activates.

use super::report::{Report, play};
use std::sync::OnceLock;

const HOST: &str = "kms1.contoso.test";
const MISMATCH: &str = "0xC004F042 SL_E_VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH";
const DATACENTER: &str = "Windows Server 2008 R2 Datacenter";

fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| play(&["--scenario", "mixed-groups"]))
}

#[test]
fn key_management_server_details_a_server_b_key_refuses_datacenter_alone() {
    for attempt in &report().attempts {
        let refused = attempt.code == MISMATCH;
        assert_eq!(refused, attempt.product == DATACENTER, "{attempt:?}");
        assert!(!refused || attempt.count.is_none(), "{attempt:?}");
    }
    for machine in &report().machines {
        let status = match machine.product.as_str() {
            DATACENTER => "Initial grace period",
            _ => "Licensed",
        };
        assert_eq!(machine.status, status, "{machine:?}");
    }
    let products: std::collections::BTreeSet<&str> = report()
        .machines
        .iter()
        .map(|machine| &*machine.product)
        .collect();
    for product in [
        "Windows 7 Enterprise",
        "Windows Web Server 2008 R2",
        "Windows Server 2008 R2 Standard",
        "Windows Server 2008 Standard",
        DATACENTER,
    ] {
        assert!(products.contains(product), "{product}");
    }
}

#[test]
fn key_management_server_details_what_is_refused_is_failed_and_does_not_count() {
    let refused = report()
        .attempts
        .iter()
        .filter(|a| a.code == MISMATCH)
        .count();
    let counted = report()
        .machines
        .iter()
        .filter(|m| m.product != DATACENTER)
        .count();
    let host = report().host(HOST);
    assert_eq!(host.failed, refused);
    assert_eq!(usize::try_from(host.counts["Windows"]), Ok(counted));
    let logged = report().events_of(HOST, 12290);
    let logged = logged
        .iter()
        .filter(|text| text.starts_with("0xC004F042, "))
        .count();
    assert_eq!(logged, refused);
}
