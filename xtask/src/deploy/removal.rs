//! Taking down the stack, and what the stack's functions made beside it.

use anyhow::bail;

use super::{Aws, STACK, failures, output, settled};

/// What the names of third parties' routes begin with: rules, API destinations and connections, made at run time.
const ROUTES: &str = "marketplace-to-";

/// What the names of the rules that forward to further buses begin with.
const FORWARDS: &str = "marketplace-forward-";

/// Takes down the stack, if there is one, and the routes of third parties that were made on its bus at run time.
///
/// # Errors
///
/// When something cannot be removed.
pub(super) fn stack(aws: &Aws) -> anyhow::Result<()> {
    if settled(aws)?.is_none() {
        return Ok(());
    }
    remove_routes(aws)?;
    for bucket in ["DocumentsBucketName", "LakeBucketName"] {
        if let Ok(bucket) = output(aws, bucket) {
            aws.run(&["s3", "rm", "--recursive", "--only-show-errors", &format!("s3://{bucket}")])?;
        }
    }
    aws.run(&["cloudformation", "delete-stack", "--stack-name", STACK])?;
    match settled(aws)?.as_deref() {
        None | Some("DELETE_COMPLETE") => Ok(()),
        Some(state) => bail!("the stack is {state}: {}", failures(aws)?),
    }
}

fn remove_routes(aws: &Aws) -> anyhow::Result<()> {
    for bus in aws.names(&["events", "list-event-buses", "--name-prefix", STACK], "EventBuses", "Name")? {
        remove_rules(aws, &bus)?;
        if bus != STACK {
            aws.run(&["events", "delete-event-bus", "--name", &bus])?;
        }
    }
    for name in aws.names(&["events", "list-api-destinations", "--name-prefix", ROUTES], "ApiDestinations", "Name")? {
        aws.run(&["events", "delete-api-destination", "--name", &name])?;
    }
    for name in aws.names(&["events", "list-connections", "--name-prefix", ROUTES], "Connections", "Name")? {
        aws.run(&["events", "delete-connection", "--name", &name])?;
    }
    Ok(())
}

fn remove_rules(aws: &Aws, bus: &str) -> anyhow::Result<()> {
    let on_bus = ["--event-bus-name", bus];
    for prefix in [ROUTES, FORWARDS] {
        let list = ["events", "list-rules", "--name-prefix", prefix];
        for rule in aws.names(&[&list, &on_bus[..]].concat(), "Rules", "Name")? {
            let targets = ["events", "list-targets-by-rule", "--rule", &rule];
            for target in aws.names(&[&targets, &on_bus[..]].concat(), "Targets", "Id")? {
                let remove = ["events", "remove-targets", "--rule", &rule, "--ids", &target];
                aws.run(&[&remove, &on_bus[..]].concat())?;
            }
            aws.run(&[&["events", "delete-rule", "--name", &rule], &on_bus[..]].concat())?;
        }
    }
    Ok(())
}

/// What there still is of the kinds that the stack is made of. Keys are left out: AWS keeps them for a week.
///
/// # Errors
///
/// When something cannot be listed.
pub(super) fn left_over(aws: &Aws) -> anyhow::Result<Vec<String>> {
    let kinds: [(&[&str], &str, &str); 14] = [
        (&["dynamodb", "list-tables"], "TableNames", ""),
        (&["sqs", "list-queues"], "QueueUrls", ""),
        (&["sns", "list-topics"], "Topics", "TopicArn"),
        (&["s3api", "list-buckets"], "Buckets", "Name"),
        (&["lambda", "list-functions"], "Functions", "FunctionName"),
        (&["events", "list-event-buses", "--name-prefix", STACK], "EventBuses", "Name"),
        (&["events", "list-connections"], "Connections", "Name"),
        (&["cognito-idp", "list-user-pools", "--max-results", "10"], "UserPools", "Name"),
        (&["logs", "describe-log-groups"], "logGroups", "logGroupName"),
        (&["apigatewayv2", "get-apis"], "Items", "Name"),
        (&["cloudwatch", "describe-alarms"], "MetricAlarms", "AlarmName"),
        (&["events", "list-api-destinations"], "ApiDestinations", "Name"),
        (&["firehose", "list-delivery-streams"], "DeliveryStreamNames", ""),
        (&["iam", "list-roles"], "Roles", "RoleName"),
    ];
    let mut left = vec![];
    for (list, items, name) in kinds {
        left.extend(aws.names(list, items, name)?);
    }
    Ok(left)
}
