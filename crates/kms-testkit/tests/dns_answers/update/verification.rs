//! The table against the update itself: bytes in, code out.

use super::{Case, Does, cases, update};
use kms_core::StatusCode;
use kms_srv::{Update, UpdateReply};
use kms_testkit::dns::fake::{Asked, Transport};
use std::collections::BTreeSet;

/// What comes of an answer where no other can follow.
pub(super) fn code(update: &Update, answer: &[u8]) -> StatusCode {
    let reply = update.handle_answer(answer);
    // As over TCP: what is no answer is of no use.
    reply.map_or(StatusCode::DNS_BAD_PACKET, |reply: UpdateReply| {
        reply.status()
    })
}

pub(super) fn asked(update: &Update) -> Asked {
    Asked::new(Transport::Tcp, 0, update.bytes().to_vec())
}

#[test]
fn every_answer_has_its_code() {
    let update = update();
    let mut wrong = Vec::new();
    let mut run = 0;
    for case in cases() {
        let Does::Answers(answer) = case.does else {
            continue;
        };
        run += 1;
        let code = code(&update, &answer(&asked(&update)));
        if code != case.code {
            wrong.push(format!("{}: {code}, and not {}", case.name, case.code));
        }
    }
    println!("{run} answers against the update");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_its_number_of_cases() {
    let is_control = |case: &&Case| case.name.starts_with("control-");
    let (controls, lies): (Vec<_>, Vec<_>) = cases().partition(is_control);
    println!(
        "{} lying answers to an update, {} controls",
        lies.len(),
        controls.len()
    );
    // At least 40 are wanted; the README tells the number.
    assert_eq!(lies.len(), 164);
    let done = |case: &&Case| case.code == StatusCode::OK || case.auto == StatusCode::OK;
    assert!(controls.iter().all(&done), "a control is accepted");
    let accepted: Vec<_> = lies
        .iter()
        .filter(|case| done(case))
        .map(|case| case.name)
        .collect();
    assert_eq!(accepted, [""; 0], "a lie is never accepted");
    let names: BTreeSet<_> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count(), "a name for each");
}
