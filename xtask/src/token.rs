//! `cargo xtask token --local`: people to try the local deployment with, and their access tokens.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::{
    deploy::{self, Aws},
    workspace::Workspace,
};

/// Nobody's but the emulator's.
const PASSWORD: &str = "Correct-horse-battery-9";

/// A user's and an operator's token.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Of somebody who places requests.
    pub(crate) user: String,
    /// Of somebody in the pool's group `operator`.
    pub(crate) operator: String,
}

/// Makes a confirmed user and an operator, where they are not there yet, and signs both in.
///
/// # Errors
///
/// When nothing is deployed here, or the pool refuses.
pub(crate) fn tokens(workspace: &Workspace) -> anyhow::Result<Tokens> {
    let aws = deploy::local_client(workspace)?;
    let pool = Pool { id: deploy::output(&aws, "UserPoolId")?, client: deploy::output(&aws, "UserPoolClientId")?, aws };
    pool.person("ann@example.com")?;
    pool.person("operator@example.com")?;
    pool.change("admin-add-user-to-group", "operator@example.com", &["--group-name", "operator"])?;
    Ok(Tokens { user: pool.sign_in("ann@example.com")?, operator: pool.sign_in("operator@example.com")? })
}

struct Pool {
    id: String,
    client: String,
    aws: Aws,
}

impl Pool {
    /// Somebody with this address, a password, and an account in the marketplace.
    fn person(&self, email: &str) -> anyhow::Result<()> {
        if self.look_up(email).is_err() {
            let (address, verified) = (format!("Name=email,Value={email}"), "Name=email_verified,Value=true");
            let new = ["--message-action", "SUPPRESS", "--user-attributes", &address, verified];
            self.change("admin-create-user", email, &new)?;
        }
        self.change("admin-set-user-password", email, &["--password", PASSWORD, "--permanent"])?;
        self.confirmed(&self.look_up(email)?)
    }

    /// Whoever confirms an address wakes a function. Cognito leaves that out for those whom an administrator makes, and
    /// the emulator for everybody.
    fn confirmed(&self, person: &Value) -> anyhow::Result<()> {
        let attributes = person["UserAttributes"].as_array().into_iter().flatten();
        let attributes: Map<_, _> = attributes
            .filter_map(|attribute| Some((attribute["Name"].as_str()?.to_owned(), attribute["Value"].clone())))
            .collect();
        let event = json!({
            "version": "1",
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "region": "eu-west-1",
            "userPoolId": self.id,
            "userName": person["Username"],
            "callerContext": { "awsSdkVersion": "none", "clientId": self.client },
            "request": { "userAttributes": attributes },
            "response": {},
        });
        let function = deploy::output(&self.aws, "UserConfirmedName")?;
        let invoke = ["lambda", "invoke", "--function-name", &function, "--payload", &event.to_string(), "/dev/null"];
        let answer = self.aws.call(&invoke)?;
        anyhow::ensure!(answer["FunctionError"].is_null(), "{function} failed: {answer}");
        Ok(())
    }

    fn look_up(&self, email: &str) -> anyhow::Result<Value> {
        self.aws.call(&["cognito-idp", "admin-get-user", "--user-pool-id", &self.id, "--username", email])
    }

    fn change(&self, operation: &str, email: &str, more: &[&str]) -> anyhow::Result<()> {
        let person = ["cognito-idp", operation, "--user-pool-id", &self.id, "--username", email];
        self.aws.run(&[&person, more].concat())
    }

    fn sign_in(&self, email: &str) -> anyhow::Result<String> {
        let parameters = format!("USERNAME={email},PASSWORD={PASSWORD}");
        let answer = self.aws.call(&[
            "cognito-idp",
            "initiate-auth",
            "--client-id",
            &self.client,
            "--auth-flow",
            "USER_PASSWORD_AUTH",
            "--auth-parameters",
            &parameters,
        ])?;
        let token = answer["AuthenticationResult"]["AccessToken"].as_str();
        token.map(str::to_owned).with_context(|| format!("no token for {email}"))
    }
}
