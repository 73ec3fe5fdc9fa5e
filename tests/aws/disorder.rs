//! Nothing is lost: functions are killed in the midst of their work, as Lambda does at a timeout; AWS throttles, loses
//! answers and takes only half of what is put on the bus; queues and the stream bring everything again, in any order.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::{
    Answer, Caller, Party, PartyServer, Reply, Stack, User, eventually,
    market::{delivery_of, entries, offer_of, offered_to, text},
    stack::{Between, Deployment, Fate, Observer},
    unique,
};

/// What happens is drawn from this seed; which call is the n-th depends on the machine.
const SEED: u64 = 0x5eed;

/// How many requests are placed; every second one is for one party only.
const REQUESTS: usize = 10;

/// Every queue whose messages functions handle.
const QUEUES: [&str; 4] = ["RouterQueue", "NotifierQueue", "DoorbellQueue", "ManagedDeadLetters"];

/// The next number of a `SplitMix64` sequence.
fn draw(state: &AtomicU64) -> u64 {
    let mut number = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A stack with trouble between it and AWS, while the switch is on.
async fn in_trouble() -> (Stack, Arc<AtomicBool>) {
    let trouble = Arc::new(AtomicBool::new(false));
    let (on, drawn) = (trouble.clone(), AtomicU64::new(SEED));
    let between = Between::start(move |call| {
        let number = draw(&drawn) % 100;
        match number {
            _ if !on.load(Ordering::Relaxed) => Fate::Passes,
            0..40 if call.operation == "PutEvents" => Fate::FailsByHalf,
            0..8 => Fate::IsThrottled,
            8..12 => Fate::LosesItsAnswer,
            12..16 => Fate::Waits(Duration::from_millis(200)),
            _ => Fate::Passes,
        }
    })
    .await;
    let stack = Deployment::default().behind(between).await;
    for queue in QUEUES {
        // Else what a killed function had in hand would come again after three minutes.
        let url = stack.services().queue(&format!("marketplace-{queue}")).await;
        let soon = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "4" } });
        stack.services().json("sqs", "AmazonSQS.SetQueueAttributes", &soon).await;
    }
    (stack, trouble)
}

/// Sends the same until it is answered with something other than trouble.
async fn insist(caller: &Caller, path: &str, body: &Value) -> Answer {
    let key = unique("key");
    eventually(format!("an answer to {path}"), async || {
        let answer = caller.post_once(&key, path, body).await;
        let is_running = answer.status == 409 && answer.json()["current_status"].is_null();
        (answer.status < 500 && answer.status != 429 && !is_running).then_some(answer)
    })
    .await
}

/// Kills one of the functions that run, if any does.
fn kill_a_function(emulator: u32, number: u64) {
    let children = fs::read_to_string(format!("/proc/{emulator}/task/{emulator}/children")).unwrap_or_default();
    let all = fs::read_dir(format!("/proc/{emulator}/task")).into_iter().flatten().flatten();
    let by_thread = all.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<i32> = std::iter::once(children)
        .chain(by_thread)
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect();
    if let Some(child) = children.get(usize::try_from(number).unwrap_or_default() % children.len().max(1)) {
        // It may have ended meanwhile.
        Pid::from_raw(*child).map(|child| kill_process(child, Signal::KILL).ok());
    }
}

/// Makes what there is of a minute pass at once: the clock ticks, and ticks again.
async fn tick(stack: &Stack) {
    // It may be killed, too.
    stack.invoke("clock", &json!({ "tick": "minute" })).await.ok();
}

async fn parties(stack: &Stack, server: &PartyServer) -> Vec<Party> {
    let joined = join_all((0..3).map(async |number| {
        let name = format!("party-{number}");
        let party = stack.join_pushed(&name, &server.url(&format!("/{name}"))).await;
        party.wants_everything().await;
        party
    }));
    joined.await
}

/// Every party accepts its offer of every request, all at once. Answers how many of each request's were taken.
async fn all_accept(stack: &Stack, parties: &[Party], ids: &[String]) -> Vec<usize> {
    let answered = join_all(ids.iter().map(async |id| {
        let path = format!("/v1/requests/{id}");
        let view = eventually(format!("{id} is offered to all"), async || {
            let answer = stack.operator.get(&path).await;
            (answer.status == 200 && offered_to(&answer.json()).len() == 3).then(|| answer.json())
        })
        .await;
        let answers = join_all(parties.iter().map(async |party| {
            let path = format!("/v1/deliveries/{}/status", delivery_of(&view, &party.id));
            insist(&party.api, &path, &json!({ "status": "accepted" })).await.status
        }))
        .await;
        assert!(answers.iter().all(|status| matches!(status, 200 | 409)), "{answers:?}");
        answers.iter().filter(|status| **status == 200).count()
    }));
    answered.await
}

async fn place(user: &User, number: usize) -> String {
    let mode = if number.is_multiple_of(2) { "first-accept" } else { "all" };
    let placed = insist(&user.api, "/v1/requests", &json!({ "category": "books", "mode": mode })).await;
    text(&placed.must_be(201)["id"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_reaches_its_end_and_has_one_winner() {
    let (stack, trouble) = in_trouble().await;
    let observer = Observer::on(&stack).await;
    let server = PartyServer::start(|number, _| Reply::status(if number % 3 == 0 { 500 } else { 200 })).await;
    let parties = parties(&stack, &server).await;
    let user = stack.register().await;

    trouble.store(true, Ordering::Relaxed);
    let process = stack.emulator().process();
    let kills = AtomicU64::new(SEED + 1);
    let playing = async {
        let ids = join_all((0..REQUESTS).map(async |number| place(&user, number).await)).await;
        let taken = all_accept(&stack, &parties, &ids).await;
        (ids, taken)
    };
    let killing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            kill_a_function(process, draw(&kills));
            if draw(&kills).is_multiple_of(5) {
                tick(&stack).await;
            }
            if draw(&kills).is_multiple_of(5) {
                some_again(&stack, &observer.events().await).await;
            }
        }
    };
    let (ids, taken) = tokio::select! {
        played = playing => played,
        () = killing => unreachable!("it goes on"),
    };
    trouble.store(false, Ordering::Relaxed);
    assert!(stack.between().calls().len() > 200, "the functions call through the proxy");

    for (number, (id, taken)) in ids.iter().zip(taken).enumerate() {
        let one_wins = number % 2 == 0;
        assert_eq!(taken, if one_wins { 1 } else { 3 }, "{id}");
        let losers_are_told = |view: &Value| entries(view, "offer.withdrawn").len() == if one_wins { 2 } else { 0 };
        let view = eventually(format!("{id} has its end"), async || {
            let view = stack.request(id).await;
            if !losers_are_told(&view) {
                tick(&stack).await;
            }
            losers_are_told(&view).then_some(view)
        })
        .await;
        assert_eq!(view["status"], "accepted");
        let of = |status: &str| parties.iter().filter(|p| offer_of(&view, &p.id).unwrap()["status"] == status).count();
        assert_eq!((of("accepted"), of("withdrawn")), if one_wins { (1, 2) } else { (3, 0) });
    }
    // Everything that was journalled is on the bus, also what the stream gave up.
    eventually("nothing waits to be published", async || {
        tick(&stack).await;
        let table = stack.output("TableName");
        let count = json!({ "TableName": table, "IndexName": "unpublished", "Select": "COUNT" });
        let found = stack.services().json("dynamodb", "DynamoDB_20120810.Scan", &count).await;
        (found["Count"] == 0).then_some(())
    })
    .await;
    let events = observer.events().await;
    for id in &ids {
        let of_it =
            |event: &&Value| event["detail"]["request_id"] == id.as_str() || event["detail"]["id"] == id.as_str();
        assert!(events.iter().filter(of_it).count() >= 3, "{id} is on the bus");
    }
    everything_again(&stack, &events, &ids).await;
}

/// Whom which events are for.
const READERS: [(&str, &[&str]); 3] = [
    ("request-router", &["marketplace requests", "marketplace status update"]),
    ("notifier", &["marketplace status update"]),
    ("webhook-sender", &["marketplace delivery"]),
];

/// The messages of a queue that events of these types make, the last one first.
fn messages(events: &[Value], types: &[&str]) -> Vec<Value> {
    let message = |(number, event): (usize, &Value)| {
        json!({
            "messageId": format!("m{number}"), "receiptHandle": "r", "body": event.to_string(), "attributes": {},
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "q",
            "awsRegion": "eu-west-1",
        })
    };
    let wanted = events.iter().rev().filter(|event| types.iter().any(|kind| event["detail-type"] == *kind));
    wanted.enumerate().map(message).collect()
}

/// Brings the newest events again, in the midst of everything.
async fn some_again(stack: &Stack, events: &[Value]) {
    for (function, types) in READERS {
        let mut batch = messages(events, types);
        batch.truncate(10);
        // It may be killed, too.
        stack.invoke(function, &json!({ "Records": batch })).await.ok();
    }
}

/// Brings every event to every function again, the last one first, and every record of the stream.
async fn everything_again(stack: &Stack, events: &[Value], ids: &[String]) {
    let states = join_all(ids.iter().map(async |id| stack.request(id).await)).await;
    for (function, types) in READERS {
        for batch in messages(events, types).chunks(10) {
            let answer = stack.invoke(function, &json!({ "Records": batch })).await.expect("it does not fail");
            assert_eq!(answer["batchItemFailures"], json!([]), "{function}");
        }
    }
    let records: Vec<_> = stream(stack).await.into_iter().rev().collect();
    assert!(records.len() > ids.len());
    for batch in records.chunks(50) {
        let answer = stack.invoke("outbox-publisher", &json!({ "Records": batch })).await.expect("it does not fail");
        assert_eq!(answer["batchItemFailures"], json!([]));
    }
    for (id, before) in ids.iter().zip(states) {
        let after = stack.request(id).await;
        for part in ["status", "winner", "offers"] {
            let without_attempts = |view: &Value| {
                let mut part = view[part].clone();
                for offer in part.as_array_mut().into_iter().flatten() {
                    offer["attempts"].take();
                }
                part
            };
            assert_eq!(without_attempts(&after), without_attempts(&before), "{id}: {part}");
        }
    }
}

/// The records of journal rows in the table's stream.
async fn stream(stack: &Stack) -> Vec<Value> {
    let streams = async |operation: &str, body: Value| {
        stack.services().json("dynamodb", &format!("DynamoDBStreams_20120810.{operation}"), &body).await
    };
    let found = streams("ListStreams", json!({ "TableName": stack.output("TableName") })).await;
    let arn = found["Streams"][0]["StreamArn"].clone();
    let described = streams("DescribeStream", json!({ "StreamArn": arn })).await;
    let mut records = vec![];
    for shard in described["StreamDescription"]["Shards"].as_array().expect("shards") {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let mut iterator = streams("GetShardIterator", from).await["ShardIterator"].clone();
        loop {
            let page = streams("GetRecords", json!({ "ShardIterator": iterator })).await;
            let found = page["Records"].as_array().cloned().unwrap_or_default();
            if found.is_empty() {
                break;
            }
            let journal = found.into_iter().filter(|record| record["dynamodb"]["NewImage"]["unpub_pk"].is_object());
            records.extend(journal);
            iterator = page["NextShardIterator"].clone();
        }
    }
    records
}
