//! What the emulator of AWS does not know is listed, so that nothing is left out of a local deployment unseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::{STACK, text};

#[test]
fn what_is_left_out_of_a_local_deployment_is_listed() {
    let listed: BTreeMap<String, String> = serde_json::from_str(&text("emulator.json")).expect("types with reasons");
    let expected = [
        "AWS::CloudWatch::Alarm",
        "AWS::Events::Archive",
        "AWS::Logs::Delivery",
        "AWS::Logs::DeliveryDestination",
        "AWS::Logs::DeliverySource",
    ];
    assert_eq!(listed.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(listed.values().all(|reason| !reason.is_empty()));
    let used: BTreeSet<_> = STACK.resources().filter_map(|(_, resource)| resource["Type"].as_str()).collect();
    assert!(expected.iter().all(|kind| used.contains(kind)), "a listed type is not used any more");
}
