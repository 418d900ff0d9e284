//! What survives a restart, and which saved states are refused.

use crate::common::{DAY, FakeAnswer, Machine, days};
use kms_core::{LicenseStatus, ValidityInterval};
use kms_license::{License, Policy, RestoreError};

#[test]
fn a_restart_keeps_the_licence() {
    let mut machine = Machine::licensed(Policy::default());
    let now = machine.now;
    machine.license.rearm(now, &mut machine.entropy).unwrap();
    machine.answer(31).unwrap();
    machine.events();
    let saved = machine.license.save(machine.now);
    let (cmid, previous) = (machine.license.cmid(), machine.license.previous_cmid());
    machine.restart(DAY);
    assert_eq!(machine.status(), LicenseStatus::Licensed);
    assert_eq!(machine.minutes(), days(179));
    assert_eq!(
        (machine.license.cmid(), machine.license.previous_cmid()),
        (cmid, previous)
    );
    assert_eq!(machine.license.last_count(), Some(31));
    assert_eq!(machine.license.rearms_left(), 2);
    let again = machine.license.save(machine.now);
    assert_eq!(again.expires, saved.expires);
    assert_eq!(again.high_water, machine.now.wall);
}

#[test]
fn a_tightened_policy_takes_effect_at_the_next_start() {
    let machine = Machine::licensed(Policy::default());
    let saved = machine.license.save(machine.now);
    let policy = Policy {
        validity: ValidityInterval::from_minutes(days(10)).unwrap(),
        rearms: 0,
        ..Policy::default()
    };
    let license = License::<FakeAnswer>::restore(policy, saved, machine.now).unwrap();
    assert_eq!(license.minutes_remaining(machine.now), days(10));
    assert_eq!(license.rearms_left(), 0);
}

#[test]
fn a_saved_state_that_contradicts_itself_is_refused() {
    let machine = Machine::licensed(Policy::default());
    let good = machine.license.save(machine.now);
    let restore =
        |saved| License::<FakeAnswer>::restore(Policy::default(), saved, machine.now).map(drop);
    assert_eq!(restore(good), Ok(()));
    for status in LicenseStatus::ALL {
        let mut saved = good;
        saved.status = status;
        saved.expires = None;
        let expired = restore(saved);
        saved.expires = good.expires;
        saved.last_answer = None;
        let unanswered = restore(saved);
        let wanted = match status {
            LicenseStatus::Unlicensed | LicenseStatus::Notification => {
                (Ok(()), Err(RestoreError::NeedlessExpiry { status }))
            }
            LicenseStatus::OobGrace => (Err(RestoreError::NoExpiry { status }), Ok(())),
            LicenseStatus::Licensed | LicenseStatus::OotGrace => (
                Err(RestoreError::NoExpiry { status }),
                Err(RestoreError::NoAnswer { status }),
            ),
            LicenseStatus::NonGenuineGrace | LicenseStatus::ExtendedGrace => {
                let error = Err(RestoreError::UnknownStatus { status });
                (error, error)
            }
        };
        assert_eq!((expired, unanswered), wanted, "{status}");
    }
    let mut saved = good;
    saved.previous_cmid = Some(good.cmid);
    let error = restore(saved).unwrap_err();
    assert_eq!(error, RestoreError::SameCmid { cmid: good.cmid });
    assert!(error.to_string().contains(&good.cmid.to_string()));
}
