//! The stages: each deploys the same template with parameters that it has, and prod is the careful one.

use std::collections::BTreeMap;

use crate::template::{STACK, text};

/// `parameter_overrides` and `tags` of a stage's section, split into names and values.
fn section(stage: &str, key: &str) -> BTreeMap<String, String> {
    let text = text("samconfig.toml");
    let heading = format!("[{stage}.deploy.parameters]");
    let mut lines = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with('['));
    let line = lines.find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{stage} has no {key}"));
    let pairs = line.trim_matches([' ', '=', '"']).split(' ');
    pairs.map(|pair| pair.split_once('=').expect("name=value")).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn every_stage_sets_parameters_that_there_are_and_tags_itself() {
    let parameters = STACK.at("/Parameters").as_object().expect("parameters");
    for stage in ["dev", "test", "prod"] {
        let overrides = section(stage, "parameter_overrides");
        assert_eq!(overrides["Stage"], stage);
        assert!(overrides.keys().all(|name| parameters.contains_key(name)), "{overrides:?}");
        let tags = BTreeMap::from([("project", "marketplace"), ("stage", stage)]);
        let tags = tags.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>();
        assert_eq!(section(stage, "tags"), tags);
    }
}

#[test]
fn prod_shifts_gradually_and_can_be_taken_back() {
    assert_eq!(section("prod", "parameter_overrides")["GradualDeployment"], "true");
    let preference = STACK.at("/Globals/Function/DeploymentPreference");
    assert_eq!(preference["Enabled"]["Ref"], "GradualDeployment");
    assert_eq!(preference["Alarms"].as_array().map(Vec::len), Some(2));
    assert_eq!(STACK.at("/Globals/Function/AutoPublishAlias"), "live");
}

/// What is for one machine only must be asked for.
#[test]
fn nothing_is_lax_unless_asked() {
    for parameter in ["AllowPrivateEndpoints", "PasswordSignIn", "GradualDeployment"] {
        assert_eq!(STACK.at(&format!("/Parameters/{parameter}/Default")), "false", "{parameter}");
    }
    let prod = section("prod", "parameter_overrides");
    assert!(!prod.contains_key("AllowPrivateEndpoints") && !prod.contains_key("PasswordSignIn"));
}

/// Whoever signs up is sent a link; and a production that tells nobody anything is refused.
#[test]
fn without_a_sender_of_mail_nobody_signs_up_and_prod_is_refused() {
    let sign_up = STACK.at("/Resources/MarketplaceApi/Properties/Environment/Variables/MARKETPLACE_SIGNUP");
    assert_eq!(sign_up["Fn::If"], serde_json::json!(["SendsMail", { "Ref": "SignUp" }, "off"]));
    let rule = STACK.at("/Rules/ProductionTellsPeople");
    assert_eq!(rule["RuleCondition"]["Fn::Equals"], serde_json::json!([{ "Ref": "Stage" }, "prod"]));
    let asserted = rule["Assertions"].as_array().expect("assertions").iter().map(|one| one["Assert"].to_string());
    let asserted: Vec<_> = asserted.collect();
    assert!(["MailFrom", "OperatorEmail"].iter().all(|name| asserted.iter().any(|one| one.contains(name))));
}
