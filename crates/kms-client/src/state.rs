//! What a client keeps between runs, in the text of its state file.

use kms_core::{ActivationId, ActivationInterval, Cmid, LicenseStatus, RenewalInterval, Timestamp};
use kms_license::{LastAnswer, SavedState};
use kms_srv::HostAddress;
use serde::{Deserialize, Serialize};

/// The content of a state file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientState {
    /// The licence.
    pub license: SavedState,
    /// The host that answered last.
    pub cached_host: Option<HostAddress>,
}

/// The text of a state file is whole and still says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StateTextError(String);

/// Times are milliseconds since the Unix epoch, intervals minutes.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    activation_id: String,
    cmid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_cmid: Option<String>,
    rearms_used: u32,
    status: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oob_grace_ends: Option<i64>,
    high_water: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_answer: Option<AnswerText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AnswerText {
    count: u32,
    activation_interval: u32,
    renewal_interval: u32,
    time: i64,
}

impl ClientState {
    /// The text that [`from_text`](Self::from_text) reads.
    ///
    /// # Errors
    /// Never for a state that a licence gave.
    pub fn to_text(&self) -> Result<String, StateTextError> {
        let license = &self.license;
        let text = Text {
            activation_id: license.activation_id.to_string(),
            cmid: license.cmid.to_string(),
            previous_cmid: license.previous_cmid.map(|cmid| cmid.to_string()),
            rearms_used: license.rearms_used,
            status: license.status.number(),
            expires: license.expires.map(Timestamp::as_millis),
            oob_grace_ends: license.oob_grace_ends.map(Timestamp::as_millis),
            high_water: license.high_water.as_millis(),
            cached_host: self.cached_host.as_ref().map(ToString::to_string),
            last_answer: license.last_answer.map(|answer| AnswerText {
                count: answer.count,
                activation_interval: answer.activation_interval.minutes(),
                renewal_interval: answer.renewal_interval.minutes(),
                time: answer.time.as_millis(),
            }),
        };
        toml::to_string(&text).map_err(|error| StateTextError(error.to_string()))
    }

    /// The state in this text.
    ///
    /// # Errors
    /// When a line is missing, unknown, or out of range.
    pub fn from_text(text: &str) -> Result<Self, StateTextError> {
        fn wrong(name: &str) -> impl FnOnce(&dyn core::fmt::Display) -> StateTextError {
            move |error| StateTextError(format!("{name}: {error}"))
        }
        let text: Text = toml::from_str(text).map_err(|error| StateTextError(error.to_string()))?;
        let cmid = |name, text: String| text.parse::<Cmid>().map_err(|error| wrong(name)(&error));
        let last_answer = match text.last_answer {
            None => None,
            Some(answer) => Some(LastAnswer {
                count: answer.count,
                activation_interval: ActivationInterval::from_minutes(answer.activation_interval)
                    .map_err(|error| wrong("last_answer")(&error))?,
                renewal_interval: RenewalInterval::from_minutes(answer.renewal_interval)
                    .map_err(|error| wrong("last_answer")(&error))?,
                time: Timestamp::from_millis(answer.time),
            }),
        };
        let license = SavedState {
            activation_id: text
                .activation_id
                .parse::<ActivationId>()
                .map_err(|error| wrong("activation_id")(&error))?,
            cmid: cmid("cmid", text.cmid)?,
            previous_cmid: text
                .previous_cmid
                .map(|text| cmid("previous_cmid", text))
                .transpose()?,
            rearms_used: text.rearms_used,
            status: LicenseStatus::try_from(text.status)
                .map_err(|error| wrong("status")(&error))?,
            expires: text.expires.map(Timestamp::from_millis),
            oob_grace_ends: text.oob_grace_ends.map(Timestamp::from_millis),
            last_answer,
            high_water: Timestamp::from_millis(text.high_water),
        };
        let cached_host = text
            .cached_host
            .map(|host| host.parse().map_err(|error| wrong("cached_host")(&error)))
            .transpose()?;
        Ok(Self {
            license,
            cached_host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ClientState {
        let time = Timestamp::from_millis(1_700_000_000_000);
        ClientState {
            license: SavedState {
                activation_id: "a1a2a3a4-b1b2-4c1c-8d1d-d1d2d3d4d5d6".parse().unwrap(),
                cmid: "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap(),
                previous_cmid: Some("10112233-4455-4677-8899-aabbccddeeff".parse().unwrap()),
                rearms_used: 1,
                status: LicenseStatus::Licensed,
                expires: Some(time),
                oob_grace_ends: Some(time),
                last_answer: Some(LastAnswer {
                    count: 26,
                    activation_interval: ActivationInterval::default(),
                    renewal_interval: RenewalInterval::default(),
                    time,
                }),
                high_water: time,
            },
            cached_host: Some("kms1.contoso.com:1689".parse().unwrap()),
        }
    }

    #[test]
    fn a_state_is_read_back_as_it_was_written() {
        let whole = state();
        assert_eq!(ClientState::from_text(&whole.to_text().unwrap()), Ok(whole));
        let mut bare = state();
        bare.cached_host = None;
        bare.license.previous_cmid = None;
        bare.license.expires = None;
        bare.license.oob_grace_ends = None;
        bare.license.last_answer = None;
        bare.license.status = LicenseStatus::Unlicensed;
        assert_eq!(ClientState::from_text(&bare.to_text().unwrap()), Ok(bare));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let text = state().to_text().unwrap();
        for (from, to, wanted) in [
            ("status = 1", "status = 7", "status: 7 is no licence status"),
            ("cmid = \"0011", "cmid = \"x011", "cmid: not an id"),
            (
                "activation_interval = 120",
                "activation_interval = 14",
                "allowed are 15 to 43200",
            ),
            ("rearms_used", "rearms", "rearms"),
        ] {
            assert!(text.contains(from), "{text}");
            let error = ClientState::from_text(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
