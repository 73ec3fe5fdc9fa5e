//! The routes that the services' sources mount, read out of the code itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Expr, ExprMethodCall, ItemMod, Lit, Meta,
    visit::{self, Visit},
};

/// What a route can be asked to do; other words in front of a handler are no methods.
const METHODS: [&str; 5] = ["delete", "get", "patch", "post", "put"];

/// The simulated third parties' servers are not the gateway's.
const NOT_OURS: &str = "services/standalone/src/demo";

/// Every method of every path, such as `("get", "/v1/requests")`.
pub(crate) fn routes() -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace");
    let mut files = Vec::new();
    for service in fs::read_dir(root.join("services")).expect("services") {
        collect(&service.expect("an entry").path().join("src"), &mut files);
    }
    files.retain(|file| !file.starts_with(root.join(NOT_OURS)) && !file.ends_with("tests.rs"));
    let mut finder = Finder::default();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        finder.visit_file(&syn::parse_file(&text).expect("Rust"));
    }
    finder.0
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            // A folder of that name holds the tests of a module.
            if !path.ends_with("tests") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[derive(Default)]
struct Finder(BTreeSet<(String, String)>);

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let mut arguments = call.args.iter();
        if call.method == "route"
            && let Some(Expr::Lit(path)) = arguments.next()
            && let Lit::Str(path) = &path.lit
        {
            let methods = arguments.next().map(methods_of).expect("a route has handlers");
            assert!(!methods.is_empty(), "no method is recognized at {}", path.value());
            self.0.extend(methods.into_iter().map(|method| (method, path.value())));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(only_for_tests) {
            visit::visit_item_mod(self, module);
        }
    }
}

fn only_for_tests(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
}

/// `post(create).get(list)` is two of them.
fn methods_of(handlers: &Expr) -> Vec<String> {
    match handlers {
        Expr::MethodCall(call) => {
            let mut methods = methods_of(&call.receiver);
            methods.extend(method(&call.method));
            methods
        }
        Expr::Call(call) => match &*call.func {
            Expr::Path(function) => {
                function.path.segments.last().and_then(|last| method(&last.ident)).into_iter().collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn method(name: &syn::Ident) -> Option<String> {
    METHODS.into_iter().find(|method| name == method).map(str::to_owned)
}

#[test]
fn routes_are_read_out_of_code() {
    let code = r#"
        fn routes() -> Router {
            Router::new()
                .route("/a", post(create::<S>).get(list::<S>))
                .route("/b/{id}", routing::delete(async || get("/c")))
        }
        #[cfg(test)]
        mod tests { fn routes() { Router::new().route("/d", get(it)); } }
    "#;
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(code).unwrap());
    let found: Vec<_> = finder.0.iter().map(|(method, path)| (method.as_str(), path.as_str())).collect();
    assert_eq!(found, [("delete", "/b/{id}"), ("get", "/a"), ("post", "/a")]);
}
