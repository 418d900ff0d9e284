//! The machines that ask: their ids and names, and what they say.

use kms_core::{Cmid, Entropy, LicenseStatus, MachineName, SeededEntropy, Timestamp};
use kms_keys::Product;
use kms_wire::ActivationRequest;

/// A machine that is about to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) cmid: Cmid,
    name: MachineName,
    /// By which it has a source of its own.
    pub(crate) number: u64,
    renews: bool,
}

/// All machines that ask: those that come again and again, and new ones without end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machines {
    template: ActivationRequest,
    known: u64,
    renewals: u8,
    // Sets the new machines of this run apart from those of any other.
    run: u64,
}

impl Machines {
    /// `known` machines that renew, which are the same in every run, and others that are new;
    /// `renewals` of 100 that ask next are known. All need `product`.
    ///
    /// `None` when the name of a machine is none, which does not happen.
    pub(crate) fn new(
        product: &Product,
        known: u64,
        renewals: u8,
        entropy: &mut impl Entropy,
    ) -> Option<Self> {
        let any = machine(0, true)?;
        Some(Self {
            template: ActivationRequest {
                minor_version: 0,
                virtual_machine: false,
                license_status: LicenseStatus::OobGrace,
                minutes_remaining: 0,
                application_id: product.application_id,
                activation_id: product.activation_id,
                counted_id: product.counted_id,
                cmid: any.cmid,
                previous_cmid: None,
                required_count: product.threshold,
                request_time: Timestamp::default(),
                nonce: [0; 16],
                machine_name: any.name,
            },
            known: known.max(1),
            renewals,
            run: entropy.next_u64(),
        })
    }

    /// The machine that asks next.
    pub(crate) fn next(&self, entropy: &mut impl Entropy) -> Option<Machine> {
        let renews = entropy.below(100) < u64::from(self.renewals);
        let number = if renews {
            entropy.below(self.known)
        } else {
            entropy.next_u64() ^ self.run
        };
        machine(number, renews)
    }

    /// What a machine asks at a time.
    pub(crate) fn request(
        &self,
        machine: &Machine,
        now: Timestamp,
        entropy: &mut impl Entropy,
    ) -> ActivationRequest {
        let (license_status, minutes_remaining) = if machine.renews {
            (LicenseStatus::Licensed, LICENSED_MINUTES)
        } else {
            (LicenseStatus::OobGrace, GRACE_MINUTES)
        };
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        ActivationRequest {
            license_status,
            minutes_remaining,
            cmid: machine.cmid,
            request_time: now,
            nonce,
            machine_name: machine.name,
            ..self.template
        }
    }
}

fn machine(number: u64, renews: bool) -> Option<Machine> {
    // A known machine and a new one of the same number are not the same machine.
    let kind = if renews { "load" } else { "new" };
    let seed = if renews { number } else { !number };
    let name = format!("{kind}-{:010x}", number & 0xff_ffff_ffff);
    Some(Machine {
        cmid: Cmid::random(&mut SeededEntropy::new(seed)),
        name: MachineName::from_bytes(name.as_bytes()).ok()?,
        number,
        renews,
    })
}

/// What a machine has left that renews half-way, as documented: 90 of 180 days.
const LICENSED_MINUTES: u32 = 90 * 24 * 60;
/// What a new machine has left: 30 days.
const GRACE_MINUTES: u32 = 30 * 24 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use kms_core::{Decode as _, Encode as _};
    use kms_keys::Catalogue;
    use std::collections::BTreeSet;

    fn machines(known: u64, renewals: u8, run: u64) -> Machines {
        let catalogue = Catalogue::builtin();
        let product = catalogue.product_named("Windows 7 Enterprise").unwrap();
        let mut entropy = SeededEntropy::new(run);
        Machines::new(product, known, renewals, &mut entropy).unwrap()
    }

    fn cmids(machines: &Machines, requests: usize) -> BTreeSet<Cmid> {
        let mut entropy = SeededEntropy::new(9);
        (0..requests)
            .map(|_| machines.next(&mut entropy).unwrap().cmid)
            .collect()
    }

    #[test]
    fn machines_that_only_renew_are_as_many_as_said_and_the_same_in_every_run() {
        let seen = cmids(&machines(50, 100, 1), 5_000);
        assert_eq!(seen.len(), 50);
        assert_eq!(seen, cmids(&machines(50, 100, 2), 5_000));
    }

    #[test]
    fn the_rest_is_new_and_new_again_in_another_run() {
        let (first, second) = (machines(50, 0, 1), machines(50, 0, 2));
        let (first, second) = (cmids(&first, 1_000), cmids(&second, 1_000));
        assert_eq!((first.len(), second.len()), (1_000, 1_000));
        assert!(first.is_disjoint(&second));
    }

    #[test]
    fn as_many_of_a_hundred_renew_as_said() {
        let mixed = machines(50, 90, 1);
        let mut entropy = SeededEntropy::new(3);
        let renewals = (0..10_000)
            .filter(|_| mixed.next(&mut entropy).unwrap().renews)
            .count();
        assert!((8_800..=9_200).contains(&renewals), "{renewals}");
    }

    #[test]
    fn what_a_machine_says_is_well_formed_and_its_own() {
        let mixed = machines(50, 50, 1);
        let mut entropy = SeededEntropy::new(3);
        for _ in 0..100 {
            let machine = mixed.next(&mut entropy).unwrap();
            let now = Timestamp::from_millis(1_700_000_000_000);
            let request = mixed.request(&machine, now, &mut entropy);
            let read = ActivationRequest::decode_all(&request.to_vec());
            assert_eq!(read, Ok(request));
            assert_eq!((request.cmid, request.request_time), (machine.cmid, now));
            let other = mixed.request(&machine, now, &mut entropy);
            assert_ne!(request.nonce, other.nonce);
        }
    }
}
