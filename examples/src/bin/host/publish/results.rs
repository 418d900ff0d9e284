//! What came of it, domain by domain.

use core::{fmt, net::SocketAddr};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::StatusCode;
use kms_srv::DomainName;
use serde::Serialize;

/// What came of it in one domain.
#[derive(Serialize)]
pub(crate) struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u16>,
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary: Option<String>,
    code: String,
    symbol: Option<&'static str>,
    what_to_do: Option<&'static str>,
    #[serde(skip)]
    status: StatusCode,
}

impl Done {
    pub(crate) fn new(domain: &DomainName, status: StatusCode) -> Self {
        let known = status.info();
        Self {
            event: None,
            domain: domain.to_string(),
            zone: None,
            primary: None,
            code: format!("0x{:08X}", status.0),
            symbol: known.map(|known| known.symbol),
            what_to_do: known
                .filter(|_| !status.is_success())
                .map(|known| known.remedy),
            status,
        }
    }

    /// With the documented number of the event that tells of it.
    pub(crate) fn with_event(self, id: u16) -> Self {
        let event = Some(id);
        Self { event, ..self }
    }

    /// With the zone, and its primary, as far as they were found.
    pub(crate) fn with_place(self, zone: &DomainName, primary: Option<&SocketAddr>) -> Self {
        Self {
            zone: Some(zone.to_string()),
            primary: primary.map(ToString::to_string),
            ..self
        }
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status == StatusCode::OK
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(event) = self.event {
            write!(f, "{event} ")?;
        }
        f.write_str(&self.domain)?;
        if let Some(zone) = &self.zone {
            write!(f, ", zone {zone}")?;
        }
        if let Some(primary) = &self.primary {
            write!(f, ", primary {primary}")?;
        }
        write!(f, ": {}", self.status)?;
        if let Some(remedy) = self.what_to_do {
            write!(f, "; what to do: {remedy}")?;
        }
        Ok(())
    }
}

/// One line for each domain, or all as JSON.
pub(crate) fn print(done: &[Done], json: bool) -> Result<(), Ended> {
    if json {
        return cli::print_json(&done);
    }
    done.iter().for_each(cli::print);
    Ok(())
}

/// 0 when it worked everywhere, else that of the failure which another try mends least.
pub(crate) fn exit_code<'a>(statuses: impl IntoIterator<Item = &'a StatusCode>) -> u8 {
    let codes: Vec<u8> = statuses.into_iter().copied().map(code_of).collect();
    [
        sysexits::PERMISSION,
        sysexits::UNAVAILABLE,
        sysexits::TEMPORARY,
    ]
    .into_iter()
    .find(|code| codes.contains(code))
    .unwrap_or(cli::DONE)
}

/// The exit code of what came of it.
pub(crate) fn exit_code_of(done: &[Done]) -> u8 {
    exit_code(done.iter().map(|done| &done.status))
}

fn code_of(status: StatusCode) -> u8 {
    match status {
        StatusCode::OK => cli::DONE,
        StatusCode::DNS_REFUSED
        | StatusCode::DNS_NOTAUTH
        | StatusCode::DNS_BADSIG
        | StatusCode::DNS_BADKEY
        | StatusCode::DNS_BADTIME => sysexits::PERMISSION,
        // The last says that the store could not keep what is published.
        StatusCode::DNS_SERVER_FAILURE | StatusCode::TIMEOUT | StatusCode::BUSY => {
            sysexits::TEMPORARY
        }
        _ => sysexits::UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_try_cannot_mend_decides_the_exit_code() {
        use StatusCode as S;
        assert_eq!(exit_code(&[S::OK, S::OK]), 0);
        assert_eq!(exit_code(&[S::OK, S::TIMEOUT]), 75);
        assert_eq!(exit_code(&[S::DNS_SERVER_FAILURE, S::DNS_NOTZONE]), 69);
        assert_eq!(exit_code(&[S::DNS_BAD_PACKET, S::OK]), 69);
        for refused in [
            S::DNS_REFUSED,
            S::DNS_NOTAUTH,
            S::DNS_BADKEY,
            S::DNS_BADSIG,
            S::DNS_BADTIME,
        ] {
            assert_eq!(exit_code(&[S::TIMEOUT, refused, S::DNS_NOTZONE]), 77);
        }
    }
}
