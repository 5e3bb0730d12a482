//! Files of this server alone: its data folder, and its database with all that stands beside it. They hold conversations,
//! hashes of passwords and keys, so nobody but their owner may read them, whatever the system's default is and however
//! an earlier version left them.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What SQLite and the claim on it write beside a database, by what their names end with.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

/// Makes a folder that only its owner may enter, and closes it and what is in it where it is there already.
///
/// # Errors
/// When the folder cannot be made or read.
pub fn folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    if is_everybodys(path)? {
        return Ok(());
    }
    close(path);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() {
            close(&entry.path());
        }
    }
    Ok(())
}

/// Opens a file for writing, which is made where it is not there; only its owner may read it.
///
/// # Errors
/// When it cannot be opened.
pub fn file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    close(path);
    Ok(file)
}

/// Makes the file of a SQLite database, empty, where it is not there; SQLite gives what it writes beside it the same
/// permissions. What is there already is closed.
///
/// # Errors
/// When the file cannot be made.
pub fn database(url: &str) -> io::Result<()> {
    let Some(path) = sqlite_path(url) else { return Ok(()) };
    // Where its folder is missing the driver says so.
    if !path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
        return Ok(());
    }
    file(&path)?;
    for end in BESIDE {
        let beside = with_end(&path, end);
        if beside.is_file() {
            close(&beside);
        }
    }
    Ok(())
}

/// The file of a SQLite database; nothing for PostgreSQL and for databases in memory.
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let in_memory = path.is_empty() || path == ":memory:" || options.split('&').any(|option| option == "mode=memory");
    (!in_memory).then(|| PathBuf::from(path))
}

/// A path with something at the end of its name.
pub fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A folder that several share by design, such as `/tmp`.
#[cfg(unix)]
fn is_everybodys(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o1002 != 0)
}

#[cfg(not(unix))]
fn is_everybodys(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Takes what others may do with a file or a folder. One that belongs to somebody else stays as it is: whoever mounted it
/// decides.
#[cfg(unix)]
fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let closed = fs::metadata(path).and_then(|found| {
        let mode = found.permissions().mode();
        if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) }
    });
    if let Err(error) = closed {
        tracing::warn!(path = %path.display(), error = %error, "others may read a file of this server: its permissions cannot be changed");
    }
}

#[cfg(not(unix))]
fn close(_: &Path) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn open_to_all(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_was_left_open_is_closed_and_what_is_made_is_closed_from_the_beginning() {
        let base = std::env::temp_dir().join(format!("yanit-private-{}", std::process::id()));
        let data = base.join("new").join("data");
        folder(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
        for (name, before, after) in
            [("a.sqlite", 0o644, 0o600), ("a.sqlite-wal", 0o664, 0o600), ("run.sh", 0o755, 0o700)]
        {
            fs::write(data.join(name), b"x").unwrap();
            open_to_all(&data.join(name), before);
            folder(&data).unwrap();
            assert_eq!(mode(&data.join(name)), after, "{name}");
        }
        fs::create_dir(data.join("within")).unwrap();
        open_to_all(&data.join("within"), 0o755);
        open_to_all(&data, 0o755);
        folder(&data).unwrap();
        assert_eq!((mode(&data), mode(&data.join("within"))), (0o700, 0o700));
        // What a link leads to belongs elsewhere.
        fs::write(base.join("other"), b"x").unwrap();
        open_to_all(&base.join("other"), 0o644);
        std::os::unix::fs::symlink(base.join("other"), data.join("link")).unwrap();
        folder(&data).unwrap();
        assert_eq!(mode(&base.join("other")), 0o644);
        drop(file(&data.join("migrate.lock")).unwrap());
        assert_eq!(mode(&data.join("migrate.lock")), 0o600);
        // Everybody's folder stays everybody's; the database in it does not.
        let shared = base.join("shared");
        fs::create_dir(&shared).unwrap();
        open_to_all(&shared, 0o1777);
        folder(&shared).unwrap();
        assert_eq!(mode(&shared), 0o1777);
        let url = format!("sqlite://{}?mode=rwc", shared.join("y.sqlite").display());
        fs::write(shared.join("y.sqlite-shm"), b"").unwrap();
        open_to_all(&shared.join("y.sqlite-shm"), 0o644);
        database(&url).unwrap();
        assert_eq!((mode(&shared.join("y.sqlite")), mode(&shared.join("y.sqlite-shm"))), (0o600, 0o600));
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn only_files_have_a_path() {
        let path = |url| sqlite_path(url).map(|path| path.display().to_string());
        assert_eq!(path("sqlite://data/yanit.sqlite?mode=rwc").as_deref(), Some("data/yanit.sqlite"));
        assert_eq!(path("sqlite:/var/yanit.db").as_deref(), Some("/var/yanit.db"));
        for url in ["sqlite::memory:", "sqlite://x?mode=memory", "postgres://yanit@db/yanit"] {
            assert_eq!(path(url), None, "{url}");
        }
    }
}
