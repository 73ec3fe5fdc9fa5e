//! The HTTP API's routes: explicit resources, split between the two functions as the services are.

use std::collections::BTreeMap;

use marketplace_core::pattern::{Fields, Pattern};
use platform_aws::outbox::{DOORBELL, HANDED_OVER};
use serde_json::{Value, json};

use crate::template::{STACK, THIRD_PARTY, of_alias};

/// The function behind each route.
fn routes() -> BTreeMap<&'static str, &'static str> {
    let route = |(_, route): (_, &'static Value)| {
        let target = route["Target"]["Fn::Sub"].as_str().expect("a target");
        let integration = target.trim_start_matches("integrations/${").trim_end_matches('}');
        let uri = STACK.at(&format!("/Resources/{integration}/Properties/IntegrationUri"));
        (route["RouteKey"].as_str().expect("a key"), of_alias(uri))
    };
    STACK.of_type("AWS::ApiGatewayV2::Route").map(route).collect()
}

/// `ANY`, so that a wrong method is answered by the service that knows the path, with 405.
#[test]
fn third_parties_machines_reach_status_ingest_and_everybody_else_the_api() {
    let expected = BTreeMap::from([
        ("$default", "MarketplaceApi"),
        ("ANY /v1/deliveries/{delivery_id}/release", "StatusIngest"),
        ("ANY /v1/deliveries/{delivery_id}/status", "StatusIngest"),
        ("ANY /v1/inbox/{action}", "StatusIngest"),
        ("ANY /v1/requests/{id}/status", "StatusIngest"),
    ]);
    assert_eq!(routes(), expected);
}

#[test]
fn calls_are_throttled_and_both_functions_may_be_called() {
    let settings = STACK.at("/Resources/HttpStage/Properties/DefaultRouteSettings");
    assert!(settings["ThrottlingRateLimit"].is_object() && settings["ThrottlingBurstLimit"].is_object());
    let permissions = STACK.of_type("AWS::Lambda::Permission");
    let of_api = permissions.filter(|(_, permission)| permission["Principal"] == "apigateway.amazonaws.com");
    let mut called: Vec<_> = of_api.map(|(_, it)| of_alias(&it["FunctionName"])).collect();
    called.sort_unstable();
    assert_eq!(called, ["MarketplaceApi", "StatusIngest"]);
}

/// The party polls, so its messages are not EventBridge's by a route that the reconciler made.
#[test]
fn a_declared_route_takes_what_a_party_that_polls_is_told() {
    let pattern = THIRD_PARTY.at("/Resources/Rule/Properties/EventPattern").to_string();
    let pattern = pattern.replace(r#"{"Ref":"Party"}"#, r#""acme""#).replace(r#"{"Ref":"Environment"}"#, r#""prod""#);
    let pattern = Pattern::parse(&pattern).expect("a pattern");
    let told = |party: &str, environment: &str, resource: &str| {
        json!({
            "source": "com.marketplace.router", "detail-type": "marketplace delivery", "resources": [resource],
            "detail": { "3rdparty": party, "environment": environment },
        })
    };
    let takes = |event: &Value| pattern.matches(&Fields::new(event));
    assert!(takes(&told("acme", "prod", DOORBELL)));
    assert!(!takes(&told("acme", "test", DOORBELL)) && !takes(&told("books", "prod", DOORBELL)));
    assert!(!takes(&told("acme", "prod", HANDED_OVER)), "it has a route of its own");
    let mut again = told("acme", "prod", DOORBELL);
    again["replay-name"] = "again".into();
    assert!(!takes(&again), "what an archive plays again the party has had");
}
