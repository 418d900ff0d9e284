//! The exit codes of sysexits, which service managers and scripts tell apart.

use std::io::ErrorKind;

/// The command line is wrong.
pub const USAGE: u8 = 64;
/// A file holds what it must not.
pub const DATA: u8 = 65;
/// A file is not there.
pub const NO_INPUT: u8 = 66;
/// Something that is needed cannot be had, as an address that is taken.
pub const UNAVAILABLE: u8 = 69;
/// A fault of the program.
pub const SOFTWARE: u8 = 70;
/// The system refused something that it does not usually refuse.
pub const OS: u8 = 71;
/// A file that was to be made cannot be.
pub const CANNOT_CREATE: u8 = 73;
/// Reading or writing failed.
pub const IO: u8 = 74;
/// It would work later, as when another process has the store.
pub const TEMPORARY: u8 = 75;
/// It is not permitted.
pub const PERMISSION: u8 = 77;
/// The configuration is wrong, or not complete.
pub const CONFIGURATION: u8 = 78;

/// The exit code for a file that could not be read or written.
#[must_use]
pub const fn of_io(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => NO_INPUT,
        ErrorKind::PermissionDenied => PERMISSION,
        ErrorKind::InvalidData => DATA,
        _ => IO,
    }
}
