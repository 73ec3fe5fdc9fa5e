//! The `Authorization` header of Signature Version 4, taken apart.

use super::SigV4Fault;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATION: &str = "aws4_request";

/// What an `Authorization` header of Signature Version 4 says.
#[derive(Debug)]
pub(super) struct Authorization {
    pub(super) access_key_id: String,
    /// The day of the credential's scope, such as `20150830`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// Lower-case names, as they were listed.
    pub(super) signed_headers: Vec<String>,
    /// Lower-case hexadecimal digits.
    pub(super) signature: String,
}

impl Authorization {
    /// Reads `AWS4-HMAC-SHA256 Credential=.../.../.../.../aws4_request, SignedHeaders=...;..., Signature=...`.
    ///
    /// # Errors
    ///
    /// [`SigV4Fault::Incomplete`], naming what is missing; the header itself is never repeated.
    pub(super) fn parse(header: &str) -> Result<Self, SigV4Fault> {
        let parameters = header
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '))
            .ok_or_else(|| incomplete("Unsupported AWS 'algorithm': the only one is 'AWS4-HMAC-SHA256'."))?;
        let mut scope = find(parameters, "Credential")?.rsplitn(5, '/');
        let (Some(TERMINATION), Some(service), Some(region), Some(date), Some(access_key_id)) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/aws4_request.",
            ));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: find(parameters, "SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: find(parameters, "Signature")?.to_owned(),
        })
    }

    /// Whether a header, by its lower-case name, is under the signature.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == name)
    }
}

fn incomplete(reason: &str) -> SigV4Fault {
    SigV4Fault::Incomplete(reason.to_owned())
}

/// The value of one of the parameters `Name=value, Name=value`.
fn find<'a>(parameters: &'a str, name: &str) -> Result<&'a str, SigV4Fault> {
    let mut items = parameters.split(',').filter_map(|item| item.trim().split_once('='));
    let found = items.find(|(key, _)| *key == name);
    let (_, value) = found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))?;
    Ok(value)
}
