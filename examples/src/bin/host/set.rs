//! `host set`: the documented settings of a host, beside it.

use crate::{beside, exit};
use examples::{
    cli::{self, Ended},
    sysexits,
};
use kms_core::{ActivationInterval, RenewalInterval};
use kms_host::{StoredSettings, store::sqlite};
use std::path::Path;

#[derive(clap::Args)]
#[command(after_help = "\
Settings, with the slmgr option that does the same, which is accepted in place of the name:
  activation-interval MINUTES  15 to 43200; told to clients that are not activated     /sai
  renewal-interval MINUTES     15 to 43200; told to activated clients                  /sri
  port NUMBER                  1 to 65535; listened on from the next start             /sprt
  dns-publishing on|off        on: /sdns, off: /cdns
  priority normal|low          of the process, from the next start; normal: /spri, low: /cpri

The value `default` goes back to what the configuration file says. Unless it says otherwise, a running
host obeys within a second.

Examples:
  host --config host.toml set activation-interval 120
  host --config host.toml set /sprt 1689
  host --config host.toml set /cdns
  host --config host.toml set            # shows what is set")]
pub(crate) struct Arguments {
    /// Which; what is set is shown if it is left out.
    setting: Option<String>,
    /// To what.
    value: Option<String>,
}

pub(crate) fn set(config: Option<&Path>, arguments: &Arguments) -> Result<u8, Ended> {
    let Some(setting) = &arguments.setting else {
        let stored = beside::open(&beside::load(config)?)?
            .settings()
            .map_err(exit::with)?;
        for setting in Setting::ALL {
            cli::print(format_args!(
                "{}: {}",
                setting.name(),
                setting.shown(&stored)
            ));
        }
        return Ok(cli::DONE);
    };
    // A wrong command line is told before anything is looked at.
    let (setting, change) = parse(setting, arguments.value.as_deref())
        .map_err(|message| Ended::new(sysexits::USAGE, message))?;
    let config = beside::load(config)?;
    let stored =
        sqlite::set(&config.store.path, |stored| change.make(stored)).map_err(exit::with)?;
    cli::print(format_args!(
        "{}: {} (slmgr {}); {}",
        setting.name(),
        setting.shown(&stored),
        setting.options(),
        setting.obeyed()
    ));
    Ok(cli::DONE)
}

#[derive(Clone, Copy)]
enum Setting {
    ActivationInterval,
    RenewalInterval,
    Port,
    DnsPublishing,
    Priority,
}

/// What to set to what; nothing goes back to the configuration file.
#[derive(Clone, Copy)]
enum Change {
    ActivationInterval(Option<ActivationInterval>),
    RenewalInterval(Option<RenewalInterval>),
    Port(Option<u16>),
    DnsPublishing(Option<bool>),
    LowPriority(Option<bool>),
}

impl Change {
    const fn make(self, stored: &mut StoredSettings) {
        match self {
            Self::ActivationInterval(interval) => stored.activation_interval = interval,
            Self::RenewalInterval(interval) => stored.renewal_interval = interval,
            Self::Port(port) => stored.port = port,
            Self::DnsPublishing(on) => stored.dns_publishing = on,
            Self::LowPriority(low) => stored.low_priority = low,
        }
    }
}

impl Setting {
    const ALL: [Self; 5] = [
        Self::ActivationInterval,
        Self::RenewalInterval,
        Self::Port,
        Self::DnsPublishing,
        Self::Priority,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::ActivationInterval => "activation-interval",
            Self::RenewalInterval => "renewal-interval",
            Self::Port => "port",
            Self::DnsPublishing => "dns-publishing",
            Self::Priority => "priority",
        }
    }

    const fn options(self) -> &'static str {
        match self {
            Self::ActivationInterval => "/sai",
            Self::RenewalInterval => "/sri",
            Self::Port => "/sprt",
            Self::DnsPublishing => "/sdns, /cdns",
            Self::Priority => "/spri, /cpri",
        }
    }

    const fn obeyed(self) -> &'static str {
        match self {
            Self::ActivationInterval | Self::RenewalInterval | Self::DnsPublishing => {
                "a running host obeys within a second"
            }
            Self::Port | Self::Priority => "obeyed at the next start of the host",
        }
    }

    /// What is set.
    fn shown(self, stored: &StoredSettings) -> String {
        let minutes = |minutes| format!("{minutes} minutes");
        let text = match self {
            Self::ActivationInterval => stored.activation_interval.map(|i| minutes(i.minutes())),
            Self::RenewalInterval => stored.renewal_interval.map(|i| minutes(i.minutes())),
            Self::Port => stored.port.map(|port| port.to_string()),
            Self::DnsPublishing => stored
                .dns_publishing
                .map(|on| if on { "on" } else { "off" }.to_owned()),
            Self::Priority => stored
                .low_priority
                .map(|low| if low { "low" } else { "normal" }.to_owned()),
        };
        text.unwrap_or_else(|| "as the configuration file says".to_owned())
    }
}

fn parse(name: &str, value: Option<&str>) -> Result<(Setting, Change), String> {
    // These say what to set it to themselves.
    let (setting, value) = match (name.to_ascii_lowercase().as_str(), value) {
        ("/sdns", None) => (Setting::DnsPublishing, Some("on")),
        ("/cdns", None) => (Setting::DnsPublishing, Some("off")),
        ("/spri", None) => (Setting::Priority, Some("normal")),
        ("/cpri", None) => (Setting::Priority, Some("low")),
        ("/sdns" | "/cdns" | "/spri" | "/cpri", Some(_)) => {
            return Err(format!("{name} takes no value"));
        }
        ("/sai" | "activation-interval", value) => (Setting::ActivationInterval, value),
        ("/sri" | "renewal-interval", value) => (Setting::RenewalInterval, value),
        ("/sprt" | "port", value) => (Setting::Port, value),
        ("dns-publishing", value) => (Setting::DnsPublishing, value),
        ("priority", value) => (Setting::Priority, value),
        _ => {
            let names: Vec<&str> = Setting::ALL.iter().map(|setting| setting.name()).collect();
            return Err(format!(
                "there is no setting {name:?}; there are {}, and the options of slmgr",
                names.join(", ")
            ));
        }
    };
    let Some(value) = value else {
        return Err(format!("{name}: a value is wanted; see `host set --help`"));
    };
    change(setting, value)
        .map(|change| (setting, change))
        .map_err(|why| format!("{name} {value}: {why}"))
}

fn change(setting: Setting, value: &str) -> Result<Change, String> {
    let set = value != "default";
    Ok(match setting {
        Setting::ActivationInterval => Change::ActivationInterval(
            set.then(|| {
                ActivationInterval::from_minutes(minutes(value)?).map_err(|e| e.to_string())
            })
            .transpose()?,
        ),
        Setting::RenewalInterval => Change::RenewalInterval(
            set.then(|| RenewalInterval::from_minutes(minutes(value)?).map_err(|e| e.to_string()))
                .transpose()?,
        ),
        Setting::Port => Change::Port(set.then(|| port(value)).transpose()?),
        Setting::DnsPublishing => {
            Change::DnsPublishing(set.then(|| one_of(value, "on", "off")).transpose()?)
        }
        Setting::Priority => {
            Change::LowPriority(set.then(|| one_of(value, "low", "normal")).transpose()?)
        }
    })
}

fn minutes(value: &str) -> Result<u32, String> {
    value
        .parse()
        .map_err(|_| "no number of minutes; allowed are 15 to 43200".to_owned())
}

fn port(value: &str) -> Result<u16, String> {
    value
        .parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or_else(|| "no port; allowed are 1 to 65535".to_owned())
}

fn one_of(value: &str, yes: &str, no: &str) -> Result<bool, String> {
    if value == yes {
        Ok(true)
    } else if value == no {
        Ok(false)
    } else {
        Err(format!("wanted is {yes} or {no}"))
    }
}
