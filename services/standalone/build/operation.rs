//! One operation: what it is for, who may call it, what it takes and what it answers.

use yaml_serde::Value;

use crate::{
    description::{Description, Operation, elements, members, text},
    kind::kind,
    prose::{block, code, escaped, paragraph, sentence},
    schema,
    table::{self, table},
};

/// The article about an operation.
pub(crate) fn article(description: &Description, operation: &Operation<'_>) -> String {
    let value = operation.value;
    format!(
        "<article id=\"{}\">\n<h3>{}</h3>\n<p class=\"call\"><span class=\"method\">{}</span> {}</p>\n{}{}{}{}{}</article>\n",
        description.id(operation),
        sentence(&value["summary"]),
        operation.method,
        code(operation.path),
        paragraph(&value["description"]),
        callers(description, value),
        parameters(description, value),
        body(description, operation),
        answers(description, value),
    )
}

fn callers(description: &Description, value: &Value) -> String {
    let alternatives = elements(&value["security"]).map(|alternative| {
        let name = members(alternative).map(|(name, _)| name).next();
        name.map_or("nobody in particular".to_owned(), |name| {
            let scheme = description.at(&["components", "securitySchemes", name]);
            format!("{} ({})", code(name), sentence(&scheme["description"]).trim_end_matches('.'))
        })
    });
    let alternatives: Vec<_> = alternatives.collect();
    let callers = if alternatives.is_empty() { "anybody".to_owned() } else { alternatives.join("; or ") };
    format!("<p class=\"callers\">Credential: {callers}.</p>\n")
}

fn parameters(description: &Description, value: &Value) -> String {
    let row = |parameter: &Value| {
        let parameter = description.resolved(parameter);
        vec![
            table::name(&code(text(&parameter["name"])), parameter["required"].as_bool() == Some(true)),
            escaped(text(&parameter["in"])),
            kind(description, &parameter["schema"]),
            sentence(&parameter["description"]),
        ]
    };
    let rows: Vec<_> = elements(&value["parameters"]).map(row).collect();
    table("Parameters", &["Name", "In", "Value", "Meaning"], &rows)
}

fn body(description: &Description, operation: &Operation<'_>) -> String {
    let mut html = String::new();
    for (media_type, media) in members(&operation.value["requestBody"]["content"]) {
        let value = kind(description, &media["schema"]);
        html.push_str(&format!("<h4>Body</h4>\n<p>{}: {value}</p>\n", code(media_type)));
        html.push_str(&paragraph(&operation.value["requestBody"]["description"]));
        if !media["schema"]["$ref"].is_string() {
            html.push_str(&schema::explained(description, "the body", &media["schema"]));
        }
        for (name, example) in members(&media["examples"]) {
            let json = serde_json::to_string_pretty(&example["value"]).unwrap_or_default();
            let summary = text(&example["summary"]);
            let label = if summary.is_empty() { name.to_owned() } else { format!("{name}: {summary}") };
            html.push_str(&format!(
                "<details><summary>Example: {}</summary>\n{}</details>\n",
                escaped(&label),
                block(&label, &json)
            ));
        }
    }
    html
}

fn answers(description: &Description, value: &Value) -> String {
    let row = |(status, answer)| {
        let answer = description.resolved(answer);
        let bodies = members(&answer["content"]).map(|(_, media)| kind(description, &media["schema"]));
        let bodies = bodies.collect::<Vec<_>>().join(" or ");
        vec![escaped(status), sentence(&answer["description"]), bodies]
    };
    let rows: Vec<_> = members(&value["responses"]).map(row).collect();
    table("Answers", &["Status", "Meaning", "Body"], &rows)
}
