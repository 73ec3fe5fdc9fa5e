//! What parties' contacts were told is kept, for each change apart.

use marketplace_core::ports::Contacts;

use crate::{
    fixture::{at, party_id},
    platform::PlatformUnderTest,
};

pub(crate) async fn a_contact_is_told_of_a_change_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (books, pens) = (party_id("books"), party_id("pens"));
    assert!(!store.was_contact_told(&books, 7).await.unwrap());
    for second in [1, 2] {
        store.record_contact_told(&books, 7, at(second)).await.unwrap();
    }
    assert!(store.was_contact_told(&books, 7).await.unwrap());
    for (other, sequence) in [(&books, 8), (&pens, 7)] {
        assert!(!store.was_contact_told(other, sequence).await.unwrap());
    }
    let platform = platform.reopen_after(store).await;
    assert!(platform.store().was_contact_told(&books, 7).await.unwrap());
}
