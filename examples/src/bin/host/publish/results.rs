//! What came of it, domain by domain.

use core::fmt;
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::StatusCode;
use kms_srv::DomainName;
use serde::Serialize;

/// What came of it in one domain.
#[derive(Serialize)]
pub(super) struct Done {
    event: u16,
    domain: String,
    code: String,
    symbol: Option<&'static str>,
    what_to_do: Option<&'static str>,
    #[serde(skip)]
    status: StatusCode,
}

impl Done {
    pub(super) fn new(event: u16, domain: &DomainName, code: StatusCode) -> Self {
        let known = code.info();
        Self {
            event,
            domain: domain.to_string(),
            code: format!("0x{:08X}", code.0),
            symbol: known.map(|known| known.symbol),
            what_to_do: known
                .filter(|_| !code.is_success())
                .map(|known| known.remedy),
            status: code,
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event,
            domain,
            status,
            ..
        } = self;
        write!(f, "{event} {domain}: {status}")?;
        if let Some(remedy) = self.what_to_do {
            write!(f, "; what to do: {remedy}")?;
        }
        Ok(())
    }
}

/// One line for each domain, or all as JSON.
pub(super) fn print(done: &[Done], json: bool) -> Result<(), Ended> {
    if json {
        return cli::print_json(&done);
    }
    done.iter().for_each(cli::print);
    Ok(())
}

/// 0 when it worked everywhere, else that of the failure which people must mend soonest.
pub(super) fn exit_code(done: &[Done]) -> u8 {
    let codes: Vec<u8> = done.iter().map(|done| code_of(done.status)).collect();
    [
        sysexits::PERMISSION,
        sysexits::UNAVAILABLE,
        sysexits::TEMPORARY,
    ]
    .into_iter()
    .find(|code| codes.contains(code))
    .unwrap_or(cli::DONE)
}

fn code_of(status: StatusCode) -> u8 {
    match status {
        StatusCode::OK => cli::DONE,
        StatusCode::DNS_REFUSED
        | StatusCode::DNS_NOTAUTH
        | StatusCode::DNS_BADSIG
        | StatusCode::DNS_BADKEY
        | StatusCode::DNS_BADTIME => sysexits::PERMISSION,
        StatusCode::DNS_SERVER_FAILURE | StatusCode::TIMEOUT => sysexits::TEMPORARY,
        _ => sysexits::UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(statuses: &[StatusCode]) -> u8 {
        let domain: DomainName = "contoso.test".parse().unwrap();
        let done: Vec<Done> = statuses
            .iter()
            .map(|&status| Done::new(12293, &domain, status))
            .collect();
        exit_code(&done)
    }

    #[test]
    fn what_another_try_cannot_mend_decides_the_exit_code() {
        use StatusCode as S;
        assert_eq!(code(&[S::OK, S::OK]), 0);
        assert_eq!(code(&[S::OK, S::TIMEOUT]), 75);
        assert_eq!(code(&[S::DNS_SERVER_FAILURE, S::DNS_NOTZONE]), 69);
        assert_eq!(code(&[S::DNS_BAD_PACKET, S::OK]), 69);
        for refused in [S::DNS_REFUSED, S::DNS_BADKEY, S::DNS_BADSIG, S::DNS_BADTIME] {
            assert_eq!(code(&[S::TIMEOUT, refused, S::DNS_NOTZONE]), 77);
        }
    }
}
