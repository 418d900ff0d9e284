//! `host publish --manual`: no network, no key.

use crate::support::{Folder, HOST, names};

/// A host whose configuration names a key that is not there, and a server that nobody reaches.
async fn configured(dns: &str) -> Folder {
    let folder = Folder::with_host().await;
    folder.write(
        "host.toml",
        &format!("listen = \"0.0.0.0:1688\"\nidentity = \"kms1\"\n{dns}"),
    );
    folder
}

const DNS: &str = "[dns]\nserver = \"192.0.2.53:53\"\nkey_file = \"none.key\"\n\
                   addresses = [\"192.0.2.10\", \"2001:db8::10\"]\n\
                   domains = [\"contoso.test, 10, 75\", \"fabrikam.test\"]\n";

const IN_CONTOSO: &str = "\
== kms1.contoso.test in contoso.test ==

In a zone file, as BIND 8.2 and later read it; raise the serial of its SOA record, then `rndc reload contoso.test`:

_vlmcs._tcp.contoso.test. 3600 IN SRV 10 75 1688 kms1.contoso.test.
kms1.contoso.test. 3600 IN A 192.0.2.10
kms1.contoso.test. 3600 IN AAAA 2001:db8::10

In DNS Manager of Microsoft DNS, under Other New Records, Service Location (SRV):

Forward lookup zone         contoso.test
Domain                      contoso.test
Service                     _vlmcs
Protocol                    _tcp
Priority                    10
Weight                      75
Port number                 1688
Host offering this service  kms1.contoso.test.

Or in PowerShell on that server:

Add-DnsServerResourceRecord -Srv -ZoneName \"contoso.test\" -Name \"_vlmcs._tcp\" -DomainName \"kms1.contoso.test.\" -Priority 10 -Weight 75 -Port 1688 -TimeToLive 01:00:00
Add-DnsServerResourceRecordA -ZoneName \"contoso.test\" -Name \"kms1\" -IPv4Address \"192.0.2.10\" -TimeToLive 01:00:00
Add-DnsServerResourceRecordAAAA -ZoneName \"contoso.test\" -Name \"kms1\" -IPv6Address \"2001:db8::10\" -TimeToLive 01:00:00

Or at its command prompt:

dnscmd /RecordAdd contoso.test _vlmcs._tcp 3600 SRV 10 75 1688 kms1.contoso.test.
dnscmd /RecordAdd contoso.test kms1 3600 A 192.0.2.10
dnscmd /RecordAdd contoso.test kms1 3600 AAAA 2001:db8::10
";

const IN_FABRIKAM: &str = "\
== kms1.contoso.test in fabrikam.test ==

In a zone file, as BIND 8.2 and later read it; raise the serial of its SOA record, then `rndc reload fabrikam.test`:

_vlmcs._tcp.fabrikam.test. 3600 IN SRV 0 0 1688 kms1.contoso.test.
; kms1.contoso.test. lies outside fabrikam.test.: its A and AAAA records belong into its own zone

In DNS Manager of Microsoft DNS, under Other New Records, Service Location (SRV):

Forward lookup zone         fabrikam.test
Domain                      fabrikam.test
Service                     _vlmcs
Protocol                    _tcp
Priority                    0
Weight                      0
Port number                 1688
Host offering this service  kms1.contoso.test.

Or in PowerShell on that server:

Add-DnsServerResourceRecord -Srv -ZoneName \"fabrikam.test\" -Name \"_vlmcs._tcp\" -DomainName \"kms1.contoso.test.\" -Priority 0 -Weight 0 -Port 1688 -TimeToLive 01:00:00

Or at its command prompt:

dnscmd /RecordAdd fabrikam.test _vlmcs._tcp 3600 SRV 0 0 1688 kms1.contoso.test.
";

const ADVICE: &str = "\
Each domain is taken for a zone of its own. Where it lies in a larger zone, name that zone, and put the labels between behind _tcp in the names of the commands.

Then keep the host from publishing by itself, so that it does not log a failure each time (slmgr /cdns):

host --config host.toml set dns-publishing off
";

#[tokio::test]
async fn deploy_kms_zones_without_dynamic_update_are_told_what_to_enter_and_to_turn_publishing_off()
{
    let folder = configured(DNS).await;
    let before = names(&folder.path(""));
    let outcome = folder
        .run(HOST, "--config host.toml publish --manual")
        .await
        .exits(0);
    assert_eq!(
        outcome.stdout,
        [IN_CONTOSO, IN_FABRIKAM, ADVICE].join("\n"),
        "{outcome}"
    );
    assert_eq!(outcome.stderr, "");
    assert_eq!(names(&folder.path("")), before);
}

#[tokio::test]
async fn a_host_that_publishes_nothing_needs_no_advice_to_stop() {
    let folder = configured("").await;
    folder
        .run(
            HOST,
            "--config host.toml publish --manual --address 192.0.2.10 --domain contoso.test,10,75 \
             --domain fabrikam.test --address 2001:db8::10",
        )
        .await
        .exits(0)
        .says(&[IN_CONTOSO, IN_FABRIKAM, "no [dns] table"]);
    let serving = folder.path("host.toml");
    std::fs::write(
        &serving,
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n[dns]\nserver = \"127.0.0.1:1\"\n\
         key_file = \"none.key\"\n",
    )
    .unwrap();
    // The store has to be there for the setting.
    folder.write(
        "first.toml",
        "listen = \"127.0.0.1:0\"\nidentity = \"kms1\"\n",
    );
    let host = folder.serve_with("first.toml").await;
    let port = format!(" 3600 IN SRV 0 0 {} ", host.address.port());
    folder
        .run(HOST, "--config host.toml set /cdns")
        .await
        .exits(0);
    // Of a host that runs the port is known that the system chose.
    folder
        .run(HOST, "--config host.toml publish --manual")
        .await
        .exits(0)
        .says(&["that is turned off", &port]);
    host.stop().await;
}

#[tokio::test]
async fn who_plans_a_host_needs_no_configuration() {
    let folder = Folder::new();
    folder
        .run(
            HOST,
            "publish --manual --host-name kms1.contoso.test --address 192.0.2.10 --port 1700",
        )
        .await
        .exits(0)
        .says(&[
            "\n_vlmcs._tcp.contoso.test. 3600 IN SRV 0 0 1700 kms1.contoso.test.\n",
            "\nkms1.contoso.test. 3600 IN A 192.0.2.10\n",
            "leave [dns] out",
        ]);
    folder
        .run(HOST, "publish --manual --host-name kms1.contoso.test")
        .await
        .exits(0)
        .says(&["; no address is known here"]);
    let told = folder
        .run(
            HOST,
            "publish --manual --json --host-name kms1.contoso.test --domain a.test,1,2 --domain b.test",
        )
        .await
        .exits(0)
        .json();
    assert_eq!(told.as_array().unwrap().len(), 2);
    assert_eq!(told[0]["domain"], "a.test");
    assert_eq!(
        told[0]["zone_file"][0],
        "_vlmcs._tcp.a.test. 3600 IN SRV 1 2 1688 kms1.contoso.test."
    );
    assert_eq!(told[1]["dns_manager"][6]["setting"], "1688");
}

#[tokio::test]
async fn what_is_not_known_is_asked_for() {
    let folder = configured("").await;
    folder.write(
        "other.toml",
        "listen = \"0.0.0.0:0\"\nidentity = \"none\"\n",
    );
    for (arguments, code, wanted) in [
        ("publish --manual", 64, "--host-name NAME is wanted"),
        (
            "--config none.toml publish --manual",
            66,
            "none.toml: No such file",
        ),
        (
            "--config other.toml publish --manual",
            64,
            "--host-name NAME is wanted, because the certificate's name is not known",
        ),
        (
            "--config other.toml publish --manual --host-name kms1.a",
            64,
            "--port PORT is wanted",
        ),
        (
            "publish --manual --host-name kms1",
            64,
            "--domain DOMAIN is wanted, because kms1 lies in no domain",
        ),
        (
            "publish --manual --host-name 192.0.2.7 --domain a",
            64,
            "DNS name of its own",
        ),
        (
            "publish --manual --host-name kms1.a --domain a,65536",
            64,
            "--domain: publish list, line 1, priority",
        ),
        (
            "publish --manual --host-name kms1.a --domain a --domain a",
            64,
            "line 1 names the same domain",
        ),
        (
            "publish --manual --host-name kms1.a --address 0.0.0.0",
            64,
            "no address that a client could connect to",
        ),
        ("publish --manual --host-name kms1.a --port 0", 64, "--port"),
        ("publish --manual --host-name a..b", 64, "--host-name"),
        ("publish --host-name kms1.a", 64, "--manual"),
    ] {
        folder
            .run(HOST, arguments)
            .await
            .exits(code)
            .complains(&[wanted]);
    }
}

#[tokio::test]
async fn of_several_sockets_those_at_one_port_that_others_can_reach_are_told() {
    let folder = Folder::with_host().await;
    folder.write(
        "host.toml",
        "listen = [\"127.0.0.1:1689\", \"192.0.2.7:1688\", \"192.0.2.8:1690\"]\nidentity = \"kms1\"\n",
    );
    for (port, wanted, address) in [
        ("", 1688, "192.0.2.7"),
        ("--port 1690", 1690, "192.0.2.8"),
        // One that a router forwards.
        ("--port 1700", 1700, "192.0.2.7"),
    ] {
        let command = format!("--config host.toml publish --manual --domain contoso.test {port}");
        let outcome = folder.run(HOST, command.trim_end()).await.exits(0);
        let lines = format!(
            "_vlmcs._tcp.contoso.test. 3600 IN SRV 0 0 {wanted} kms1.contoso.test.\n\
             kms1.contoso.test. 3600 IN A {address}\n\n"
        );
        outcome.says(&[&lines]);
    }
}
