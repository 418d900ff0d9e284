//! Disks that fail or are full.

use super::{THRESHOLD, model::Model, store, vendor};
use crate::{
    peer::{Peer, Said},
    support::{Folder, HOST, LONG, RunningHost, run, start},
};
use kms_core::{Cmid, LicenseStatus, SeededEntropy, StatusCode};
use kms_keys::Product;
use kms_testkit::process::ChildGuard;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::time::timeout;

/// What one machine after the other was told.
#[derive(Default)]
struct Told {
    answered: Vec<Cmid>,
    refused: u32,
}

impl Told {
    /// Asks until so many more are answered, and so many refused. No answer is given for what is
    /// refused, and nothing but BUSY is a reason.
    async fn until(
        &mut self,
        host: &RunningHost,
        product: &Product,
        answers: usize,
        refusals: u32,
    ) {
        let (answers, refusals) = (self.answered.len() + answers, self.refused + refusals);
        let asking = async {
            while self.answered.len() < answers || self.refused < refusals {
                let machine = self.answered.len() as u64 % (2 * u64::from(THRESHOLD));
                let cmid = Cmid::random(&mut SeededEntropy::new(machine));
                let mut peer = Peer::connect(host.address).await.unwrap();
                match peer
                    .ask(product, cmid, LicenseStatus::OobGrace)
                    .await
                    .unwrap()
                {
                    Said::Count(_) => self.answered.push(cmid),
                    Said::Refused(StatusCode::BUSY) => self.refused += 1,
                    Said::Refused(other) => panic!("{other}"),
                }
            }
        };
        timeout(LONG, asking).await.unwrap();
    }

    /// Every answer is in the store, and at most the refused ones beside them.
    fn assert_kept(&self, folder: &Folder, path: &str, product: &Product) {
        let held = Model::of(&store(folder, path).snapshot().unwrap(), product);
        for cmid in &self.answered {
            assert!(
                held.holds(*cmid),
                "{cmid} was answered and is lost: {held:?}"
            );
        }
        let answered = self.answered.len() as u64;
        let asked = answered + u64::from(self.refused);
        assert!(
            (answered..=asked).contains(&held.total()),
            "{answered}, {asked}: {held:?}"
        );
    }
}

/// The host under strace, which makes system calls on the store's files fail as `inject` says.
fn under_strace(folder: &Folder, inject: &str) -> Command {
    let mut command = folder.command("strace", "-f -D -qq -o strace.txt");
    // The files need not be there yet; their names decide.
    for name in ["host.db", "host.db-wal", "host.db-shm"] {
        command
            .arg("-P")
            .arg(folder.path("").canonicalize().unwrap().join(name));
    }
    command
        .arg("-e")
        .arg(format!("inject={inject}"))
        .args([HOST, "--config", "host.toml"]);
    command
}

/// Makes the store, so that its start is not what fails.
async fn started_once(folder: &Folder) {
    folder.serve().await.stop().await;
}

async fn end(mut child: ChildGuard) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, Signal::KILL).unwrap();
    child.wait(LONG).await.unwrap();
}

/// A failure of one call, at each place where it can happen in a short run.
async fn fails_once(call: &str, error: &str) {
    let (folder, products) = vendor(1, "host.db").await;
    started_once(&folder).await;
    let product = &products[0];
    let mut told = Told::default();
    let (mut refusals, mut starts) = (0, 0);
    for place in 1..=24 {
        let mut command = under_strace(&folder, &format!("{call}:error={error}:when={place}"));
        command.env("RUST_LOG", "info");
        let mut child = start(command);
        let line = child
            .wait_for_line(LONG, |line| line.text.contains(": listening on "))
            .await;
        match line {
            Err(_) => {
                // It could not start, which is an end with the right code, and loses nothing.
                let code = child.wait(LONG).await.unwrap().code();
                assert_eq!(code, Some(74), "{call} {error} at {place}");
                starts += 1;
            }
            Ok(line) => {
                let (_, address) = line.text.rsplit_once(' ').unwrap();
                let host = RunningHost::at(address.parse().unwrap(), child);
                let before = told.refused;
                // It heals by itself, whatever was refused.
                told.until(&host, product, 12, 0).await;
                refusals += told.refused - before;
                end(host.child).await;
            }
        }
        told.assert_kept(&folder, "host.db", product);
    }
    assert!(
        refusals > 0 && starts > 0,
        "{call} {error}: {refusals} refused, {starts} starts refused"
    );
}

#[tokio::test]
#[ignore = "needs strace"]
async fn a_sync_that_fails_once_gives_no_answer_and_heals() {
    fails_once("fdatasync,fsync", "EIO").await;
}

#[tokio::test]
#[ignore = "needs strace"]
async fn a_write_that_fails_once_gives_no_answer_and_heals() {
    fails_once("pwrite64,write", "ENOSPC").await;
}

#[tokio::test]
#[ignore = "needs strace"]
async fn a_disk_that_fails_for_good_gets_no_answer_until_a_host_starts_on_one_that_works() {
    for (call, error) in [("fdatasync,fsync", "EIO"), ("pwrite64,write", "ENOSPC")] {
        let (folder, products) = vendor(1, "host.db").await;
        started_once(&folder).await;
        let product = &products[0];
        let mut told = Told::default();
        // Late enough for the host to start and to give some answers.
        let inject = format!("{call}:error={error}:when=40+");
        let mut host = RunningHost::listening(start(under_strace(&folder, &inject))).await;
        told.until(&host, product, 0, 3).await;
        host.logs("the store failed").await;
        let answered = told.answered.len();
        told.until(&host, product, 0, 10).await;
        assert_eq!(
            told.answered.len(),
            answered,
            "{call}: an answer without a disk"
        );
        end(host.child).await;
        told.assert_kept(&folder, "host.db", product);
        let host = folder.serve().await;
        told.until(&host, product, 5, 0).await;
        host.stop().await;
        told.assert_kept(&folder, "host.db", product);
    }
}

/// A small filesystem in memory, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    async fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={size},mode=0700"))
            .arg("tmpfs")
            .arg(at);
        run(mount).await.exits(0);
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted stays for whoever looks into the failed test.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
#[ignore = "needs to be root, to mount a small tmpfs"]
async fn a_full_disk_gives_no_answer_loses_none_and_heals_when_there_is_room() {
    let (folder, products) = vendor(1, "disk/host.db").await;
    let product = &products[0];
    let _disk = SmallDisk::mount(&folder.path("disk"), "1m").await;
    let ballast = folder.path("disk/ballast");

    // No room for the store itself.
    let full = fs::write(&ballast, vec![1; 2 << 20]);
    assert!(full.is_err(), "it was to be filled");
    folder
        .run(HOST, "--config host.toml")
        .await
        .exits(74)
        .complains(&["host.db"]);

    fs::remove_file(&ballast).unwrap();
    let mut host = folder.serve().await;
    let mut told = Told::default();
    told.until(&host, product, 20, 0).await;
    assert!(fs::write(&ballast, vec![1; 2 << 20]).is_err());
    told.until(&host, product, 0, 5).await;
    host.logs("the store failed").await;
    host.logs("full").await;
    fs::remove_file(&ballast).unwrap();
    told.until(&host, product, 20, 0).await;
    host.logs("the store works again").await;
    host.kill().await;
    told.assert_kept(&folder, "disk/host.db", product);
}
