use crate::{DomainName, Registration};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

// Names have letters, digits, dots, hyphens and underscores alone, and no label begins with a hyphen,
// so none of these texts needs quotes in a shell. They are quoted for PowerShell as its manual does.
impl Registration {
    /// The SRV record as the form of DNS Manager asks for it (deployment guide, Table 2), field and
    /// setting, with the zone and the domain to open the form in.
    #[must_use]
    pub fn dns_manager_fields(&self) -> Vec<(&'static str, String)> {
        let srv = self.srv_record();
        let mut labels = self.owner().labels();
        let mut label = || labels.next().unwrap_or_default().to_string();
        let (service, protocol) = (label(), label());
        let domain: Vec<&str> = self.owner().labels().skip(2).collect();
        Vec::from([
            ("Forward lookup zone", self.zone().to_string()),
            ("Domain", domain.join(".")),
            ("Service", service),
            ("Protocol", protocol),
            ("Priority", srv.priority.to_string()),
            ("Weight", srv.weight.to_string()),
            ("Port number", srv.port.to_string()),
            ("Host offering this service", format!("{}.", srv.target)),
        ])
    }

    /// The commands for PowerShell that add the records to a Microsoft DNS server.
    #[must_use]
    pub fn powershell_commands(&self) -> Vec<String> {
        let (zone, srv) = (self.zone(), self.srv_record());
        let ttl = time_span(self.ttl().as_secs());
        let mut commands = Vec::from([format!(
            "Add-DnsServerResourceRecord -Srv -ZoneName \"{zone}\" -Name \"{}\" -DomainName \"{}.\" \
             -Priority {} -Weight {} -Port {} -TimeToLive {ttl}",
            node(self.owner(), zone),
            srv.target,
            srv.priority,
            srv.weight,
            srv.port
        )]);
        commands.extend(self.addresses().iter().map(|address| {
            let (kind, version) = match address {
                IpAddr::V4(_) => ("A", 4),
                IpAddr::V6(_) => ("AAAA", 6),
            };
            format!(
                "Add-DnsServerResourceRecord{kind} -ZoneName \"{zone}\" -Name \"{}\" \
                 -IPv{version}Address \"{address}\" -TimeToLive {ttl}",
                node(self.host(), zone)
            )
        }));
        commands
    }

    /// The commands for the command prompt that do the same, to be run on the DNS server.
    #[must_use]
    pub fn dnscmd_commands(&self) -> Vec<String> {
        let (zone, ttl) = (self.zone(), self.ttl().as_secs());
        crate::own_record::OwnRecord::all(self)
            .iter()
            .map(|record| {
                let node = node(record.owner(), zone);
                format!("dnscmd /RecordAdd {zone} {node} {ttl} {record}")
            })
            .collect()
    }
}

/// A name as it stands in its zone: without the zone's name, and `@` for the zone itself.
fn node(name: &DomainName, zone: &DomainName) -> String {
    let below = name.labels().count().saturating_sub(zone.labels().count());
    let labels: Vec<&str> = name.labels().take(below).collect();
    if labels.is_empty() {
        String::from("@")
    } else {
        labels.join(".")
    }
}

/// Seconds in the form of .NET: `[days.]hours:minutes:seconds`.
fn time_span(seconds: u32) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let days = if days == 0 {
        String::new()
    } else {
        format!("{days}.")
    };
    format!(
        "{days}{hours:02}:{:02}:{:02}",
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ServiceName, Ttl};

    fn name(text: &str) -> DomainName {
        text.parse().unwrap()
    }

    fn registration() -> Registration {
        let service = ServiceName::default();
        let addresses: [IpAddr; 2] = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().unwrap());
        Registration::new(
            &service,
            &name("east.contoso.com"),
            name("kms1.contoso.com"),
        )
        .and_then(|registration| registration.with_zone(name("contoso.com")))
        .and_then(|registration| registration.with_addresses(addresses))
        .unwrap()
        .with_priority_and_weight(10, 75)
    }

    #[test]
    fn deploy_kms_table_2_has_the_fields_of_dns_manager() {
        let fields = registration().dns_manager_fields();
        let fields: Vec<String> = fields
            .iter()
            .map(|(field, setting)| format!("{field}: {setting}"))
            .collect();
        assert_eq!(
            fields,
            [
                "Forward lookup zone: contoso.com",
                "Domain: east.contoso.com",
                "Service: _vlmcs",
                "Protocol: _tcp",
                "Priority: 10",
                "Weight: 75",
                "Port number: 1688",
                "Host offering this service: kms1.contoso.com.",
            ]
        );
    }

    #[test]
    fn commands_for_powershell_name_the_zone_and_the_node_in_it() {
        let registration = registration().with_ttl(Ttl::from_secs(90_061).unwrap());
        assert_eq!(
            registration.powershell_commands(),
            [
                "Add-DnsServerResourceRecord -Srv -ZoneName \"contoso.com\" -Name \
                 \"_vlmcs._tcp.east\" -DomainName \"kms1.contoso.com.\" -Priority 10 -Weight 75 \
                 -Port 1688 -TimeToLive 1.01:01:01",
                "Add-DnsServerResourceRecordA -ZoneName \"contoso.com\" -Name \"kms1\" -IPv4Address \
                 \"192.0.2.7\" -TimeToLive 1.01:01:01",
                "Add-DnsServerResourceRecordAAAA -ZoneName \"contoso.com\" -Name \"kms1\" \
                 -IPv6Address \"2001:db8::7\" -TimeToLive 1.01:01:01",
            ]
        );
    }

    #[test]
    fn commands_for_the_command_prompt_add_the_same_records() {
        assert_eq!(
            registration().dnscmd_commands(),
            [
                "dnscmd /RecordAdd contoso.com _vlmcs._tcp.east 3600 SRV 10 75 1688 kms1.contoso.com.",
                "dnscmd /RecordAdd contoso.com kms1 3600 A 192.0.2.7",
                "dnscmd /RecordAdd contoso.com kms1 3600 AAAA 2001:db8::7",
            ]
        );
    }

    #[test]
    fn a_name_that_is_the_zone_is_an_at_sign() {
        let zone = name("_vlmcs._tcp.east.contoso.com");
        let apex = registration().with_zone(zone).unwrap();
        assert_eq!(
            apex.dnscmd_commands(),
            [
                "dnscmd /RecordAdd _vlmcs._tcp.east.contoso.com @ 3600 SRV 10 75 1688 kms1.contoso.com."
            ]
        );
    }

    #[test]
    fn times_to_live_are_time_spans() {
        for (seconds, text) in [
            (0, "00:00:00"),
            (3600, "01:00:00"),
            (86_399, "23:59:59"),
            (86_400, "1.00:00:00"),
            (2_147_483_647, "24855.03:14:07"),
        ] {
            assert_eq!(time_span(seconds), text);
        }
    }
}
