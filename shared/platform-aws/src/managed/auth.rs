//! A party's credentials as EventBridge's connections know them.
//!
//! A connection cannot do without credentials: for endpoints that want none it is a header that says who calls and
//! proves nothing ([`NO_SECRET_HEADER`]).

use aws_sdk_eventbridge::{
    error::BuildError,
    types::{
        ConnectionAuthResponseParameters, ConnectionAuthorizationType as Kind, ConnectionBodyParameter,
        ConnectionHttpParameters, ConnectionOAuthHttpMethod, CreateConnectionApiKeyAuthRequestParameters,
        CreateConnectionAuthRequestParameters, CreateConnectionBasicAuthRequestParameters,
        CreateConnectionOAuthClientRequestParameters, CreateConnectionOAuthRequestParameters,
        UpdateConnectionApiKeyAuthRequestParameters, UpdateConnectionAuthRequestParameters,
        UpdateConnectionBasicAuthRequestParameters, UpdateConnectionOAuthClientRequestParameters,
        UpdateConnectionOAuthRequestParameters,
    },
};
use marketplace_core::delivery::Auth;

/// The header that endpoints without authentication get, and its value.
pub(super) const NO_SECRET_HEADER: (&str, &str) = ("x-marketplace-sender", "marketplace");

/// Which kind of connection it is.
pub(super) fn kind(auth: &Auth) -> Kind {
    match auth {
        Auth::None | Auth::ApiKey { .. } => Kind::ApiKey,
        Auth::Basic { .. } => Kind::Basic,
        Auth::OauthClientCredentials { .. } => Kind::OauthClientCredentials,
    }
}

/// For a new connection.
pub(super) fn created(auth: &Auth) -> Result<CreateConnectionAuthRequestParameters, BuildError> {
    let parameters = CreateConnectionAuthRequestParameters::builder();
    let header = |name: &str, value: &str| {
        CreateConnectionApiKeyAuthRequestParameters::builder().api_key_name(name).api_key_value(value).build()
    };
    let parameters = match auth {
        Auth::None => parameters.api_key_auth_parameters(header(NO_SECRET_HEADER.0, NO_SECRET_HEADER.1)?),
        Auth::ApiKey { name, value } => {
            parameters.api_key_auth_parameters(header(&String::from(name.clone()), value.expose())?)
        }
        Auth::Basic { username, password } => {
            let basic = CreateConnectionBasicAuthRequestParameters::builder();
            parameters.basic_auth_parameters(basic.username(username).password(password.expose()).build()?)
        }
        Auth::OauthClientCredentials { token_url, client_id, client_secret, scope } => {
            let client = CreateConnectionOAuthClientRequestParameters::builder();
            let oauth = CreateConnectionOAuthRequestParameters::builder()
                .authorization_endpoint(token_url.to_string())
                .http_method(ConnectionOAuthHttpMethod::Post)
                .client_parameters(client.client_id(client_id).client_secret(client_secret.expose()).build()?)
                .o_auth_http_parameters(token_request(scope.as_deref()));
            parameters.o_auth_parameters(oauth.build()?)
        }
    };
    Ok(parameters.build())
}

/// For a connection that exists.
pub(super) fn updated(auth: &Auth) -> UpdateConnectionAuthRequestParameters {
    let parameters = UpdateConnectionAuthRequestParameters::builder();
    let header = |name: &str, value: &str| {
        UpdateConnectionApiKeyAuthRequestParameters::builder().api_key_name(name).api_key_value(value).build()
    };
    let parameters = match auth {
        Auth::None => parameters.api_key_auth_parameters(header(NO_SECRET_HEADER.0, NO_SECRET_HEADER.1)),
        Auth::ApiKey { name, value } => {
            parameters.api_key_auth_parameters(header(&String::from(name.clone()), value.expose()))
        }
        Auth::Basic { username, password } => {
            let basic = UpdateConnectionBasicAuthRequestParameters::builder();
            parameters.basic_auth_parameters(basic.username(username).password(password.expose()).build())
        }
        Auth::OauthClientCredentials { token_url, client_id, client_secret, scope } => {
            let client = UpdateConnectionOAuthClientRequestParameters::builder();
            let oauth = UpdateConnectionOAuthRequestParameters::builder()
                .authorization_endpoint(token_url.to_string())
                .http_method(ConnectionOAuthHttpMethod::Post)
                .client_parameters(client.client_id(client_id).client_secret(client_secret.expose()).build())
                .o_auth_http_parameters(token_request(scope.as_deref()));
            parameters.o_auth_parameters(oauth.build())
        }
    };
    parameters.build()
}

/// EventBridge sends the client's id and secret by itself, but says which grant it wants (RFC 6749, 4.4.2) only when
/// it is told to.
fn token_request(scope: Option<&str>) -> ConnectionHttpParameters {
    let field = |key: &str, value: &str| ConnectionBodyParameter::builder().key(key).value(value).build();
    let parameters = ConnectionHttpParameters::builder().body_parameters(field("grant_type", "client_credentials"));
    match scope {
        Some(scope) => parameters.body_parameters(field("scope", scope)).build(),
        None => parameters.build(),
    }
}

/// Whether a connection shows these credentials, as far as they are compared: never the secret, nor what a token is
/// asked for with, which the connection's description stands for.
pub(super) fn shows(shown: Option<&ConnectionAuthResponseParameters>, auth: &Auth) -> bool {
    let Some(shown) = shown else {
        return false;
    };
    match auth {
        Auth::None => shown.api_key_auth_parameters().and_then(|key| key.api_key_name()) == Some(NO_SECRET_HEADER.0),
        Auth::ApiKey { name, .. } => {
            let shown = shown.api_key_auth_parameters().and_then(|key| key.api_key_name());
            shown == Some(&String::from(name.clone()))
        }
        Auth::Basic { username, .. } => {
            shown.basic_auth_parameters().and_then(|basic| basic.username()) == Some(username)
        }
        Auth::OauthClientCredentials { token_url, client_id, .. } => shown.o_auth_parameters().is_some_and(|oauth| {
            oauth.authorization_endpoint() == Some(&token_url.to_string())
                && oauth.client_parameters().and_then(|client| client.client_id()) == Some(client_id)
        }),
    }
}
