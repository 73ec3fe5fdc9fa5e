//! Tables, which scroll by themselves where the page is narrow.

use crate::prose::escaped;

/// A table whose rows begin with the name of what they are about; nothing when there are none.
pub(crate) fn table(caption: &str, columns: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head: String = columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    let body: String = rows.iter().map(|cells| row(cells)).collect();
    let caption = escaped(caption);
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )
}

/// A name, and whether it has to be there.
pub(crate) fn name(code: &str, required: bool) -> String {
    if required { format!("{code} <span class=\"required\">required</span>") } else { code.to_owned() }
}

fn row(cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .enumerate()
        .map(
            |(number, cell)| {
                if number == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") }
            },
        )
        .collect();
    format!("<tr>{cells}</tr>\n")
}
