use core::{fmt::Display, str::FromStr};
use kms_srv::{
    DomainName, HostAddress, HostName, PinnedHost, PublishEntry, PublishList, Registration,
    ServiceName, TsigAlgorithm, TsigKey, Update, UpdatePlan,
};

/// Any text as each that kms-srv reads: names, addresses, a publish list, a registration, a key file.
///
/// - What is read is the same after it was printed and read again.
/// - Errors name a line that is there.
/// - What a registration prints, as records, commands and scripts, has no character by which a shell, a
///   zone file or `nsupdate` would take it for more than one line or argument.
pub fn dns_texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = again::<DomainName>(&text);
    let _ = again::<ServiceName>(&text);
    let _ = again::<HostName>(&text);
    let _ = again::<HostAddress>(&text);
    let _ = again::<PinnedHost>(&text);
    let _ = again::<TsigAlgorithm>(&text);
    check_publish_list(&text);
    check_key_file(&text);
    if let Some(registration) = again::<Registration>(&text) {
        check_registration(&registration);
    }
}

/// The value in a text, when there is one; it must be the same when it was printed and read again.
fn again<T: FromStr + Display + PartialEq + core::fmt::Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let printed = value.to_string();
    assert!(printed.is_ascii() && !printed.contains(char::is_control));
    let read = printed.parse::<T>().ok();
    assert_eq!(read.as_ref(), Some(&value), "{printed}");
    Some(value)
}

fn check_publish_list(text: &str) {
    match text.parse::<PublishList>() {
        Ok(list) => {
            let lines: Vec<String> = list.entries().iter().map(PublishEntry::to_string).collect();
            assert_eq!(lines.join("\n").parse(), Ok(list));
        }
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line())),
    }
}

fn check_key_file(text: &str) {
    match TsigKey::from_key_file(text) {
        Ok(key) => {
            again::<DomainName>(key.name().as_str());
            assert!(!key.name().is_root());
            assert_eq!(key.algorithm().name().parse(), Ok(key.algorithm()));
        }
        Err(error) => {
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&error.line()));
        }
    }
}

fn check_registration(registration: &Registration) {
    let mut lines = registration.powershell_commands();
    lines.extend(registration.dnscmd_commands());
    let fields = registration.dns_manager_fields();
    lines.extend(fields.into_iter().map(|(_, setting)| setting));
    for line in &lines {
        let harmless = |c: char| c.is_ascii_alphanumeric() || " .:_-@/\"".contains(c);
        assert!(line.chars().all(harmless), "{line}");
    }
    let records = 1 + registration.addresses().len();
    let comments = usize::from(!registration.is_host_in_zone());
    let zone_lines = registration.zone_lines();
    assert_eq!(zone_lines.len(), records + comments);
    assert!(!zone_lines.concat().contains(char::is_control));
    let plan = UpdatePlan::publish(registration, &[]).expect("one registration is in one zone");
    let script = plan.nsupdate_script(None, Some(registration.host()));
    assert_eq!(script.lines().count(), 3 + records, "{script}");
    let mut entropy = kms_core::SeededEntropy::new(1);
    let update = Update::of_plan(&plan, None, &mut entropy, kms_core::Timestamp::EPOCH);
    assert!(update.is_ok());
    assert!(registration.is_own(&registration.srv_record()));
    assert_eq!(registration.older_in(&[registration.srv_record()]), []);
}
