//! What is published in `schemas/`, held against the types: schemas that have not drifted, examples that hold.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail in what its tests share, too")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use event_schema::{
    delivery::DeliveryDetail, delivery_result::DeliveryResultDetail, envelope::Detail, envelope::Event,
    kind::EventKind, message, names, request::RequestDetail, schema, splice, status_update::StatusUpdateDetail,
    third_party::ThirdPartyDetail, validate,
};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(name)
}

fn read(path: &PathBuf) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every example that is a whole event, with its file's name.
fn events() -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = fs::read_dir(folder("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(&path)))
        .filter(|(name, _)| name != "new-request.json")
        .collect();
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}

#[test]
fn the_published_schemas_are_what_the_types_generate() {
    let published: BTreeSet<String> = fs::read_dir(folder("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let expected: BTreeSet<String> = EventKind::ALL.map(EventKind::schema_file).into();
    assert_eq!(published, expected);
    for kind in EventKind::ALL {
        let on_disk = read(&folder("events").join(kind.schema_file()));
        assert_eq!(on_disk, schema::of(kind), "run `cargo run -p event-schema --example generate`");
    }
}

#[test]
fn the_published_schemas_are_schemas_of_draft_2020_12() {
    for kind in EventKind::ALL {
        let published = schema::of(kind);
        assert_eq!(published["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(jsonschema::draft202012::meta::is_valid(&published), "{kind}");
    }
}

#[test]
fn every_kind_of_event_has_an_example() {
    let kinds: BTreeSet<String> =
        events().into_iter().map(|(_, event)| event["detail-type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, EventKind::ALL.map(|kind| kind.detail_type().to_owned()).into());
}

#[test]
fn every_example_is_valid_and_survives_the_types() {
    for (name, event) in events() {
        let detail_type = event["detail-type"].as_str().unwrap();
        let kind = EventKind::from_detail_type(detail_type).unwrap();
        assert!(name.starts_with(kind.schema_file().trim_end_matches("v1.json")), "{name}");
        assert_eq!(validate::check(detail_type, &event["detail"]), Ok(()), "{name}");
        let again = match kind {
            EventKind::Request => through::<RequestDetail>(&event),
            EventKind::Delivery => through::<DeliveryDetail>(&event),
            EventKind::StatusUpdate => through::<StatusUpdateDetail>(&event),
            EventKind::DeliveryResult => through::<DeliveryResultDetail>(&event),
            EventKind::ThirdParty => through::<ThirdPartyDetail>(&event),
        };
        assert_eq!(again, event, "{name}");
    }
}

/// Reads an event into its type, builds it anew from its parts and writes it.
fn through<D: Detail>(event: &Value) -> Value {
    let event: Event<D> = serde_json::from_value(event.clone()).unwrap();
    serde_json::to_value(Event::new(event.id, event.source, event.time, event.detail)).unwrap()
}

#[test]
fn the_description_of_the_bus_has_every_kind_of_event_and_no_others() {
    let text = fs::read_to_string(folder("asyncapi.yaml")).unwrap();
    let described: Value = yaml_serde::from_str(&text).unwrap();
    let channel = &described["channels"]["marketplace"];
    assert_eq!(channel["address"], names::BUS);
    let messages = channel["messages"].as_object().unwrap().values();
    let mut kinds = BTreeSet::new();
    for message in messages {
        let reference = message["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        let message = described.pointer(reference).unwrap();
        let fields = &message["payload"]["allOf"][1]["properties"];
        let detail_type = fields["detail-type"]["const"].as_str().unwrap();
        let kind = EventKind::from_detail_type(detail_type).unwrap();
        assert_eq!(message["name"], detail_type);
        assert_eq!(fields["detail"]["$ref"], format!("./events/{}", kind.schema_file()));
        let validator = jsonschema::validator_for(&json!({
            "allOf": [described["components"]["schemas"]["Envelope"], { "properties": { "source": fields["source"] } }],
        }));
        let validator = validator.unwrap();
        for (name, event) in events().iter().filter(|(_, event)| event["detail-type"] == detail_type) {
            let faults: Vec<_> = validator.iter_errors(event).map(|error| error.to_string()).collect();
            assert_eq!(faults, [""; 0], "{name}");
        }
        assert!(kinds.insert(detail_type.to_owned()), "{detail_type} is there twice");
    }
    assert_eq!(kinds, EventKind::ALL.map(|kind| kind.detail_type().to_owned()).into());
}

#[test]
fn the_articles_entry_is_a_valid_request() {
    let entries = read(&folder("examples").join("new-request.json"));
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["Source"], names::SOURCE_MARKET);
    assert_eq!(entries[0]["EventBusName"], names::BUS);
    let detail: Value = serde_json::from_str(entries[0]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(validate::check(entries[0]["DetailType"].as_str().unwrap(), &detail), Ok(()));
    let typed: RequestDetail = serde_json::from_value(detail).unwrap();
    assert_eq!(typed.request.third_party.as_deref(), Some("3rdparty1"));
    assert_eq!(Value::Object(typed.request.extra), json!({ "requests1": "books", "requests2": "pens" }));
}

#[test]
fn the_example_of_a_delivery_is_what_the_renderer_writes() {
    let (_, event) = events().into_iter().find(|(name, _)| name.contains("offer-created")).unwrap();
    let typed: Event<DeliveryDetail> = serde_json::from_value(event.clone()).unwrap();
    let (detail, data) = (&typed.detail, &typed.detail.message.data);
    let text = message::render(
        detail.message.kind,
        detail.message.timestamp,
        detail.delivery_id,
        &detail.third_party,
        detail.environment,
        detail.request_id,
        &serde_json::to_string(&data.request.fields).unwrap(),
    );
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), event["detail"]["message"]);
    assert_eq!(data.request.id, detail.request_id);
    assert_eq!(detail.delivery_id.request(), detail.request_id);
}

#[test]
fn a_detail_with_spliced_metadata_is_the_typed_detail() {
    let (_, event) = events().into_iter().find(|(name, _)| name.ends_with("items.json")).unwrap();
    let typed: RequestDetail = serde_json::from_value(event["detail"].clone()).unwrap();
    let fields = serde_json::to_string(&typed.request).unwrap();
    let text = splice::with_metadata(typed.metadata.as_ref().unwrap(), &fields).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), event["detail"]);
}

#[test]
fn an_event_of_ours_that_breaks_its_schema_is_refused_where_it_does() {
    for (name, event) in events() {
        let detail_type = event["detail-type"].as_str().unwrap();
        if event["detail"].get("metadata").is_none() {
            continue;
        }
        let mut broken = event["detail"].clone();
        broken["metadata"]["version"] = json!(2);
        broken["metadata"]["event_id"] = json!("not a uuid");
        let faults = validate::check(detail_type, &broken).unwrap_err();
        let mut pointers: Vec<String> = faults.into_iter().map(|fault| fault.pointer).collect();
        pointers.sort();
        assert_eq!(pointers, ["/metadata/event_id", "/metadata/version"], "{name}");
    }
}
