//! Seals the credentials of third parties' endpoints before they are stored (DESIGN section 4, invariant 7).
//!
//! On AWS the key is in KMS and never leaves it; a party and an environment go along as the encryption context, so that
//! what is sealed for one opens for no other, and every use is in the trail with their names. Tests seal with the vault
//! of the other platform.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_kms::{Client, primitives::Blob};
use event_schema::id::{Environment, PartyId};
use platform_base::vault::Vault;
use sha2::{Digest, Sha256};

/// Opened values that are remembered; beyond it all are forgotten and opened anew.
const MOST_REMEMBERED: usize = 4_096;

/// Whose secrets they are.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The party.
    pub party: &'a PartyId,
    /// In which world.
    pub environment: Environment,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "party/{}/{}/secrets", self.party, self.environment)
    }
}

/// Why secrets were not sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("the secrets of {owner} cannot be {done}")]
pub struct SealError {
    owner: String,
    done: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

/// Seals and opens. Clones are one and the same.
#[derive(Clone)]
pub enum Sealer {
    /// With a key of this process.
    Local(Arc<Vault>),
    /// With a key of KMS.
    Kms(Arc<KmsKey>),
    /// Not at all, where nobody needs a secret: parties are read with empty texts for theirs, and none can be stored.
    Closed,
}

/// This process has no key.
#[derive(Debug, thiserror::Error)]
#[error("there is no key here")]
struct NoKey;

/// A key of KMS.
pub struct KmsKey {
    client: Client,
    key_id: String,
    /// By the hash of the owner and the sealed value, which is never sealed for anything else: parties are read with
    /// every call of theirs, and KMS takes a few milliseconds and some money each time.
    opened: Mutex<HashMap<[u8; 32], Vec<u8>>>,
}

impl Sealer {
    /// Seals with the vault.
    #[must_use]
    pub fn local(vault: Vault) -> Self {
        Self::Local(Arc::new(vault))
    }

    /// Seals with this key of KMS: its id, ARN or alias.
    #[must_use]
    pub fn kms(client: Client, key_id: impl Into<String>) -> Self {
        Self::Kms(Arc::new(KmsKey { client, key_id: key_id.into(), opened: Mutex::default() }))
    }

    /// Encrypts at most 4,096 bytes (KMS's limit for `Encrypt`).
    ///
    /// # Errors
    /// [`SealError`] when the key cannot be used now.
    pub async fn seal(&self, clear: &[u8], owner: Owner<'_>) -> Result<Vec<u8>, SealError> {
        let fault = |source| SealError { owner: owner.to_string(), done: "sealed", source };
        match self {
            Self::Local(vault) => {
                vault.seal(clear, owner.to_string().as_bytes()).map_err(|error| fault(Box::new(error)))
            }
            Self::Kms(key) => key.encrypt(clear, owner).await.map_err(fault),
            Self::Closed => Err(fault(Box::new(NoKey))),
        }
    }

    /// Decrypts what was sealed for the same owner.
    ///
    /// # Errors
    /// [`SealError`] when it was sealed for another or altered, or the key cannot be used now.
    pub async fn open(&self, sealed: &[u8], owner: Owner<'_>) -> Result<Vec<u8>, SealError> {
        let fault = |source| SealError { owner: owner.to_string(), done: "opened", source };
        match self {
            Self::Local(vault) => {
                vault.open(sealed, owner.to_string().as_bytes()).map_err(|error| fault(Box::new(error)))
            }
            Self::Kms(key) => key.remembered(sealed, owner).await.map_err(fault),
            Self::Closed => Err(fault(Box::new(NoKey))),
        }
    }
}

type Fault = Box<dyn Error + Send + Sync>;

impl KmsKey {
    async fn encrypt(&self, clear: &[u8], owner: Owner<'_>) -> Result<Vec<u8>, Fault> {
        let encrypt = self.client.encrypt().key_id(&self.key_id).plaintext(Blob::new(clear));
        let answer = encrypt.set_encryption_context(Some(context(owner))).send().await?;
        Ok(answer.ciphertext_blob.ok_or("KMS answered without a ciphertext")?.into_inner())
    }

    async fn remembered(&self, sealed: &[u8], owner: Owner<'_>) -> Result<Vec<u8>, Fault> {
        let name: [u8; 32] =
            Sha256::new().chain_update(owner.to_string()).chain_update([0]).chain_update(sealed).finalize().into();
        if let Some(clear) = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(clear.clone());
        }
        let clear = self.decrypt(sealed, owner).await?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= MOST_REMEMBERED {
            opened.clear();
        }
        opened.insert(name, clear.clone());
        Ok(clear)
    }

    /// Names the key, so that a value sealed with a stranger's is refused.
    async fn decrypt(&self, sealed: &[u8], owner: Owner<'_>) -> Result<Vec<u8>, Fault> {
        let decrypt = self.client.decrypt().key_id(&self.key_id).ciphertext_blob(Blob::new(sealed));
        let answer = decrypt.set_encryption_context(Some(context(owner))).send().await?;
        Ok(answer.plaintext.ok_or("KMS answered without a plaintext")?.into_inner())
    }
}

fn context(owner: Owner<'_>) -> HashMap<String, String> {
    let pairs = [("party", owner.party.to_string()), ("environment", owner.environment.to_string())];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

#[cfg(test)]
mod tests {
    use aws_sdk_kms::operation::{
        decrypt::{DecryptError, DecryptOutput},
        encrypt::EncryptOutput,
    };
    use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};

    use super::*;

    const KEY: &str = "alias/marketplace";

    /// KMS as it is seen from here: what it sealed says for whom, and opens only for them.
    fn kms() -> (Sealer, aws_smithy_mocks::Rule) {
        let sealed = |context: Option<&HashMap<String, String>>, text: &[u8]| {
            let context = context.expect("a context");
            let owner = format!("{}/{}:", context["party"], context["environment"]);
            [owner.as_bytes(), text].concat()
        };
        let encrypt = mock!(Client::encrypt).match_requests(|input| input.key_id() == Some(KEY)).then_compute_output(
            move |input| {
                let clear = input.plaintext().expect("a plaintext").as_ref();
                EncryptOutput::builder().ciphertext_blob(Blob::new(sealed(input.encryption_context(), clear))).build()
            },
        );
        let decrypt = mock!(Client::decrypt).match_requests(|input| input.key_id() == Some(KEY)).then_compute_response(
            move |input| {
                let blob = input.ciphertext_blob().expect("a ciphertext").as_ref();
                match blob.strip_prefix(sealed(input.encryption_context(), b"").as_slice()) {
                    Some(clear) => MockResponse::Output(DecryptOutput::builder().plaintext(Blob::new(clear)).build()),
                    None => MockResponse::Error(DecryptError::unhandled("InvalidCiphertextException")),
                }
            },
        );
        let client = mock_client!(aws_sdk_kms, RuleMode::MatchAny, &[&encrypt, &decrypt]);
        (Sealer::kms(client, KEY), decrypt)
    }

    fn local() -> Sealer {
        Sealer::local(Vault::new(&"0123456789abcdef0123456789abcdef".into()).unwrap())
    }

    #[tokio::test]
    async fn what_is_sealed_opens_for_its_owner_only() {
        let (books, pens): (PartyId, PartyId) = ("books".parse().unwrap(), "pens".parse().unwrap());
        let owner = Owner { party: &books, environment: Environment::Prod };
        for sealer in [local(), kms().0] {
            let sealed = sealer.seal(b"hunter2", owner).await.unwrap();
            assert_eq!(sealer.open(&sealed, owner).await.unwrap(), b"hunter2");
            for other in [Owner { party: &pens, ..owner }, Owner { environment: Environment::Test, ..owner }] {
                let error = sealer.open(&sealed, other).await.unwrap_err();
                assert!(error.source().is_some() && error.to_string().contains(&other.to_string()), "{error}");
                assert!(!format!("{error:?}").contains("hunter2"));
            }
        }
    }

    #[tokio::test]
    async fn kms_is_asked_once_for_a_value() {
        let (sealer, decrypt) = kms();
        let books = "books".parse().unwrap();
        let owner = Owner { party: &books, environment: Environment::Prod };
        let (first, second) = (sealer.seal(b"1", owner).await.unwrap(), sealer.seal(b"2", owner).await.unwrap());
        for _ in 0..3 {
            assert_eq!(sealer.open(&first, owner).await.unwrap(), b"1");
            assert_eq!(sealer.open(&second, owner).await.unwrap(), b"2");
        }
        assert_eq!(decrypt.num_calls(), 2);
    }
}
