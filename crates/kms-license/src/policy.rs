use core::time::Duration;
use kms_core::{ActivationInterval, RenewalInterval, Threshold, ValidityInterval};

/// What a product's vendor lays down about its licensing.
///
/// [`Default`] is what the documents describe for a client edition: write
/// `Policy { threshold: Threshold::new(5)?, ..Policy::default() }` for a server edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a set of values that callers make"
)]
pub struct Policy {
    /// The activation threshold: the count, the asking machine included, from which an answer
    /// activates. Default 25, the documented value of client editions; server editions have 5.
    pub threshold: Threshold,
    /// The initial (OOB) grace, from the first installation of a key and from each rearm.
    /// Default 30 days.
    pub grace: Duration,
    /// The longest that an activation may last without renewal. An answer's validity is taken, but
    /// never more than this. Default 180 days.
    pub validity: ValidityInterval,
    /// The additional (OOT) grace, after an activation ran out. Default 30 days.
    pub oot_grace: Duration,
    /// How long to wait between attempts while not activated, until a host's answer says
    /// otherwise. Default 2 hours.
    pub activation_interval: ActivationInterval,
    /// How long to wait between renewals while activated, until a host's answer says otherwise.
    /// Default 7 days.
    pub renewal_interval: RenewalInterval,
    /// How many rearms the product has in its life. Default 3.
    pub rearms: u32,
    /// Whether the product runs with reduced functionality in notification. Default no: of the
    /// documented products only the first releases did so.
    pub reduced_functionality: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            threshold: TWENTY_FIVE,
            grace: THIRTY_DAYS,
            validity: ValidityInterval::default(),
            oot_grace: THIRTY_DAYS,
            activation_interval: ActivationInterval::default(),
            renewal_interval: RenewalInterval::default(),
            rearms: 3,
            reduced_functionality: false,
        }
    }
}

const TWENTY_FIVE: Threshold = match Threshold::new(25) {
    Ok(threshold) => threshold,
    Err(_) => Threshold::MAX,
};

const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_documented_policy_of_a_client_edition() {
        let policy = Policy::default();
        assert_eq!(policy.threshold.machines(), 25);
        assert_eq!(policy.grace.as_secs(), 30 * 86_400);
        assert_eq!(policy.validity.minutes(), 180 * 1440);
        assert_eq!(policy.oot_grace.as_secs(), 30 * 86_400);
        assert_eq!(policy.activation_interval.minutes(), 120);
        assert_eq!(policy.renewal_interval.minutes(), 7 * 1440);
        assert_eq!(policy.rearms, 3);
        assert!(!policy.reduced_functionality);
    }
}
