//! Nothing is lost: whatever is called without an answer is tried again, and has somewhere to go when it fails.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    assert_none,
    template::{STACK, THIRD_PARTY, Template, items, of_alias, of_arn},
};

const FUNCTION: &str = "AWS::Serverless::Function";
const QUEUE: &str = "AWS::SQS::Queue";
const RULE: &str = "AWS::Events::Rule";
const SCHEDULE: &str = "AWS::Scheduler::Schedule";

/// What Lambda asks for: a batch may be retried by Lambda itself before the queue hands it out again.
const VISIBILITY_FACTOR: u64 = 6;

/// The functions' event sources: the function's name and properties, and the event's.
fn sources() -> impl Iterator<Item = (&'static str, &'static Value, &'static Value)> {
    STACK.of_type(FUNCTION).flat_map(|(name, function)| {
        let events = function["Events"].as_object().into_iter().flatten();
        events.map(move |(_, event)| (name, function, event))
    })
}

fn queue(name: &str) -> &'static Value {
    let found = STACK.of_type(QUEUE).find(|(queue, _)| *queue == name);
    found.unwrap_or_else(|| panic!("there is no queue {name}")).1
}

/// The queues that a rule may send to, by their policies.
fn queues_open_to<'a>(template: &'a Template, rule: &str) -> BTreeSet<&'a str> {
    let policies = template.of_type("AWS::SQS::QueuePolicy");
    let statements = policies.flat_map(|(_, policy)| items(&policy["PolicyDocument"]["Statement"]));
    let open = statements.filter(|statement| {
        let source = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
        statement["Principal"]["Service"] == "events.amazonaws.com"
            && statement["Action"] == "sqs:SendMessage"
            && source["Fn::GetAtt"][0] == rule
    });
    open.flat_map(|statement| items(&statement["Resource"])).map(of_arn).collect()
}

#[test]
fn every_target_of_a_rule_is_retried_and_has_a_dead_letter_queue_that_takes_its_events() {
    let (mut offenders, mut seen) = (vec![], 0);
    for template in [&*STACK, &*THIRD_PARTY] {
        for (name, rule) in template.of_type(RULE) {
            let open = queues_open_to(template, name);
            for target in items(&rule["Targets"]) {
                seen += 1;
                let dead_letters = &target["DeadLetterConfig"]["Arn"];
                if dead_letters.is_null() || !open.contains(of_arn(dead_letters)) {
                    offenders.push(format!("{name}: no dead-letter queue whose policy names the rule"));
                }
                let policy = &target["RetryPolicy"];
                if policy["MaximumEventAgeInSeconds"].is_null() || policy["MaximumRetryAttempts"] != 185 {
                    offenders.push(format!("{name}: no retry policy"));
                }
                let queue = target["Arn"]["Fn::GetAtt"][0].as_str().filter(|arn| arn.ends_with("Queue"));
                if queue.is_some_and(|queue| !open.contains(queue)) {
                    offenders.push(format!("{name}: the queue's policy does not name the rule"));
                }
            }
        }
    }
    assert!(seen >= 6, "{seen} targets were looked at");
    assert_none("a target without these drops events in silence", &offenders);
}

#[test]
fn every_schedule_is_retried_and_has_a_dead_letter_queue() {
    let lacks = |schedule: &Value| {
        let target = &schedule["Target"];
        target["DeadLetterConfig"]["Arn"].is_null() || target["RetryPolicy"]["MaximumRetryAttempts"].is_null()
    };
    let offenders: Vec<_> =
        STACK.of_type(SCHEDULE).filter(|(_, schedule)| lacks(schedule)).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(STACK.of_type(SCHEDULE).count(), 2);
    assert_none("a schedule has a retry policy and a dead-letter queue", &offenders);
}

#[test]
fn every_function_that_is_called_without_waiting_has_a_destination_for_failures() {
    let schedules = STACK.of_type(SCHEDULE).map(|(_, schedule)| of_alias(&schedule["Target"]["Arn"]));
    let subscriptions = STACK.of_type("AWS::Logs::SubscriptionFilter");
    let logs = subscriptions.map(|(_, subscription)| of_alias(&subscription["DestinationArn"]));
    let called: BTreeSet<_> = schedules.chain(logs).collect();
    assert_eq!(called, BTreeSet::from(["Clock", "DeliveryRecorder"]));
    let lacks = |name: &&str| {
        let destination = &STACK.at(&format!("/Resources/{name}/Properties"))["EventInvokeConfig"]["DestinationConfig"];
        destination["OnFailure"]["Destination"].is_null()
    };
    let offenders: Vec<_> = called.into_iter().filter(lacks).map(str::to_owned).collect();
    assert_none("a failed asynchronous call goes to a queue", &offenders);
}

#[test]
fn every_batch_may_fail_in_part() {
    let lacks = |event: &Value| {
        items(&event["Properties"]["FunctionResponseTypes"]) != [&Value::from("ReportBatchItemFailures")]
    };
    let offenders: Vec<_> = sources().filter(|(_, _, event)| lacks(event)).map(|(name, ..)| name.to_owned()).collect();
    assert_eq!(sources().count(), 6);
    assert_none("without it, the failures that a function reports are dropped", &offenders);
}

#[test]
fn a_queue_hides_its_messages_six_times_as_long_as_its_function_may_run() {
    let mut offenders = vec![];
    for (name, function, event) in sources().filter(|(_, _, event)| event["Type"] == "SQS") {
        let queue_name = of_arn(&event["Properties"]["Queue"]);
        let visible = queue(queue_name)["VisibilityTimeout"].as_u64().unwrap_or_default();
        let timeout = STACK.of_function(function, "Timeout").as_u64().expect("a number of seconds");
        if visible < VISIBILITY_FACTOR * timeout {
            offenders.push(format!("{queue_name}: {visible} s, and {name} runs up to {timeout} s"));
        }
    }
    assert_none("else a message is handled twice at once", &offenders);
}

#[test]
fn what_a_queue_or_the_stream_cannot_get_done_is_kept() {
    let mut offenders = vec![];
    for (name, _, event) in sources() {
        let properties = &event["Properties"];
        let kept = if event["Type"] == "SQS" {
            let redrive = &queue(of_arn(&properties["Queue"]))["RedrivePolicy"];
            redrive["deadLetterTargetArn"].is_object() && redrive["maxReceiveCount"].as_u64() >= Some(3)
        } else {
            properties["DestinationConfig"]["OnFailure"]["Destination"].is_object()
                && properties["BisectBatchOnFunctionError"] == true
        };
        if !kept {
            offenders.push(name.to_owned());
        }
    }
    assert_none("every source has a dead-letter queue, after three tries at least", &offenders);
}

#[test]
fn queues_are_encrypted_and_keep_dead_letters_for_a_fortnight() {
    let lacks = |queue: &Value| queue["SqsManagedSseEnabled"] != true || queue["MessageRetentionPeriod"] != 1_209_600;
    let all = STACK.of_type(QUEUE).chain(THIRD_PARTY.of_type(QUEUE));
    let offenders: Vec<_> = all.filter(|(_, queue)| lacks(queue)).map(|(name, _)| name.to_owned()).collect();
    assert_none("a queue is encrypted and keeps what it has for 14 days", &offenders);
}

#[test]
fn every_rule_that_reaches_third_parties_leaves_replays_out() {
    let reaches = [(&*STACK, "DoorbellRule"), (&*THIRD_PARTY, "Rule")];
    for (template, rule) in reaches {
        let pattern = template.at(&format!("/Resources/{rule}/Properties/EventPattern"));
        assert_eq!(pattern["replay-name"][0]["exists"], false, "{rule}: {pattern}");
    }
}
