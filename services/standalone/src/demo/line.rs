//! A request's timeline in words, one line for each thing that a person would want to know.

use console::style;
use jiff::Timestamp;
use serde_json::Value;

use super::answers::{CREATED, Entry, RequestAnswer, WITHDRAWN};

/// How much is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Detail {
    /// Every step.
    Every,
    /// What is not routine.
    Brief,
}

/// A line of the timeline.
#[derive(Debug)]
pub(super) struct Line {
    /// When it happened.
    pub(super) at: Timestamp,
    /// Its place among all that happened to requests.
    pub(super) sequence: u64,
    /// The request, shortened, or the party that did it.
    pub(super) who: String,
    /// What happened.
    pub(super) text: String,
}

/// The part of an id that tells it from others on one screen.
pub(super) fn short(request: &str) -> String {
    let tail = request.len().saturating_sub(4);
    format!("req_…{}", request.get(tail..).unwrap_or(request))
}

/// What the timeline has that came after `told`.
pub(super) fn lines(answer: &RequestAnswer, told: u64, detail: Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut offered: Option<(&Entry, Vec<&str>)> = None;
    for entry in answer.timeline.iter().filter(|entry| entry.sequence > told) {
        if entry.kind == "offer.created" {
            offered.get_or_insert_with(|| (entry, Vec::new())).1.push(&entry.third_party);
        } else if let Some(text) = say(entry, &answer.request, detail) {
            lines.push(line(answer, entry, text));
        }
    }
    if let Some((first, parties)) = offered {
        lines.push(line(answer, first, format!("offered to {}", style(parties.join(", ")).cyan())));
    }
    lines
}

fn line(answer: &RequestAnswer, entry: &Entry, text: String) -> Line {
    Line { at: entry.at, sequence: entry.sequence, who: short(&answer.id), text }
}

fn say(entry: &Entry, request: &Value, detail: Detail) -> Option<String> {
    let party = &entry.third_party;
    Some(match entry.kind.as_str() {
        "request.created" => wish(request),
        "request.unmatched" => style("unmatched: nobody may see it and wants it").yellow().to_string(),
        "request.cancelled" => style("cancelled by its user").yellow().to_string(),
        "offer.answered" => return answered(entry, detail),
        "offer.withdrawn" => style(format!("withdrawn from {party}")).magenta().to_string(),
        "offer.released" => style(given_back(entry)).yellow().to_string(),
        "offer.expired" => style(format!("expired at {party}")).yellow().to_string(),
        "message.delivered" => return arrived(entry, detail),
        "message.failed" => style(dead_letter(entry)).red().to_string(),
        "message.replayed" => format!("the dead letter for {party} gets another run"),
        "user.told" if detail == Detail::Every => {
            let channel = entry.channel.as_deref().unwrap_or("some way");
            format!("its user is told by {channel}")
        }
        _ => return None,
    })
}

fn given_back(entry: &Entry) -> String {
    let reason = entry.reason.as_ref().map(|reason| format!(", “{reason}”")).unwrap_or_default();
    format!("{} gave it back{reason}", entry.third_party)
}

fn dead_letter(entry: &Entry) -> String {
    let reason = entry.reason.as_deref().unwrap_or("no reason given").replace('_', " ");
    let what = if entry.message == CREATED { "" } else { " (that it is withdrawn)" };
    format!("dead letter for {}{what}: {reason}", entry.third_party)
}

fn answered(entry: &Entry, detail: Detail) -> Option<String> {
    let party = &entry.third_party;
    let reason = entry.reason.as_ref().map(|reason| format!(", “{reason}”")).unwrap_or_default();
    let won = if entry.won { " and wins" } else { "" };
    match entry.status.as_str() {
        "completed" => Some(style(format!("{party}: completed{won}")).green().to_string()),
        "declined" => Some(style(format!("{party}: declined{reason}")).yellow().to_string()),
        status if detail == Detail::Every || entry.won => Some(format!("{party}: {status}{won}")),
        _ => None,
    }
}

fn arrived(entry: &Entry, detail: Detail) -> Option<String> {
    let party = &entry.third_party;
    match (entry.message.as_str(), entry.via.as_str()) {
        (WITHDRAWN, _) if detail == Detail::Every => Some(format!("{party} knows that it is withdrawn")),
        (CREATED, "push") if entry.attempts > 1 => {
            Some(style(format!("delivered to {party}, at attempt {}", entry.attempts)).blue().to_string())
        }
        (CREATED, "inbox") if detail == Detail::Every => Some(format!("{party} has it from its inbox")),
        (CREATED, _) if detail == Detail::Every => Some(format!("delivered to {party}")),
        _ => None,
    }
}

/// What a user asked for.
pub(super) fn wish(request: &Value) -> String {
    let mut words = Vec::new();
    for field in ["category", "requests1", "requests2"] {
        words.extend(request[field].as_str().map(str::to_owned));
    }
    words.extend(request["amount"].as_number().map(|amount| format!("worth {amount}")));
    words.extend(request["region"].as_str().map(|region| format!("in {region}")));
    words.extend(request["3rdparty"].as_str().map(|party| format!("addressed to {party}")));
    if request["mode"] == "first-accept" {
        words.push("first to accept wins".to_owned());
    }
    let user = request["user_id"].as_str().unwrap_or("somebody");
    let user = if user.starts_with("usr_") { "a user".to_owned() } else { format!("user {user}") };
    style(format!("{user} asks for {}", words.join(", "))).bold().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> RequestAnswer {
        let at = "2026-01-02T12:00:01.123Z";
        serde_json::from_value(json!({
            "id": "req_0198c5d4-0000-7000-8000-00000000ab12",
            "status": "completed",
            "request": {"user_id": "usr_1", "category": "books", "amount": 40, "3rdparty": "a"},
            "offers": [],
            "timeline": [
                {"at": at, "sequence": 1, "type": "request.created"},
                {"at": at, "sequence": 2, "type": "offer.created", "third_party": "a"},
                {"at": at, "sequence": 3, "type": "offer.created", "third_party": "b"},
                {"at": at, "sequence": 4, "type": "message.delivered", "third_party": "a",
                 "message": "offer.created", "via": "push", "attempts": 1},
                {"at": at, "sequence": 5, "type": "message.delivered", "third_party": "b",
                 "message": "offer.created", "via": "push", "attempts": 3},
                {"at": at, "sequence": 6, "type": "offer.answered", "third_party": "a", "status": "completed"},
            ],
        }))
        .unwrap()
    }

    fn texts(told: u64, detail: Detail) -> Vec<String> {
        let mut lines = lines(&answer(), told, detail);
        lines.sort_by_key(|line| line.sequence);
        lines.iter().map(|line| console::strip_ansi_codes(&line.text).into_owned()).collect()
    }

    #[test]
    fn every_step_is_told_once_and_offers_of_one_request_share_a_line() {
        let every = [
            "a user asks for books, worth 40, addressed to a",
            "offered to a, b",
            "delivered to a",
            "delivered to b, at attempt 3",
            "a: completed",
        ];
        assert_eq!(texts(0, Detail::Every), every);
        assert_eq!(texts(5, Detail::Every), ["a: completed"]);
        assert_eq!(texts(6, Detail::Every), Vec::<String>::new());
    }

    #[test]
    fn the_brief_way_leaves_routine_out() {
        assert!(!texts(0, Detail::Brief).contains(&"delivered to a".to_owned()));
        assert_eq!(short(&answer().id), "req_…ab12");
    }
}
