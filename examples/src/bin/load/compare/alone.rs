//! What a signature and a sync take by themselves.

use crate::processor;
use core::{hint, time::Duration};
use examples::cli::Ended;
use kms_core::{AnswerTerms, Clock as _, Cmid, KeyId, SeededEntropy};
use kms_service::SystemClock;
use rustix::time::{ClockId, clock_gettime};
use std::{fs::File, io::Write as _, path::Path, thread, time::Instant};

/// What it takes to sign an answer, as the host does it, where the servers run.
pub(super) fn signature_us(identity: &Path, held: bool) -> Result<f64, Ended> {
    let identity = kms_host::identity::load(identity).map_err(Ended::failed)?;
    let identity = identity.ok_or_else(|| Ended::failed("the host has no certificate"))?;
    let signed = move || {
        if held {
            processor::hold(0, 1)?;
        }
        let terms = AnswerTerms {
            count: 25,
            activation_interval: Default::default(),
            renewal_interval: Default::default(),
            validity: Default::default(),
            cmid: Cmid::random(&mut SeededEntropy::new(1)),
            host_time: SystemClock.now().wall,
            key_id: KeyId([0; 8]),
        };
        // Processor time, as that of the servers is: others may be at work on the machine.
        let used = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        let (message, begun, before) = ([7; 144], Instant::now(), used());
        let mut many = 0_u32;
        while begun.elapsed() < SIGNING {
            hint::black_box(identity.sign(hint::black_box(&message), &terms));
            many += 1;
        }
        let took = used().saturating_sub(before);
        Ok::<_, std::io::Error>(took.as_secs_f64() * 1e6 / f64::from(many))
    };
    thread::spawn(signed)
        .join()
        .map_err(|_| Ended::failed("signing panicked"))?
        .map_err(Ended::failed)
}

/// What it takes to make a page durable at the end of a file in this folder, in milliseconds.
pub(super) fn sync_ms(folder: &Path) -> Result<f64, Ended> {
    let sync = || {
        let mut file = File::create(folder.join("sync"))?;
        let begun = Instant::now();
        for _ in 0..SYNCS {
            file.write_all(&[0; 4096])?;
            file.sync_data()?;
        }
        Ok::<_, std::io::Error>(begun.elapsed().as_secs_f64() * 1e3 / f64::from(SYNCS))
    };
    sync().map_err(Ended::failed)
}

/// How long signatures are made in each round.
const SIGNING: Duration = Duration::from_millis(200);
/// How many syncs are made in each round.
const SYNCS: u32 = 20;
