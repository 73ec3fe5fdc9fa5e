//! What pages a human: every place where something can pile up or fail is watched, and the alarms reach somebody.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    assert_none,
    template::{STACK, items},
};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The resources that an alarm's metrics are about.
fn watched(alarm: &str) -> BTreeSet<&'static str> {
    let metrics = items(STACK.at(&format!("/Resources/{alarm}/Properties/Metrics")));
    let dimensions = metrics.into_iter().flat_map(|metric| items(&metric["MetricStat"]["Metric"]["Dimensions"]));
    let resource = |value: &'static Value| value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str());
    dimensions.filter_map(|dimension| resource(&dimension["Value"])).collect()
}

fn names(kind: &'static str) -> impl Iterator<Item = &'static str> {
    STACK.of_type(kind).map(|(name, _)| name)
}

#[test]
fn every_dead_letter_queue_that_nobody_reads_is_watched() {
    // What EventBridge could not deliver to third parties is read by the recorder.
    let expected =
        names("AWS::SQS::Queue").filter(|name| name.ends_with("DeadLetters") && *name != "ManagedDeadLetters");
    assert_eq!(watched("DeadLettersAlarm"), expected.collect());
}

#[test]
fn every_queue_that_is_read_is_watched_for_old_messages() {
    let expected = names("AWS::SQS::Queue").filter(|name| name.ends_with("Queue") || *name == "ManagedDeadLetters");
    assert_eq!(watched("QueueAgeAlarm"), expected.collect());
}

#[test]
fn every_function_is_watched() {
    let functions: BTreeSet<_> = names("AWS::Serverless::Function").collect();
    assert_eq!(watched("FunctionErrorsAlarm"), functions);
    assert_eq!(watched("ThrottlesAlarm"), functions);
}

#[test]
fn every_alarm_says_what_it_means_and_reaches_the_operator() {
    let mute = |alarm: &Value| {
        items(&alarm["AlarmActions"]) != [&serde_json::json!({ "Ref": "OperatorTopic" })]
            || alarm["AlarmDescription"].as_str().is_none_or(str::is_empty)
            || alarm["TreatMissingData"].is_null()
    };
    let offenders: Vec<_> =
        STACK.of_type(ALARM).filter(|(_, alarm)| mute(alarm)).map(|(name, _)| name.to_owned()).collect();
    assert!(STACK.of_type(ALARM).count() >= 10);
    assert_none("an alarm is told to the operator", &offenders);
}

/// A clock that does not run sends no data, and no data must be an alarm then.
#[test]
fn silence_of_the_clock_is_an_alarm() {
    assert_eq!(STACK.at("/Resources/MissedTicksAlarm/Properties/TreatMissingData"), "breaching");
}

#[test]
fn no_log_is_kept_for_ever() {
    let offenders: Vec<_> = STACK
        .of_type("AWS::Logs::LogGroup")
        .filter(|(_, group)| group["RetentionInDays"].is_null())
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(STACK.of_type("AWS::Logs::LogGroup").count(), 12);
    assert_none("a log group says how long it keeps what it has", &offenders);
}

#[test]
fn the_bus_tells_what_it_did_and_not_with_what() {
    let log = STACK.at("/Resources/Bus/Properties/LogConfig");
    assert_eq!(*log, serde_json::json!({ "Level": "INFO", "IncludeDetail": "NONE" }));
}

#[test]
fn the_dashboard_shows_the_business() {
    let body = STACK.at("/Resources/Dashboard/Properties/DashboardBody/Fn::Sub").as_str().expect("a text");
    let dashboard: Value = serde_json::from_str(body).expect("JSON");
    assert!(items(&dashboard["widgets"]).len() >= 4);
    for metric in ["Requests", "Offers", "Delivered", "Answered", "Dead", "TimeToAnswer"] {
        assert!(body.contains(&format!("\"{metric}\"")), "{metric} is not shown");
    }
}
