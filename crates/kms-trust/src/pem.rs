use alloc::{string::String, vec::Vec};
use der::pem;

/// What is wrong with a text that should hold certificates in PEM (RFC 7468).
///
/// Blocks are counted from 1. No content of the text is repeated: it may hold a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is no block at all.
    #[error("the text holds no PEM block: a certificate begins with -----BEGIN CERTIFICATE-----")]
    Empty,
    /// There are more blocks than can be of use.
    #[error("the text holds more than {limit} PEM blocks")]
    #[non_exhaustive]
    TooMany {
        /// How many may be there.
        limit: usize,
    },
    /// A block is something else, as a key.
    #[error("PEM block {block} (line {line}) is not a certificate: leave it out")]
    #[non_exhaustive]
    NotCertificate {
        /// Which block.
        block: usize,
        /// The line it begins on.
        line: usize,
    },
    /// A block has no end, or its content is not base64.
    #[error("PEM block {block} (line {line}) is damaged: {reason}")]
    #[non_exhaustive]
    Damaged {
        /// Which block.
        block: usize,
        /// The line it begins on.
        line: usize,
        /// In which way.
        reason: &'static str,
    },
}

const CERTIFICATE: &str = "CERTIFICATE";

/// Reads all blocks of `text`, which must be certificates; other text may stand around them.
pub(crate) fn decode_certificates(text: &str, limit: usize) -> Result<Vec<Vec<u8>>, PemError> {
    let mut certificates = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1_usize..).zip(text.lines()) {
        let block = certificates.len() + 1;
        if line.starts_with("-----BEGIN ") {
            if let Some((line, _)) = open {
                let reason = "another block begins before it ends";
                return Err(PemError::Damaged {
                    block,
                    line,
                    reason,
                });
            }
            if block > limit {
                return Err(PemError::TooMany { limit });
            }
            open = Some((number, String::new()));
        }
        let Some((begin, content)) = open.as_mut() else {
            continue;
        };
        content.push_str(line.trim_end());
        content.push('\n');
        if line.starts_with("-----END ") {
            certificates.push(decode_certificate(content, block, *begin)?);
            open = None;
        }
    }
    match open {
        Some((line, _)) => Err(PemError::Damaged {
            block: certificates.len() + 1,
            line,
            reason: "it has no end",
        }),
        None if certificates.is_empty() => Err(PemError::Empty),
        None => Ok(certificates),
    }
}

fn decode_certificate(content: &str, block: usize, line: usize) -> Result<Vec<u8>, PemError> {
    match pem::decode_label(content.as_bytes()) {
        Ok(CERTIFICATE) => {}
        Ok(_) => return Err(PemError::NotCertificate { block, line }),
        Err(_) => {
            let reason = "its first or last line is malformed";
            return Err(PemError::Damaged {
                block,
                line,
                reason,
            });
        }
    }
    pem::decode_vec(content.as_bytes())
        .map(|(_, der)| der)
        .map_err(|_| PemError::Damaged {
            block,
            line,
            reason: "its content is not base64 in lines of 64 characters",
        })
}

/// Writes one certificate.
#[cfg(feature = "issue")]
pub(crate) fn encode_certificate(der: &[u8]) -> String {
    // INVARIANT: it fails only beyond the address space, and a certificate has a bounded size.
    pem::encode_string(CERTIFICATE, pem::LineEnding::LF, der).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec};

    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_read_in_their_order_with_text_around_them() {
        let other = BLOCK.replace("AQID", "BAU=");
        let text = format!("subject=CN = root\n{BLOCK}\n# two\r\n{other}trailing");
        let read = decode_certificates(&text, 4);
        assert_eq!(read, Ok(vec![vec![1, 2, 3], vec![4, 5]]));
        let text = BLOCK.replace('\n', "\r\n");
        assert_eq!(decode_certificates(&text, 4), Ok(vec![vec![1, 2, 3]]));
    }

    #[test]
    fn errors_name_the_block_and_its_line() {
        let key = BLOCK.replace("CERTIFICATE", "PRIVATE KEY");
        let cases = [
            (String::new(), "the text holds no PEM block"),
            (
                format!("{BLOCK}{key}"),
                "PEM block 2 (line 4) is not a certificate",
            ),
            (
                format!("{BLOCK}\n{}", BLOCK.replace("AQID", "A!ID")),
                "PEM block 2 (line 5) is damaged: its content",
            ),
            (
                format!("{BLOCK}-----BEGIN CERTIFICATE-----\nAQID\n"),
                "PEM block 2 (line 4) is damaged: it has no end",
            ),
            (
                format!("-----BEGIN CERTIFICATE-----\n{BLOCK}"),
                "PEM block 1 (line 1) is damaged: another block begins",
            ),
            (
                BLOCK.replace("END CERT", "END XERT"),
                "PEM block 1 (line 1) is damaged: its first or last line",
            ),
            (BLOCK.repeat(5), "the text holds more than 4 PEM blocks"),
        ];
        for (text, expected) in cases {
            let error = decode_certificates(&text, 4).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn no_truncation_panics_or_yields_a_certificate() {
        for len in 0..BLOCK.len() - 6 {
            let text = BLOCK.get(..len).unwrap();
            assert!(decode_certificates(text, 4).is_err(), "{len}");
        }
    }
}
