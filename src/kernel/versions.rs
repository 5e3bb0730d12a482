//! Several people who change the same thing: whoever read an earlier version is told, instead of undoing unseen what
//! somebody else did.

use super::{Error, ErrorReason, Result};

/// Refuses a change of another version than the present one. Check in the transaction of the change, with the row locked.
///
/// # Errors
/// `CONFLICT` with `VERSION_CONFLICT`, which tells the present version.
pub fn check(present: i32, expected: Option<i32>) -> Result<()> {
    match expected {
        Some(expected) if expected != present => {
            let message = format!("It is at version {present}, not {expected}; read it again and repeat your change.");
            Err(Error::conflict(ErrorReason::VersionConflict, message).at("input.expectedVersion"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_counts_where_one_is_given() {
        for (present, expected) in [(3, None), (3, Some(3)), (0, Some(0))] {
            assert!(check(present, expected).is_ok());
        }
        for expected in [2, 4] {
            let error = check(3, Some(expected)).unwrap_err();
            assert_eq!(error.reason, Some(ErrorReason::VersionConflict));
            assert!(error.message.contains("version 3"), "{}", error.message);
        }
    }
}
