//! Programs of others against the real host: the Python client, impacket, Samba, tshark.
//!
//! They are ignored unless asked for, since they need what a machine with Rust alone does not have:
//!
//! ```sh
//! apt-get install python3-venv python3-samba tcpdump tshark
//! python3 -m venv target/ci-venv
//! target/ci-venv/bin/pip install -r examples/tests/suite/foreign_peers/requirements.txt
//! KMS_TEST_PYTHON=$PWD/target/ci-venv/bin/python cargo test -p examples -- --ignored foreign_peers
//! ```
//!
//! Something that is missing is a failure which says what to install. `KMS_TEST_PYTHON` names the
//! Python with the packages of `requirements.txt` (`python3` unless set), `KMS_TEST_SAMBA_PYTHON` the
//! one with Samba's bindings (`/usr/bin/python3` unless set, for which Debian builds them).

mod capture;
mod certificates;
mod dissection;
mod exchange;
mod fields;
mod fragments;
mod lying_host;
pub(crate) mod messages;
mod python_client;
mod strangers;
mod tools;
