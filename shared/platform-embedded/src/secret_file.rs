//! Files that only their owner may read and that are whole or not there: keys, tokens, and notices to people.

use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use data_encoding::BASE64URL_NOPAD;
use platform_base::randomness::random_bytes;
use secrecy::SecretString;
use tempfile::NamedTempFile;

/// The fewest characters of a secret that is kept in a file.
const MIN_SECRET_LENGTH: usize = 32;

/// The secret kept in this file; if there is none, 256 random bits are made and kept (mode 0600).
///
/// Two processes that start at once get the same secret. Access that others have to the file is taken away.
///
/// # Errors
/// When the file cannot be read or written, or holds no text of at least 32 characters.
pub fn load_or_make_secret(path: &Path) -> io::Result<SecretString> {
    let bytes = load_or_make(path, || Ok(BASE64URL_NOPAD.encode(&random_bytes::<32>()).into_bytes()))?;
    let text = String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let text = text.trim();
    if text.len() < MIN_SECRET_LENGTH {
        let rule = format!("{} holds a secret of fewer than {MIN_SECRET_LENGTH} characters", path.display());
        return Err(io::Error::new(ErrorKind::InvalidData, rule));
    }
    Ok(text.into())
}

/// What is in this file; if there is none, what `make` makes, kept first.
pub(crate) fn load_or_make(path: &Path, make: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) => {
            keep_from_others(path)?;
            Ok(bytes)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = make()?;
            match stage(path, &bytes)?.persist_noclobber(path) {
                Ok(_) => sync_folder_of(path).map(|()| bytes),
                // Somebody else was faster, and theirs is the one that counts.
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => fs::read(path),
                Err(error) => Err(error.error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner may read, replacing what was there, at once and durably.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    stage(path, bytes)?.persist(path)?;
    sync_folder_of(path)
}

/// The bytes in a file beside `path`, on the disk; gone if it is dropped. It has mode 0600 from the start.
fn stage(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder_of(path)?)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path)?)?.sync_all()
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(folder) => Ok(folder),
        None => Err(io::Error::new(ErrorKind::InvalidInput, "a folder cannot be a file")),
    }
}

fn keep_from_others(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read this secret; now they cannot");
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use secrecy::ExposeSecret as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_secret_is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operator-token");
        let made = load_or_make_secret(&path).unwrap();
        assert_eq!(BASE64URL_NOPAD.decode(made.expose_secret().as_bytes()).unwrap().len(), 32);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(load_or_make_secret(&path).unwrap().expose_secret(), made.expose_secret());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_secret_that_others_could_read_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        let text = "0123456789abcdef0123456789abcdef";
        fs::write(&path, format!("{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load_or_make_secret(&path).unwrap().expose_secret(), text);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        for bad in [&b""[..], b"short", b"\xff\xfe0123456789abcdef0123456789abcdef"] {
            fs::write(&path, bad).unwrap();
            assert_eq!(load_or_make_secret(&path).unwrap_err().kind(), ErrorKind::InvalidData);
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
        assert!(load_or_make_secret(&folder.path().join("nowhere/secret-key")).is_err());
    }

    #[test]
    fn all_who_start_at_once_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret-key");
        let secrets: BTreeSet<String> = thread::scope(|scope| {
            let load = || load_or_make_secret(&path).unwrap().expose_secret().to_owned();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(secrets.len(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notice.json");
        write(&path, b"a long first text").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!((mode(&path), fs::read_dir(folder.path()).unwrap().count()), (0o600, 1));
    }
}
