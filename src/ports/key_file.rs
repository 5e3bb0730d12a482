//! The secret key of a server that was given none: made at the first start and kept in the data folder.
//!
//! It signs tokens, and API keys are sealed with it, so it is never replaced by itself: a key that is lost without a word
//! would make all that unreadable. It is written whole or not at all.

use std::{fs, io, io::Write, path::Path};

use crate::kernel::error::{Error, ErrorCode, Result};

/// The shortest key that is used.
const LEAST: usize = 32;

/// The key in the file; where there is no file, the one that is made and written to it.
///
/// # Errors
/// When the file cannot be read or written, or holds no usable key.
pub fn read_or_make(path: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>> {
    match fs::read(path) {
        Ok(key) if key.len() >= LEAST => Ok(key),
        Ok(key) => Err(refuse(path, &format!("it holds {} bytes and needs at least {LEAST}", key.len()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = make();
            write(path, &key).map_err(|error| {
                let why = format!("The secret key cannot be written to {}: {error}.", path.display());
                Error::new(ErrorCode::Unavailable, why)
            })?;
            Ok(key)
        }
        Err(error) => Err(refuse(path, &error.to_string())),
    }
}

fn refuse(path: &Path, why: &str) -> Error {
    Error::new(
        ErrorCode::Unavailable,
        format!(
            "The secret key in {} cannot be used: {why}. Put back the file from a backup, or set YANIT_SECRET_KEY to the \
             key. Without it a new key can be made by removing the file: everybody then has to sign in again, and API keys \
             of assistants have to be entered again.",
            path.display()
        ),
    )
}

/// Under another name first: a file with half a key is never seen under this one.
fn write(path: &Path, key: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // Only its owner may read it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_never_replaced() {
        let folder = std::env::temp_dir().join(format!("yanit-key-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("secret.key");
        let make = || b"0123456789abcdef0123456789abcdef".to_vec();
        let made = read_or_make(&path, make).unwrap();
        assert_eq!(made, make());
        assert_eq!(read_or_make(&path, || unreachable!("there is one")).unwrap(), made);
        fs::write(&path, &made[..31]).unwrap();
        let short = read_or_make(&path, make).unwrap_err();
        assert!(short.message.contains("secret.key") && short.message.contains("31 bytes"), "{short}");
        assert_eq!(fs::read(&path).unwrap(), &made[..31], "what was there is kept");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(read_or_make(&path, make).unwrap_err().message.contains("cannot be used"), "a folder is no key");
        fs::remove_dir_all(&folder).unwrap();
    }
}
