//! Reading the write-ahead log before the database does.
//!
//! After a crash SQLite takes the log's frames up to the first whose checksum fails, and forgets all
//! behind it. That is right at the end of a log, where the last transaction was not synced when the
//! power failed. In its middle it would lose transactions that were synced and answered: there a
//! failed checksum is damage. The two are told apart by what is behind the frame. Each transaction
//! is synced before the next begins, so at most one frame that ends a transaction, that of the last,
//! can be behind the first frame that was not written as a whole.
//!
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use super::{OpenError, lock, place::beside};
use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

/// Damage in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where the first part that does not verify begins, in bytes.
    pub(super) offset: u64,
    /// Transactions behind it that end as they were written, and that SQLite would forget.
    pub(super) transactions: u64,
}

/// Refuses the store at `path` if its log is damaged. What was only not finished is no damage.
pub(super) fn verify(path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    match examine(&log).map_err(OpenError::io(&log, "read it"))? {
        None => Ok(()),
        Some(damage) => Err(OpenError::Damaged {
            path: path.to_owned(),
            detail: format!(
                "its write-ahead log {} is not what was written at byte {}, and {} transactions \
                 that were are behind it",
                log.display(),
                damage.offset,
                damage.transactions
            ),
        }),
    }
}

/// As [`verify`], for those who do not hold the store's lock: nothing is looked at while a host runs,
/// which has verified its log and goes on to write it.
pub(super) fn verify_unless_in_use(path: &Path) -> Result<(), OpenError> {
    if lock::holder(path).is_some() {
        return Ok(());
    }
    match verify(path) {
        // A host that started meanwhile looks for itself.
        Err(OpenError::Damaged { .. }) if lock::holder(path).is_some() => Ok(()),
        result => result,
    }
}

/// Looks for damage in a log; none if there is no log.
fn examine(log: &Path) -> io::Result<Option<Damage>> {
    for _ in 0..TRIES {
        let (before, damage) = match File::open(log) {
            Ok(file) => read(file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(damage) = damage else {
            return Ok(None);
        };
        // Another process may have begun the log again meanwhile, as whoever changes a setting does.
        let mut after = Vec::new();
        File::open(log)?
            .take(HEADER as u64)
            .read_to_end(&mut after)?;
        if before == after {
            return Ok(Some(damage));
        }
    }
    Ok(None)
}

/// Reads a log through, with its header.
fn read(log: impl Read) -> io::Result<(Vec<u8>, Option<Damage>)> {
    let mut log = BufReader::with_capacity(BUFFER, log);
    let mut header = Vec::new();
    log.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    let mut scan = Scan::begin(&header);
    let mut frame = vec![0; FRAME_HEADER + scan.page_size];
    while fill(&mut log, &mut frame)? {
        scan.frame(&frame);
    }
    Ok((header, scan.damage()))
}

/// Fills the buffer; false when the log ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What was read so far.
struct Scan {
    page_size: usize,
    // In which order the numbers are that the checksums go over; of a header that does not say it,
    // that of the first frame that verifies.
    order: Option<Order>,
    // Those of the log; of a header that does not verify, those of the last frame.
    salts: Option<[u8; 8]>,
    has_header: bool,
    // The checksum of everything before, as it was written.
    seed: Option<(u32, u32)>,
    offset: u64,
    first_wrong: Option<u64>,
    // Those with these salts behind what is wrong.
    transactions: u64,
    // Those of earlier salts, the most.
    earlier: u64,
}

/// An order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Scan {
    fn begin(header: &[u8]) -> Self {
        let written = checked_header(header);
        let has_header = written.is_some();
        let (order, page_size, salts, seed) = match written {
            Some(header) => (
                Some(header.order),
                header.page_size,
                Some(header.salts),
                Some(header.checksum),
            ),
            None => (None, PAGE_SIZE, None, None),
        };
        Self {
            page_size,
            order,
            salts,
            has_header,
            seed,
            offset: HEADER as u64,
            first_wrong: (!has_header).then_some(0),
            transactions: 0,
            earlier: 0,
        }
    }

    fn frame(&mut self, frame: &[u8]) {
        let offset = self.offset;
        self.offset += frame.len() as u64;
        let Some((head, page)) = frame.split_first_chunk::<FRAME_HEADER>() else {
            return;
        };
        let [number, size, salt_1, salt_2, sum_1, sum_2] = words(head);
        let (stored, seed) = ((sum_1, sum_2), self.seed);
        self.seed = Some(stored);
        let salts = salts(salt_1, salt_2);
        if !self.has_header && self.salts != Some(salts) {
            // Which salts are those of the log cannot be known, so each may be.
            self.earlier = self.earlier.max(self.transactions);
            (self.salts, self.transactions, self.order) = (Some(salts), 0, None);
        }
        let is_written = self.salts == Some(salts)
            && number > 0
            && seed.is_some_and(|seed| self.is_sum(seed, head, page, stored));
        if !is_written {
            self.first_wrong.get_or_insert(offset);
        } else if self.first_wrong.is_some() && size > 0 {
            self.transactions += 1;
        }
    }

    fn is_sum(&mut self, seed: (u32, u32), head: &[u8], page: &[u8], stored: (u32, u32)) -> bool {
        let summed = head.get(..8).unwrap_or_default();
        let is_sum = |order| checksum(order, checksum(order, seed, summed), page) == stored;
        match self.order {
            Some(order) => is_sum(order),
            None => {
                self.order = [Order::Little, Order::Big].into_iter().find(|&o| is_sum(o));
                self.order.is_some()
            }
        }
    }

    fn damage(&self) -> Option<Damage> {
        let transactions = self.transactions.max(self.earlier);
        self.first_wrong
            .filter(|_| transactions > MOST_UNSYNCED)
            .map(|offset| Damage {
                offset,
                transactions,
            })
    }
}

/// A header that verifies.
struct Header {
    order: Order,
    page_size: usize,
    salts: [u8; 8],
    checksum: (u32, u32),
}

fn checked_header(header: &[u8]) -> Option<Header> {
    let header: &[u8; HEADER] = header.try_into().ok()?;
    let [magic, version, page_size, _, salt_1, salt_2, sum_1, sum_2] = words(header);
    let order = match magic {
        MAGIC => Order::Little,
        MAGIC_BIG => Order::Big,
        _ => return None,
    };
    let is_written = version == VERSION
        && page_size.is_power_of_two()
        && (512..=65_536).contains(&page_size)
        && checksum(order, (0, 0), header.get(..24)?) == (sum_1, sum_2);
    is_written.then_some(Header {
        order,
        page_size: usize::try_from(page_size).ok()?,
        salts: salts(salt_1, salt_2),
        checksum: (sum_1, sum_2),
    })
}

/// The numbers of a header, which are in big-endian order always.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn salts(salt_1: u32, salt_2: u32) -> [u8; 8] {
    (u64::from(salt_1) << 32 | u64::from(salt_2)).to_be_bytes()
}

/// Goes on with a checksum over bytes whose number is a multiple of 8.
fn checksum(order: Order, (mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let word = |bytes| match order {
        Order::Big => u32::from_be_bytes(bytes),
        Order::Little => u32::from_le_bytes(bytes),
    };
    for &[x, y] in bytes.as_chunks::<4>().0.as_chunks::<2>().0 {
        a = a.wrapping_add(word(x)).wrapping_add(b);
        b = b.wrapping_add(word(y)).wrapping_add(a);
    }
    (a, b)
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The first number of a log whose checksums go over little-endian numbers, and over big-endian.
const MAGIC: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;

/// The one version of the format.
const VERSION: u32 = 3_007_000;

/// The page size of a store: the database's default.
const PAGE_SIZE: usize = 4096;

/// How many transactions may not be on the disk: the one that is being synced.
const MOST_UNSYNCED: u64 = 1;

/// How often a log is read that others begin again meanwhile.
const TRIES: usize = 3;

const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
