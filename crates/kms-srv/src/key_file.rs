use crate::{DomainName, TsigKey, TsigKeyError};
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// What is wrong with a key file, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key file, line {line}: {kind}")]
pub struct KeyFileError {
    line: usize,
    kind: KeyFileErrorKind,
}

/// What is wrong with a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileErrorKind {
    /// Something else stands where this is wanted.
    #[error(
        "{0} is expected here; a key file reads: \
         key \"name\" {{ algorithm hmac-sha256; secret \"base64\"; }};"
    )]
    Expected(&'static str),
    /// A quoted text does not end on its line.
    #[error("a quoted text does not end")]
    OpenQuote,
    /// A comment does not end.
    #[error("a comment does not end")]
    OpenComment,
    /// A statement stands twice.
    #[error("{0} stands twice")]
    Repeated(&'static str),
    /// A statement is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something follows the key.
    #[error("something follows the key; a file holds one key")]
    Trailing,
    /// The key itself.
    #[error("{0}")]
    Key(#[from] TsigKeyError),
}

impl KeyFileError {
    /// The line, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> KeyFileErrorKind {
        self.kind
    }
}

pub(crate) fn read(text: &str) -> Result<TsigKey, KeyFileError> {
    KeyFile {
        rest: text,
        line: 1,
    }
    .key()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Text(&'a str),
    Open,
    Close,
    Semicolon,
    End,
}

struct KeyFile<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> KeyFile<'a> {
    fn key(mut self) -> Result<TsigKey, KeyFileError> {
        if self.token()? != Token::Text("key") {
            return Err(self.fail(KeyFileErrorKind::Expected("\"key\"")));
        }
        let name = self.text("the key's name")?;
        let name: DomainName = self.checked(name.parse().map_err(TsigKeyError::Name))?;
        self.expect(Token::Open, "{")?;
        let (mut algorithm, mut secret) = (None, None);
        loop {
            match self.token()? {
                Token::Close => break,
                Token::Text("algorithm") => {
                    let text = self.text("an algorithm")?;
                    let parsed = self.checked(text.parse().map_err(TsigKeyError::Algorithm))?;
                    self.set(&mut algorithm, parsed, "algorithm")?;
                }
                Token::Text("secret") => {
                    let text = self.text("a secret")?;
                    let decoded = BASE64.decode(text.as_bytes());
                    let decoded = self.checked(decoded.map_err(|_| TsigKeyError::Secret))?;
                    self.set(&mut secret, Zeroizing::new(decoded), "secret")?;
                }
                Token::Text(_) | Token::Open | Token::Semicolon | Token::End => {
                    let wanted = "\"algorithm\", \"secret\" or }";
                    return Err(self.fail(KeyFileErrorKind::Expected(wanted)));
                }
            }
            self.expect(Token::Semicolon, ";")?;
        }
        let algorithm = algorithm.ok_or_else(|| self.fail(missing("algorithm")))?;
        let mut secret = secret.ok_or_else(|| self.fail(missing("secret")))?;
        let key = TsigKey::new(name, algorithm, core::mem::take(&mut *secret));
        let key = self.checked(key)?;
        // BIND wants the last semicolon; who copied the block without it is understood all the same.
        match self.token()? {
            Token::End => return Ok(key),
            Token::Semicolon => {}
            Token::Text(_) | Token::Open | Token::Close => {
                return Err(self.fail(KeyFileErrorKind::Trailing));
            }
        }
        match self.token()? {
            Token::End => Ok(key),
            Token::Text(_) | Token::Open | Token::Close | Token::Semicolon => {
                Err(self.fail(KeyFileErrorKind::Trailing))
            }
        }
    }

    fn token(&mut self) -> Result<Token<'a>, KeyFileError> {
        self.skip_blank()?;
        let mut chars = self.rest.chars();
        let token = match chars.next() {
            None => return Ok(Token::End),
            Some('{') => Token::Open,
            Some('}') => Token::Close,
            Some(';') => Token::Semicolon,
            Some('"') => {
                let (text, rest) = chars
                    .as_str()
                    .split_once('"')
                    .filter(|(text, _)| !text.contains('\n'))
                    .ok_or_else(|| self.fail(KeyFileErrorKind::OpenQuote))?;
                self.rest = rest;
                return Ok(Token::Text(text));
            }
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || "{};\"".contains(c);
                let end = self.rest.find(ends).unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Ok(Token::Text(text));
            }
        };
        self.rest = chars.as_str();
        Ok(token)
    }

    /// Passes over white space and comments, and counts the lines.
    fn skip_blank(&mut self) -> Result<(), KeyFileError> {
        loop {
            self.pass_to(self.rest.trim_start());
            if self.rest.starts_with('#') || self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.pass_to(self.rest.split_at(end).1);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let (_, rest) = comment
                    .split_once("*/")
                    .ok_or_else(|| self.fail(KeyFileErrorKind::OpenComment))?;
                self.pass_to(rest);
            } else {
                return Ok(());
            }
        }
    }

    fn pass_to(&mut self, rest: &'a str) {
        let passed = self.rest.len() - rest.len();
        let passed = self.rest.bytes().take(passed);
        self.line += passed.filter(|&byte| byte == b'\n').count();
        self.rest = rest;
    }

    fn text(&mut self, wanted: &'static str) -> Result<&'a str, KeyFileError> {
        match self.token()? {
            Token::Text(text) => Ok(text),
            Token::Open | Token::Close | Token::Semicolon | Token::End => {
                Err(self.fail(KeyFileErrorKind::Expected(wanted)))
            }
        }
    }

    fn expect(&mut self, token: Token<'_>, wanted: &'static str) -> Result<(), KeyFileError> {
        if self.token()? == token {
            Ok(())
        } else {
            Err(self.fail(KeyFileErrorKind::Expected(wanted)))
        }
    }

    fn set<T>(
        &self,
        place: &mut Option<T>,
        value: T,
        what: &'static str,
    ) -> Result<(), KeyFileError> {
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.fail(KeyFileErrorKind::Repeated(what))),
        }
    }

    fn checked<T>(&self, result: Result<T, TsigKeyError>) -> Result<T, KeyFileError> {
        result.map_err(|error| self.fail(KeyFileErrorKind::Key(error)))
    }

    const fn fail(&self, kind: KeyFileErrorKind) -> KeyFileError {
        KeyFileError {
            line: self.line,
            kind,
        }
    }
}

const fn missing(what: &'static str) -> KeyFileErrorKind {
    KeyFileErrorKind::Missing(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DomainNameError, TsigAlgorithm, TsigAlgorithmError};
    use alloc::{
        format,
        string::{String, ToString},
    };
    use proptest::prelude::{any, prop_assert, proptest};

    fn refused(text: &str) -> (usize, KeyFileErrorKind) {
        let error = TsigKey::from_key_file(text).unwrap_err();
        (error.line(), error.kind())
    }

    #[test]
    fn a_key_file_of_tsig_keygen_is_read() {
        let text = "key \"kms-host-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"AQIDBA==\";\n};\n";
        let key = TsigKey::from_key_file(text).unwrap();
        assert_eq!(key.name().as_str(), "kms-host-key");
        assert_eq!(key.algorithm(), TsigAlgorithm::HmacSha256);
        assert_eq!(key.secret(), [1, 2, 3, 4]);
    }

    #[test]
    fn comments_order_and_quotes_are_free_as_in_named_conf() {
        let text = "# one\n// two\n/* three\n*/ key kms.contoso.com { secret //8=;\
                    algorithm \"HMAC-SHA512\"; /**/ } // end";
        let key = TsigKey::from_key_file(&text.replace("secret //8=", "secret \"//8=\"")).unwrap();
        assert_eq!(key.secret(), [0xff, 0xff]);
        assert_eq!(key.algorithm(), TsigAlgorithm::HmacSha512);
    }

    #[test]
    fn faulty_key_files_are_refused_with_the_line() {
        use KeyFileErrorKind::{
            Expected, Key, Missing, OpenComment, OpenQuote, Repeated, Trailing,
        };
        let good = "key a { algorithm hmac-sha384; secret AQID; };";
        assert!(TsigKey::from_key_file(good).is_ok());
        let wanted = "\"algorithm\", \"secret\" or }";
        for (text, expected) in [
            (String::new(), (1, Expected("\"key\""))),
            ("AQIDBA==".into(), (1, Expected("\"key\""))),
            ("key {".into(), (1, Expected("the key's name"))),
            ("key a\n;".into(), (2, Expected("{"))),
            ("key a {\nserver b; }".into(), (2, Expected(wanted))),
            ("key a { algorithm hmac-sha256 }".into(), (1, Expected(";"))),
            ("key a { secret ; }".into(), (1, Expected("a secret"))),
            ("key a {".into(), (1, Expected(wanted))),
            ("key \"a\n\" {".into(), (1, OpenQuote)),
            ("\n/* key".into(), (2, OpenComment)),
            (
                "key a { secret AQID;\nsecret AQID; }".into(),
                (2, Repeated("secret")),
            ),
            ("key a { secret AQID; }".into(), (1, Missing("algorithm"))),
            (
                "key a { algorithm hmac-sha256; };".into(),
                (1, Missing("secret")),
            ),
            (format!("{good}\n{good}"), (2, Trailing)),
            (good.replace("};", "}}"), (1, Trailing)),
            (good.replace("AQID", "A!ID"), (1, Key(TsigKeyError::Secret))),
            (
                good.replace("AQID", "\"\""),
                (1, Key(TsigKeyError::EmptySecret)),
            ),
            (good.replace(" a ", " . "), (1, Key(TsigKeyError::NoName))),
            (
                good.replace("sha384", "md5"),
                (1, Key(TsigKeyError::Algorithm(TsigAlgorithmError))),
            ),
            (
                good.replace(" a ", " -a "),
                (1, Key(TsigKeyError::Name(DomainNameError::Hyphen(0)))),
            ),
        ] {
            assert_eq!(refused(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn neither_a_key_nor_an_error_prints_the_secret() {
        let text = "key a { algorithm hmac-sha256; secret c2VjcmV0; };";
        let key = TsigKey::from_key_file(text).unwrap();
        assert_eq!(format!("{key:?}"), "TsigKey(a, hmac-sha256, secret)");
        let error = TsigKey::from_key_file(&text.replace("c2V", "c2V!")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c2V"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error_inside_it(text in any::<String>()) {
            check_text(&text)?;
        }

        #[test]
        fn text_of_key_file_pieces_is_too(
            text in r#"((key|algorithm|secret|hmac-sha256|[a=/]|"|\{|\}|;|/\*|\*/|#|\n| ) ?){0,30}"#
        ) {
            check_text(&text)?;
        }
    }

    fn check_text(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
        if let Err(error) = TsigKey::from_key_file(text) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line()));
            prop_assert!(error.to_string().starts_with("key file, line "));
        }
        Ok(())
    }
}
