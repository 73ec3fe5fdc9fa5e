//! What is on the stack's bus, as a consumer sees it: a rule of its own, and a queue that nobody reads but this.

use event_schema::validate;
use serde_json::{Value, json};

use super::{REGION, Services, Stack};
use crate::eventually;

/// The account that everything is in.
const ACCOUNT: &str = "000000000000";

/// A queue of everything that came to the bus since this was made.
#[derive(Clone, Debug)]
pub struct Observer {
    services: Services,
    queue: String,
}

impl Observer {
    /// Begins to observe.
    pub async fn on(stack: &Stack) -> Self {
        Self::of(stack.services().clone(), stack.output("BusName"), "observer").await
    }

    /// Begins to observe a bus, under this name.
    pub(super) async fn of(services: Services, bus: &str, queue: &str) -> Self {
        services.json("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": queue })).await;
        let rule = json!({
            "Name": queue, "EventBusName": bus,
            "EventPattern": json!({ "source": [{ "prefix": "com.marketplace." }] }).to_string(),
        });
        services.json("events", "AWSEvents.PutRule", &rule).await;
        let target = json!({ "Id": "queue", "Arn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}") });
        let targets = json!({ "Rule": queue, "EventBusName": bus, "Targets": [target] });
        let put = services.json("events", "AWSEvents.PutTargets", &targets).await;
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        Self { services, queue: queue.to_owned() }
    }

    /// Every event so far, in the order in which they came; a repeat is there twice.
    ///
    /// # Panics
    /// When something in the queue is no event, or not what its schema says.
    pub async fn events(&self) -> Vec<Value> {
        let messages = self.services.messages(&self.queue).await;
        let body = |message: &Value| serde_json::from_str(message["Body"].as_str().expect("a body")).expect("an event");
        messages.iter().map(body).inspect(as_published).collect()
    }

    /// Waits until offers to a party are handed over to EventBridge.
    pub async fn route(&self, party: &str) {
        let fits = |event: &Value| {
            let detail = &event["detail"];
            detail["3rdparty"] == party && detail["changed_fields"] == json!(["route"])
        };
        self.event(&format!("{party} has a route"), fits).await;
    }

    /// Waits for an event that fits.
    pub async fn event(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || self.events().await.into_iter().find(|event| fits(event))).await
    }
}

/// Holds an event of ours against its published schema; those from outside have no metadata, and nobody has to believe
/// them.
fn as_published(event: &Value) {
    if event["detail"]["metadata"].is_object() {
        let detail_type = event["detail-type"].as_str().expect("an event says what it is");
        assert_eq!(validate::check(detail_type, &event["detail"]), Ok(()), "{event:#}");
    }
}
