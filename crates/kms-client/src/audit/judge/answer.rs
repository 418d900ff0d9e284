//! What a host that was asked says of its clock, its count and the product.

use super::{CLOCK_WARNING, documented_remedy, finding};
use crate::audit::{AskFailure, Finding, FindingCode, HostAudit, probe::NOT_ACTIVATED};
use core::time::Duration;
use kms_core::StatusCode;

pub(super) fn judge(audit: &HostAudit, tolerance: Duration, found: &mut Vec<Finding>) {
    let Some(asked) = &audit.asked else {
        return;
    };
    let mut add = |finding: Finding| {
        found.push(Finding {
            addresses: vec![asked.address],
            ..finding
        });
    };
    let synchronise = "Mend the time synchronisation of the host, and of this machine; UTC counts, time zones do not.";
    match &asked.result {
        Ok(answer) => {
            let off = Duration::from_millis(answer.clock_offset.unsigned_abs());
            if off > CLOCK_WARNING {
                add(finding(
                    FindingCode::ClockOff,
                    format!(
                        "its clock is {}; clients accept up to {}",
                        offset(answer.clock_offset),
                        span(tolerance)
                    ),
                    synchronise,
                ));
            }
            if !answer.would_license() {
                add(Finding {
                    status: Some(StatusCode::VL_NOT_ENOUGH_COUNT),
                    ..finding(
                        FindingCode::CountTooLow,
                        format!(
                            "it counts {}, and the product needs {}",
                            answer.count, answer.needed
                        ),
                        documented_remedy(StatusCode::VL_NOT_ENOUGH_COUNT),
                    )
                });
            }
        }
        Err(AskFailure::Clock {
            clock_offset,
            tolerance,
        }) => add(Finding {
            status: Some(StatusCode::VL_INVALID_TIMESTAMP),
            ..finding(
                FindingCode::ClockBeyondTolerance,
                format!(
                    "its clock is {}, and clients accept no more than {}",
                    offset(*clock_offset),
                    span(*tolerance)
                ),
                synchronise,
            )
        }),
        Err(AskFailure::Refused {
            status: status @ StatusCode::VL_INVALID_TIMESTAMP,
        }) => add(Finding {
            status: Some(*status),
            ..finding(
                FindingCode::ClockBeyondTolerance,
                "it refuses, because its clock and this machine's are further apart than it tolerates",
                synchronise,
            )
        }),
        Err(AskFailure::Refused {
            status: status @ NOT_ACTIVATED,
        }) => add(Finding {
            status: Some(*status),
            ..finding(
                FindingCode::NotActivated,
                "it says that it is not activated",
                documented_remedy(*status),
            )
        }),
        Err(AskFailure::Refused {
            status: status @ StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH,
        }) => add(Finding {
            status: Some(*status),
            ..finding(
                FindingCode::NotForProduct,
                "it does not activate this product",
                documented_remedy(*status),
            )
        }),
        Err(AskFailure::NotForProduct { group }) => {
            let status = StatusCode::VL_KEY_MANAGEMENT_SERVICE_ID_MISMATCH;
            add(Finding {
                status: Some(status),
                ..finding(
                    FindingCode::NotForProduct,
                    format!("it is not certified for the product's key group, {group}"),
                    documented_remedy(status),
                )
            });
        }
        Err(AskFailure::Refused { status }) => {
            let meaning = status
                .info()
                .map_or("the protocol has no such code", |info| info.meaning);
            add(Finding {
                status: Some(*status),
                ..finding(
                    FindingCode::AskFailed,
                    format!("it refused to answer: {meaning}"),
                    documented_remedy(*status),
                )
            });
        }
        Err(AskFailure::Broken { reason }) => add(Finding {
            status: Some(StatusCode::VL_BINDING_SERVICE_UNAVAILABLE),
            ..finding(
                FindingCode::AskFailed,
                format!("it gave no answer that a client believes: {reason}"),
                "Look at the host's log, and at what stands between.",
            )
        }),
    }
}

fn offset(millis: i64) -> String {
    let by = span(Duration::from_millis(millis.unsigned_abs()));
    if millis < 0 {
        format!("{by} behind this machine's")
    } else {
        format!("{by} ahead of this machine's")
    }
}

/// As `4 h`, `10 min` or `7 min 30 s`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number != 0)
        .take(2)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        for (seconds, wanted) in [
            (0, "0 s"),
            (59, "59 s"),
            (600, "10 min"),
            (450, "7 min 30 s"),
            (4 * 3600, "4 h"),
            (100_000, "1 d 3 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), wanted);
        }
        assert_eq!(offset(-600_000), "10 min behind this machine's");
        assert_eq!(offset(600_000), "10 min ahead of this machine's");
    }
}
