//! Logs as SQLite writes them, and what may become of them.

use super::*;
use rusqlite::{Connection, config::DbConfig};

const FRAME: usize = FRAME_HEADER + PAGE_SIZE;

/// A log of as many transactions, of one to three frames each.
fn log_of(transactions: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    for n in 0..transactions {
        write(&connection, n);
    }
    bytes(folder.path())
}

fn open(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("host.db")).unwrap();
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .unwrap();
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
        .unwrap();
    connection
}

fn write(connection: &Connection, n: u32) {
    connection
        .execute(
            "INSERT INTO t VALUES (?1, zeroblob(?2))",
            [n, 5000 * (n % 3)],
        )
        .unwrap();
}

fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("host.db-wal")).unwrap()
}

fn damage(log: &[u8]) -> Option<Damage> {
    read(log).unwrap().1
}

/// The frames that end a transaction, by their place.
fn ends(log: &[u8]) -> Vec<usize> {
    let frames = log[HEADER..].chunks(FRAME).enumerate();
    let ends = frames.filter(|(_, frame)| frame[4..8] != [0; 4]);
    ends.map(|(at, _)| at).collect()
}

/// What is to be found when nothing before the frame `last` of those that are wrong is.
fn expected(ends: &[usize], first: usize, last: usize) -> Option<Damage> {
    let behind = ends.iter().filter(|&&end| end > last).count() as u64;
    (behind > 1).then_some(Damage {
        offset: (HEADER + first * FRAME) as u64,
        transactions: behind,
    })
}

#[test]
fn a_log_that_is_whole_empty_or_cut_anywhere_is_not_damaged() {
    let log = log_of(12);
    assert!(ends(&log).len() == 13 && log.len() > 15 * FRAME);
    assert_eq!(damage(&log), None);
    for length in (0..log.len()).step_by(97).chain(0..100) {
        assert_eq!(damage(&log[..length]), None, "{length}");
    }
}

#[test]
fn a_flip_is_damage_where_two_transactions_or_more_are_whole_behind_it() {
    let log = log_of(8);
    let ends = ends(&log);
    let frames = (log.len() - HEADER) / FRAME;
    let mut refused = 0;
    for frame in 0..frames {
        for byte in (0..FRAME_HEADER).chain([FRAME_HEADER, 2000, FRAME - 1]) {
            let mut flipped = log.clone();
            flipped[HEADER + frame * FRAME + byte] ^= 0x10;
            // The next frame's checksum goes on from the one that is wrong.
            let last = frame + usize::from((16..24).contains(&byte));
            let wanted = expected(&ends, frame, last);
            assert_eq!(damage(&flipped), wanted, "byte {byte} of frame {frame}");
            refused += usize::from(wanted.is_some());
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn frames_that_are_gone_are_damage_in_the_middle_and_not_in_the_last_transaction() {
    let log = log_of(9);
    let ends = ends(&log);
    let frames = (log.len() - HEADER) / FRAME;
    for first in 0..frames {
        for last in first..frames {
            let mut torn = log.clone();
            torn[HEADER + first * FRAME..HEADER + (last + 1) * FRAME].fill(0);
            // The first behind them has no checksum to go on from.
            assert_eq!(damage(&torn), expected(&ends, first, last + 1));
        }
    }
    // Whatever was not written of the last, it is not synced.
    let before = ends[ends.len() - 2] + 1;
    for frame in before..frames {
        let mut torn = log.clone();
        torn[HEADER + frame * FRAME..][..FRAME].fill(0xa5);
        assert_eq!(damage(&torn), None);
    }
}

#[test]
fn a_header_that_is_wrong_is_damage_of_a_log_with_transactions() {
    let log = log_of(6);
    for byte in 0..HEADER {
        let mut flipped = log.clone();
        flipped[byte] ^= 0x01;
        let found = damage(&flipped).unwrap();
        assert_eq!(found.offset, 0, "byte {byte}");
        assert!(found.transactions >= 5, "{found:?}");
        assert_eq!(damage(&flipped[..HEADER]), None, "there is none");
    }
}

#[test]
fn what_an_earlier_log_left_behind_is_not_damage() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open(folder.path());
    for n in 0..20 {
        write(&connection, n);
    }
    connection
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        .unwrap();
    let length = bytes(folder.path()).len();
    for n in 20..24 {
        write(&connection, n);
    }
    let log = bytes(folder.path());
    assert_eq!(log.len(), length, "it begins again in the same file");
    assert_eq!(damage(&log), None);
    let salts = &log[16..24];
    let frames = log[HEADER..].chunks(FRAME);
    let new = frames.take_while(|frame| &frame[8..16] == salts).count();
    let ends = ends(&log[..HEADER + new * FRAME]);
    assert_eq!(ends.len(), 4);
    for frame in 0..length / FRAME {
        let mut flipped = log.clone();
        flipped[HEADER + frame * FRAME + 500] ^= 1;
        let wanted = expected(&ends, frame, frame).filter(|_| frame < new);
        assert_eq!(damage(&flipped), wanted, "frame {frame} of {new}");
    }
}

#[test]
fn garbage_is_not_damage_as_nothing_was_synced_behind_it() {
    let mut noise = 1_u32;
    let mut garbage = Vec::new();
    for _ in 0..10 * FRAME {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        garbage.extend(noise.to_be_bytes().first());
    }
    assert_eq!(damage(&garbage), None);
    assert_eq!(damage(&vec![0; 10 * FRAME]), None);
    let mut log = log_of(3);
    let whole = log.len();
    log.extend(&garbage);
    assert_eq!(damage(&log), None, "behind a log");
    log[HEADER..whole].fill(7);
    assert_eq!(damage(&log), None, "in place of its frames");
}

#[test]
fn logs_of_either_byte_order_are_verified() {
    let mut log = log_of(5);
    assert_eq!(
        log[..4],
        MAGIC.to_be_bytes(),
        "written here in little-endian order"
    );
    let ends = ends(&log);
    log[..4].copy_from_slice(&MAGIC_BIG.to_be_bytes());
    let mut sum = checksum(Order::Big, (0, 0), &log[..24]);
    let stored = |(a, b): (u32, u32)| [a.to_be_bytes(), b.to_be_bytes()].concat();
    log[24..32].copy_from_slice(&stored(sum));
    for frame in log[HEADER..].chunks_mut(FRAME) {
        sum = checksum(Order::Big, sum, &frame[..8]);
        sum = checksum(Order::Big, sum, &frame[FRAME_HEADER..]);
        frame[16..24].copy_from_slice(&stored(sum));
    }
    assert_eq!(damage(&log), None);
    log[HEADER + FRAME + 100] ^= 1;
    assert_eq!(damage(&log), expected(&ends, 1, 1));
    log[2] = 0;
    assert_eq!(damage(&log).unwrap().offset, 0, "found by the frames");
}

#[test]
fn no_log_is_not_damaged_and_one_that_is_names_its_offset_and_the_repair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.db");
    verify(&path).unwrap();
    let mut log = log_of(5);
    std::fs::write(beside(&path, "-wal"), &log).unwrap();
    verify(&path).unwrap();
    log[HEADER + 99] ^= 1;
    std::fs::write(beside(&path, "-wal"), &log).unwrap();
    let error = verify(&path).unwrap_err().to_string();
    for part in ["host.db-wal", "at byte 32", "host --config FILE repair"] {
        assert!(error.contains(part), "{error}");
    }
}
