//! Unbound, the resolver between clients and primaries.

use super::daemon::{self, Daemon};
use crate::support::server_command;
use core::{fmt, fmt::Write as _, net::SocketAddr};
use std::{fs, thread};

/// A resolver that knows where some zones are and nothing of the rest of the world.
pub(crate) struct Unbound {
    pub(crate) address: SocketAddr,
    daemon: Daemon,
    _folder: tempfile::TempDir,
}

impl Unbound {
    /// Each zone with the servers that are asked for it, in any order; it answers for the first once it has
    /// started.
    pub(crate) async fn start(zones: &[(&str, &[SocketAddr])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let make = |address: SocketAddr| {
            let mut text = format!(
                "server:\n interface: {}@{}\n username: \"\"\n chroot: \"\"\n directory: \"{at}\"\n \
                 pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n verbosity: 1\n do-daemonize: no\n \
                 do-ip6: no\n do-not-query-localhost: no\n module-config: \"iterator\"\n \
                 local-zone: \"test.\" nodefault\nremote-control:\n control-enable: no\n",
                address.ip(),
                address.port()
            );
            for (zone, servers) in zones {
                write!(text, "stub-zone:\n name: \"{zone}\"\n").unwrap();
                for server in *servers {
                    writeln!(text, " stub-addr: {}@{}", server.ip(), server.port()).unwrap();
                }
            }
            let path = folder.path().join("unbound.conf");
            fs::write(&path, text).unwrap();
            let mut unbound = server_command("unbound");
            unbound.arg("-d").arg("-c").arg(path);
            unbound
        };
        let (zone, _) = zones[0];
        let (address, daemon) = daemon::start_resolver(folder.path(), "unbound", zone, make).await;
        Self {
            address,
            daemon,
            _folder: folder,
        }
    }
}

impl fmt::Debug for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unbound at {}, {:?}", self.address, self.daemon)
    }
}

impl Drop for Unbound {
    #[expect(clippy::print_stderr, reason = "read by who looks at a failed test")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{self:?}");
        }
    }
}
