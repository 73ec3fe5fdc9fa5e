//! The stack's people: a Cognito pool, in which a user is made as somebody who signs up is, and signs in.

use serde_json::{Map, Value, json};

use super::service::Services;
use crate::unique;

/// Good for the pool's policy.
const PASSWORD: &str = "Correct-horse-battery-9";

/// The pool of a deployed stack.
#[derive(Clone, Debug)]
pub struct Pool {
    services: Services,
    id: String,
    client: String,
    /// The function that is told of whoever has confirmed an address.
    trigger: String,
}

/// Somebody in the pool who has signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// What they sign in with.
    pub email: String,
    /// What they sign in with.
    pub password: String,
    /// Their access token.
    pub token: String,
}

impl Pool {
    pub(super) fn new(services: Services, id: String, client: String, trigger: String) -> Self {
        Self { services, id, client, trigger }
    }

    /// Somebody signs up, confirms their address and signs in.
    pub async fn person(&self) -> Person {
        let email = format!("{}@example.com", unique("user"));
        self.make(&email).await;
        self.sign_in(email).await
    }

    /// An operator signs in.
    pub(super) async fn operator(&self) -> Person {
        let email = "operator@example.com".to_owned();
        self.make(&email).await;
        self.call("AdminAddUserToGroup", json!({ "Username": email, "GroupName": "operator" })).await;
        self.sign_in(email).await
    }

    /// What follows when somebody has confirmed their address. Cognito wakes the function then; the emulator wakes none.
    async fn confirmed(&self, email: &str) {
        let person = self.call("AdminGetUser", json!({ "Username": email })).await;
        let attributes = person["UserAttributes"].as_array().expect("attributes").iter();
        let attributes: Map<_, _> = attributes
            .map(|attribute| (attribute["Name"].as_str().expect("a name").to_owned(), attribute["Value"].clone()))
            .collect();
        let event = json!({
            "version": "1",
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "region": super::emulator::REGION,
            "userPoolId": self.id,
            "userName": person["Username"],
            "callerContext": { "awsSdkVersion": "none", "clientId": self.client },
            "request": { "userAttributes": attributes },
            "response": {},
        });
        self.services.invoke(&self.trigger, &event).await.expect("the trigger succeeds");
    }

    async fn make(&self, email: &str) {
        let attributes = json!([
            { "Name": "email", "Value": email },
            { "Name": "email_verified", "Value": "true" },
        ]);
        let person = json!({ "Username": email, "MessageAction": "SUPPRESS", "UserAttributes": attributes });
        self.call("AdminCreateUser", person).await;
        let password = json!({ "Username": email, "Password": PASSWORD, "Permanent": true });
        self.call("AdminSetUserPassword", password).await;
        self.confirmed(email).await;
    }

    async fn sign_in(&self, email: String) -> Person {
        let answer = self
            .services
            .json(
                "cognito-idp",
                "AWSCognitoIdentityProviderService.InitiateAuth",
                &json!({
                    "ClientId": self.client,
                    "AuthFlow": "USER_PASSWORD_AUTH",
                    "AuthParameters": { "USERNAME": email, "PASSWORD": PASSWORD },
                }),
            )
            .await;
        let token = answer["AuthenticationResult"]["AccessToken"].as_str().expect("a token").to_owned();
        Person { email, password: PASSWORD.to_owned(), token }
    }

    async fn call(&self, operation: &str, mut body: Value) -> Value {
        body["UserPoolId"] = self.id.as_str().into();
        let operation = format!("AWSCognitoIdentityProviderService.{operation}");
        self.services.json("cognito-idp", &operation, &body).await
    }
}
