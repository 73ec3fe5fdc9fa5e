//! The reference as one page that needs nothing else: no script, no font, no other server.

use crate::{
    description::{Description, Operation, elements, text},
    operation,
    prose::{escaped, paragraph, sentence},
    schema,
};

const STYLE: &str = include_str!("page.css");

/// The page about what the marketplace offers to be called, and what a third party hosts.
pub(crate) fn page(called: &Description, hosted: &Description) -> String {
    let info = called.at(&["info"]);
    let title = escaped(text(&info["title"]));
    let contents = contents(called, "What you can call") + &contents(hosted, "What you host");
    let (called, hosted_parts) = (part(called), part(hosted));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}: reference</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the reference</a>\n\
         <nav aria-label=\"Contents\">\n{contents}</nav>\n<main id=\"main\">\n\
         <h1>{title}</h1>\n<p class=\"summary\">{} Version {}. For machines: <a href=\"/openapi.json\">openapi.json</a>.</p>\n\
         {}{called}<h2 id=\"hosted\">What you host</h2>\n{}{hosted_parts}</main>\n</body>\n</html>\n",
        sentence(&info["summary"]),
        escaped(text(&info["version"])),
        paragraph(&info["description"]),
        paragraph(&hosted.at(&["info"])["description"]),
    )
}

fn contents(description: &Description, heading: &str) -> String {
    let mut html = format!("<h2>{}</h2>\n", escaped(heading));
    for tag in elements(description.at(&["tags"])) {
        html.push_str(&format!("<h3>{}</h3>\n<ul>\n", escaped(text(&tag["name"]))));
        for operation in tagged(description, text(&tag["name"])) {
            let (id, summary) = (description.id(&operation), sentence(&operation.value["summary"]));
            html.push_str(&format!("<li><a href=\"#{id}\">{summary}</a></li>\n"));
        }
        html.push_str("</ul>\n");
    }
    html
}

fn tagged<'a>(description: &'a Description, tag: &str) -> Vec<Operation<'a>> {
    let mut operations = description.operations();
    operations.retain(|operation| elements(&operation.value["tags"]).any(|one| text(one) == tag));
    operations
}

fn part(description: &Description) -> String {
    let mut html = String::new();
    for tag in elements(description.at(&["tags"])) {
        html.push_str(&format!("<h2>{}</h2>\n{}", escaped(text(&tag["name"])), paragraph(&tag["description"])));
        for operation in tagged(description, text(&tag["name"])) {
            html.push_str(&operation::article(description, &operation));
        }
    }
    html.push_str("<h2>Schemas</h2>\n");
    let mut known = Vec::new();
    for (name, value) in description.schemas() {
        html.push_str(&schema::section(description, &name, value));
        known.push(name);
    }
    // What other files explain; each may refer to more of them.
    while let Some((name, value)) = description.borrowed(&known) {
        html.push_str(&schema::section(description, &name, value));
        known.push(name);
    }
    html
}
