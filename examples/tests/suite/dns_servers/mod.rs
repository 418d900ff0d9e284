//! Name servers of others against the real publisher, host and client: BIND 9, Knot DNS and PowerDNS as
//! the primary that takes the updates, Unbound as the resolver in between, and `dig`, `nsupdate`,
//! `named-checkzone` and dnspython as foreign eyes.
//!
//! They are ignored unless asked for, since they need what a machine with Rust alone does not have:
//!
//! ```sh
//! apt-get install bind9 bind9-dnsutils bind9-utils knot pdns-server pdns-backend-sqlite3 unbound python3-dnspython
//! cargo test -p examples --test suite -- --ignored dns_servers::
//! ```
//!
//! Nothing that the packages start is used, and no privilege is needed but for port 53 in some tests of
//! how the primary is found, which say so and pass where it cannot be had. Each server is started here,
//! on a free port of a loopback address, with its files in a folder that goes with it. Tests that run at the
//! same time share one process of each kind, where every test has a zone of its own.

mod audit;
mod bind;
mod by_hand;
mod daemon;
mod dig;
mod discovery;
mod foreign_eyes;
mod host_binary;
mod keys;
mod knot;
mod nsupdate;
mod power_dns;
mod primary;
mod publisher;
mod publishing;
mod real_host;
mod unbound;
mod zones;

/// Each behaviour as a test of each server.
macro_rules! on_each_server {
    ($($behaviour:ident)*) => {
        $crate::dns_servers::on_each_server!(@ on_bind Bind "needs bind9, bind9-dnsutils, bind9-utils, unbound, python3-dnspython" $($behaviour)*);
        $crate::dns_servers::on_each_server!(@ on_knot Knot "needs knot, bind9-dnsutils, bind9-utils, unbound, python3-dnspython" $($behaviour)*);
        $crate::dns_servers::on_each_server!(@ on_power_dns PowerDns "needs pdns-server, pdns-backend-sqlite3, bind9-dnsutils, bind9-utils, unbound, python3-dnspython" $($behaviour)*);
    };
    (@ $module:ident $kind:ident $reason:literal $($behaviour:ident)*) => {
        mod $module {
            use crate::dns_servers::primary::Kind;

            $(
                #[tokio::test]
                #[ignore = $reason]
                async fn $behaviour() {
                    super::$behaviour(Kind::$kind.shared().await).await;
                }
            )*
        }
    };
}
pub(crate) use on_each_server;
