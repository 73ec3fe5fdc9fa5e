//! How the body of `PUT /v1/me/delivery` becomes settings, with every fault of it named.

use std::fmt;

use super::{
    Auth, AuthInput, AuthType, DeliveryInput, DeliveryMode, DeliverySettings, EndpointUrl, HeaderName, MASK, MaxAge,
    PushSettings, RateLimit, Secret, Transport,
    text::{self, Rule},
};
use crate::{
    health::PauseAfter,
    signing::{Seed, Signing, SigningKey},
};

/// One field that is wrong; an entry of `errors` in a problem answer (RFC 9457).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldFault {
    /// The field, as a JSON Pointer (RFC 6901).
    pub pointer: &'static str,
    /// What is wrong with it; never contains a secret.
    pub detail: String,
}

/// The settings that a body asks for, given what is stored now.
///
/// A secret that the body leaves out (or gives as [`MASK`]) stays as stored, unless the kind of `auth` or
/// an origin that the secret is sent to has changed: nobody may point a stored secret at another server.
///
/// Where messages are to be signed the settings have a key made of `seed`; keys that sign already stay in its place when
/// the settings [replace](DeliverySettings::replacing) those that have them. They are ours, so that they may stay with
/// any endpoint.
///
/// # Errors
/// Every fault that the body has, at least one.
pub fn resolve(
    input: DeliveryInput,
    stored: Option<&DeliverySettings>,
    allow_private: bool,
    seed: &Seed,
) -> Result<DeliverySettings, Vec<FieldFault>> {
    let mut judge = Judge { allow_private, seed, faults: Vec::new() };
    let settings = match input.mode {
        DeliveryMode::Poll => {
            judge.refuse_push_fields(&input);
            Some(DeliverySettings::Poll)
        }
        DeliveryMode::Push => {
            let stored = match stored {
                Some(DeliverySettings::Push(push)) => Some(&**push),
                Some(DeliverySettings::Poll) | None => None,
            };
            judge.push(input, stored).map(|push| DeliverySettings::Push(Box::new(push)))
        }
    };
    match settings {
        Some(settings) if judge.faults.is_empty() => Ok(settings),
        _ => Err(judge.faults),
    }
}

/// Reads fields and collects what is wrong with them; a reader answers `None` after noting a fault.
struct Judge<'a> {
    allow_private: bool,
    seed: &'a Seed,
    faults: Vec<FieldFault>,
}

impl Judge<'_> {
    fn fault(&mut self, pointer: &'static str, detail: impl Into<String>) {
        self.faults.push(FieldFault { pointer, detail: detail.into() });
    }

    fn note<T, E: fmt::Display>(&mut self, pointer: &'static str, result: Result<T, E>) -> Option<T> {
        result.map_err(|fault| self.fault(pointer, fault.to_string())).ok()
    }

    fn refuse_push_fields(&mut self, input: &DeliveryInput) {
        for (pointer, given) in [
            ("/url", input.url.is_some()),
            ("/transport", input.transport.is_some()),
            ("/signed", input.signed.is_some()),
            ("/signature", input.signature.is_some()),
            ("/auth", input.auth.is_some()),
            ("/rate_limit_per_second", input.rate_limit_per_second.is_some()),
            ("/max_age_hours", input.max_age_hours.is_some()),
            ("/auto_pause_after_hours", input.auto_pause_after_hours.is_some()),
        ] {
            if given {
                self.fault(pointer, "only with mode `push`");
            }
        }
    }

    fn push(&mut self, input: DeliveryInput, stored: Option<&PushSettings>) -> Option<PushSettings> {
        let transport = input.transport.unwrap_or_default();
        let signing = self.signing(&input, transport, stored);
        let rate_limit = input.rate_limit_per_second.map(RateLimit::try_from);
        let rate_limit = rate_limit.map(|limit| self.note("/rate_limit_per_second", limit));
        let max_age = input.max_age_hours.map_or(Ok(MaxAge::DAY), MaxAge::try_from);
        let max_age = self.note("/max_age_hours", max_age);
        let auto_pause = self.auto_pause(&input, transport);
        let url = self.url("/url", input.url);
        let auth = self.auth(input.auth, url.as_ref(), stored);
        Some(PushSettings {
            url: url?,
            transport,
            signing,
            auth: auth?,
            rate_limit_per_second: rate_limit.flatten(),
            max_age_hours: max_age?,
            auto_pause_after_hours: auto_pause,
        })
    }

    fn auto_pause(&mut self, input: &DeliveryInput, transport: Transport) -> Option<PauseAfter> {
        let hours = input.auto_pause_after_hours?;
        if transport == Transport::Managed {
            self.fault("/auto_pause_after_hours", "only with transport `direct`");
        }
        self.note("/auto_pause_after_hours", PauseAfter::try_from(hours))
    }

    fn signing(&mut self, input: &DeliveryInput, transport: Transport, stored: Option<&PushSettings>) -> Signing {
        if input.signed != Some(true) {
            if input.signature.is_some() {
                self.fault("/signature", "only with `signed`");
            }
            return Signing::default();
        }
        if transport == Transport::Managed {
            self.fault("/signed", "only with transport `direct`");
        }
        let as_it_is = || stored.and_then(|push| push.signing.current()).map(|key| key.signature);
        let scheme = input.signature.or_else(as_it_is).unwrap_or_default();
        SigningKey::new(scheme, self.seed).into()
    }

    fn auth(
        &mut self,
        input: Option<AuthInput>,
        url: Option<&EndpointUrl>,
        stored: Option<&PushSettings>,
    ) -> Option<Auth> {
        let Some(input) = input else {
            self.fault("/auth", r#"required; {"type": "none"} for none"#);
            return None;
        };
        self.refuse_stray_fields(&input);
        // A stored secret may go to the same origin only.
        let kept = stored.filter(|old| url.is_none_or(|url| url.same_origin(&old.url)));
        let kept = kept.map(|old| &old.auth);
        match input.kind {
            AuthType::None => Some(Auth::None),
            AuthType::ApiKey => {
                let name = self.required("/auth/name", input.name);
                let name = name.and_then(|name| self.note("/auth/name", HeaderName::try_from(name)));
                let kept = kept.filter(|old| matches!(old, Auth::ApiKey { .. }));
                let value = self.secret("/auth/value", input.value, kept, text::header_value);
                Some(Auth::ApiKey { name: name?, value: value? })
            }
            AuthType::Basic => {
                let username = self.text("/auth/username", input.username, text::user_name);
                let kept = kept.filter(|old| matches!(old, Auth::Basic { .. }));
                let password = self.secret("/auth/password", input.password, kept, text::printable);
                Some(Auth::Basic { username: username?, password: password? })
            }
            AuthType::OauthClientCredentials => self.oauth(input, kept),
        }
    }

    fn oauth(&mut self, input: AuthInput, kept: Option<&Auth>) -> Option<Auth> {
        let token_url = self.url("/auth/token_url", input.token_url);
        let client_id = self.text("/auth/client_id", input.client_id, text::printable_ascii);
        let scope = input.scope.map(|scope| self.text("/auth/scope", Some(scope), text::scope));
        let kept = kept.filter(|old| match old {
            Auth::OauthClientCredentials { token_url: old, .. } => {
                token_url.as_ref().is_none_or(|new| new.same_origin(old))
            }
            Auth::None | Auth::ApiKey { .. } | Auth::Basic { .. } => false,
        });
        let pointer = "/auth/client_secret";
        let client_secret = self.secret(pointer, input.client_secret, kept, text::printable_ascii);
        Some(Auth::OauthClientCredentials {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            scope: scope.flatten(),
        })
    }

    fn refuse_stray_fields(&mut self, input: &AuthInput) {
        let oauth = AuthType::OauthClientCredentials;
        for (pointer, given, owner) in [
            ("/auth/name", input.name.is_some(), AuthType::ApiKey),
            ("/auth/value", input.value.is_some(), AuthType::ApiKey),
            ("/auth/username", input.username.is_some(), AuthType::Basic),
            ("/auth/password", input.password.is_some(), AuthType::Basic),
            ("/auth/token_url", input.token_url.is_some(), oauth),
            ("/auth/client_id", input.client_id.is_some(), oauth),
            ("/auth/client_secret", input.client_secret.is_some(), oauth),
            ("/auth/scope", input.scope.is_some(), oauth),
        ] {
            if given && owner != input.kind {
                self.fault(pointer, format!("only with auth type `{owner}`"));
            }
        }
    }

    fn required<T>(&mut self, pointer: &'static str, field: Option<T>) -> Option<T> {
        if field.is_none() {
            self.fault(pointer, "required");
        }
        field
    }

    fn url(&mut self, pointer: &'static str, field: Option<String>) -> Option<EndpointUrl> {
        let text = self.required(pointer, field)?;
        self.note(pointer, EndpointUrl::parse(&text, self.allow_private))
    }

    fn text(&mut self, pointer: &'static str, field: Option<String>, rule: Rule) -> Option<String> {
        let text = self.required(pointer, field)?;
        self.note(pointer, rule(&text).map(|()| text))
    }

    fn secret(
        &mut self,
        pointer: &'static str,
        field: Option<Secret>,
        kept: Option<&Auth>,
        rule: Rule,
    ) -> Option<Secret> {
        match (field.filter(|given| given.expose() != MASK), kept.and_then(Auth::secret)) {
            (Some(given), _) => self.note(pointer, rule(given.expose()).map(|()| given)),
            (None, Some(kept)) => Some(kept.clone()),
            (None, None) => {
                self.fault(pointer, "required; none is stored for this `auth` and this server");
                None
            }
        }
    }
}
