//! What of `tests/it` is not played on the deployed stack, and why: everything else is. (`tests/faults` and
//! `tests/interface` kill and call the program of one machine; what is broken on AWS is broken in `disorder.rs`.)

use std::{collections::BTreeSet, fs, path::PathBuf};

/// Files none of whose flows is played.
const FILES: [(&str, &str); 10] = [
    ("bad_input", "thousands of calls to the same routers, and the emulator takes a tenth of a second for each"),
    ("changes", "it reads the database itself, for want of a timeline of parties"),
    ("operations/backup", "the database is one file there; on AWS the table has its own (tests/infra/table.rs)"),
    ("operations/configuration", "variables of one process; those of functions are in tests/infra/environment.rs"),
    ("operations/disk", "a disk of one machine that is full or broken"),
    ("operations/drain", "a process that is asked to end; functions are killed in disorder.rs"),
    ("operations/examples", "processes beside one server; what they do is in certification.rs, which is played"),
    (
        "operations/limits",
        "callers are counted by one process; the HTTP API's stage counts there (tests/infra/routes.rs)",
    ),
    ("operations/secret_key", "a key in one machine's hands; on AWS it is KMS's, which changes it by itself"),
    (
        "operations/secrets",
        "it reads one machine's files and log; contract/suite/secrets.rs reads what is stored on both",
    ),
];

/// Flows that are not played, with their files.
const FLOWS: &[(&str, &str)] = &[
    ("aws_client::a_pattern_is_tried_as_aws_tries_it", "patterns are tried by EventBridge itself"),
    ("aws_client::a_wrong_secret_is_refused_and_nothing_is_put", "AWS checks signatures itself, and the emulator none"),
    ("aws_client::each_entry_has_its_own_result", "EventBridge takes any entry, and the router only what is a request"),
    ("health::who_has_nothing_but_failures_is_warned_by_mail_and_paused_and_gets_everything_once_resumed", HOURS),
    ("idempotency::while_the_first_is_running_the_others_are_told_so", PEOPLE),
    ("idempotency::who_registers_twice_has_one_account", PEOPLE),
    ("isolation::a_party_that_answers_in_almost_five_seconds_delays_no_other", TIMEOUT),
    ("notices::each_change_is_mailed_once", "it is the story of a mail server, and SES is none"),
    ("notices::nothing_goes_to_an_address_that_nobody_confirmed", PEOPLE),
    ("push::an_endpoint_that_does_not_answer_in_time_is_tried_again", TIMEOUT),
    ("push::a_token_is_used_again_and_replaced_when_it_is_refused", "instances of the sender have a token each"),
    ("transports::a_negative_retry_after_ends_it_under_managed_only", MANAGED),
    ("transports::managed_retries_what_eventbridge_retries", MANAGED),
    ("transports::retry_after_is_respected", MANAGED),
    ("users::an_address_is_one_account", PEOPLE),
    ("users::somebody_registers_signs_in_and_reads_their_profile", PEOPLE),
    ("users::tokens_are_verified_with_the_published_keys", PEOPLE),
    ("users::who_guesses_passwords_is_slowed_down_and_learns_nothing", PEOPLE),
];

const PEOPLE: &str = "people are in a Cognito pool, which registers, confirms and signs in by itself";
const MANAGED: &str = "EventBridge retries by itself, and the emulator does not retry at all";
const HOURS: &str = "it takes five days there, or an hour at least, and nothing shortens that";
const TIMEOUT: &str = "how long an attempt may take cannot be set there, and five seconds each are too long here";

/// Whether the flow that a scenario is in, by its type's name, is not played.
pub(crate) fn has_one(scenario: &str) -> bool {
    let path = scenario.split("::{{closure}}").next().unwrap_or_default();
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    FLOWS.iter().any(|(flow, _)| *flow == name)
}

fn source(path: &str) -> syn::File {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The modules that a file declares.
fn modules(path: &str) -> BTreeSet<String> {
    let items = source(path).items.into_iter();
    let module = |item| if let syn::Item::Mod(module) = item { Some(module.ident.to_string()) } else { None };
    items.filter_map(module).collect()
}

/// The tests in a file of flows.
fn tests_of(module: &str) -> Vec<String> {
    let items = source(&format!("it/{module}.rs")).items.into_iter();
    let is_test = |function: &syn::ItemFn| {
        function.attrs.iter().any(|attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test"))
    };
    let name = |item| match item {
        syn::Item::Fn(function) if is_test(&function) => Some(format!("{module}::{}", function.sig.ident)),
        _ => None,
    };
    items.filter_map(name).collect()
}

#[test]
fn every_flow_is_played_or_excused() {
    let (here, mut there) = (modules("aws/main.rs"), modules("it/main.rs"));
    there.remove("operations");
    there.extend(modules("it/operations.rs").iter().map(|module| format!("operations/{module}")));
    let missing: Vec<_> =
        there.iter().filter(|module| !here.contains(*module) && FILES.iter().all(|(file, _)| file != module)).collect();
    assert!(missing.is_empty(), "neither played here nor excused: {missing:?}");
    for (file, _) in FILES {
        assert!(there.contains(file) && !here.contains(file), "{file} has an excuse and needs none");
    }
    let flows: BTreeSet<_> =
        there.intersection(&here).filter(|module| *module != "place").flat_map(|module| tests_of(module)).collect();
    for (flow, _) in FLOWS {
        assert!(flows.contains(*flow), "{flow} has an excuse and is no flow");
    }
    for (excused, reason) in FILES.iter().chain(FLOWS) {
        assert!(reason.split_whitespace().count() >= 5, "{excused} has an excuse without a reason");
    }
}

#[tokio::test]
async fn a_scenario_is_known_by_the_flow_that_it_is_in() {
    fn name_of<S: AsyncFn(u8)>(_: S) -> &'static str {
        std::any::type_name::<S>()
    }
    let name = name_of(async |_| {});
    assert!(name.starts_with("aws::excuses::a_scenario_is_known_by_the_flow_that_it_is_in::{{closure}}"), "{name}");
}
