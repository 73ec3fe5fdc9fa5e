//! Notices as files, for machines without a mail server and for tests: one JSON file for each, whole or not there.

use std::{
    fs::{DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use marketplace_core::ports::{Notice, NoticeError, Recipient};
use serde_json::json;
use tokio::task;

use crate::secret_file;

/// A folder of notices.
pub(super) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// Makes the folder if need be. Only its owner may look in: there are links in it that confirm addresses.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes `<notice id>-email.json` or `<notice id>-sms.json`; a repeat writes the same file.
    pub(super) async fn put(&self, notice: &Notice) -> Result<(), NoticeError> {
        let (channel, address) = match &notice.to {
            Recipient::Email(address) => ("email", address),
            Recipient::Sms(number) => ("sms", number),
        };
        let mut file = json!({ "id": notice.id, "channel": channel, "to": address, "body": notice.body });
        if channel == "email" {
            file["subject"] = notice.subject.as_str().into();
        }
        let path = self.folder.join(format!("{}-{channel}.json", notice.id));
        let write = move || secret_file::write(&path, format!("{file:#}\n").as_bytes());
        match task::spawn_blocking(write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(NoticeError::Retry(Box::new(error))),
            Err(error) => Err(NoticeError::Retry(Box::new(error))),
        }
    }
}
