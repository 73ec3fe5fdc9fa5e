//! What there is of a certification's scenes.

use super::{Certification, Plays, Scene};
use crate::ports::{RequestStore, StoreError};

/// The requests of the scenes that have begun, with everything about them.
///
/// # Errors
/// [`StoreError`] when they cannot be read.
pub async fn plays<S: RequestStore>(run: &Certification, store: &S) -> Result<Plays, StoreError> {
    let mut plays = Plays::new();
    for scene in Scene::ALL {
        if let Some(record) = store.request(run.request(scene), true).await? {
            plays.insert(scene, record);
        }
    }
    Ok(plays)
}
