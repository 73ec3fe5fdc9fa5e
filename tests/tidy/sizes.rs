//! Small files and small functions: what spoils a code base is always one monster.

use syn::{
    Attribute, Block, ImplItemFn, ItemFn, ItemMod, Meta, Signature, TraitItemFn,
    visit::{self, Visit},
};

use crate::{
    assert_none,
    source::{self, Source},
};

/// Most lines of a file, without the tests at its end.
const FILE_LINES: usize = 300;

/// Most lines of a file that has only tests in it.
const TEST_FILE_LINES: usize = 600;

/// Most lines of a function, from its name to its closing brace.
const FUNCTION_LINES: usize = 40;

#[test]
fn files_are_short() {
    let too_long = |source: &Source| {
        let limit = if source.is_test() { TEST_FILE_LINES } else { FILE_LINES };
        let lines = source.lines_before_tests();
        (lines > limit).then(|| format!("{}: {lines} lines, {limit} allowed", source.at(limit + 1)))
    };
    let offenders: Vec<_> = source::all().iter().filter_map(too_long).collect();
    assert_none("a file is split by what its parts are for", &offenders);
}

#[test]
fn functions_are_short() {
    let mut offenders = Vec::new();
    for source in source::all().iter().filter(|source| !source.is_test()) {
        match long_functions(&source.text) {
            Ok(found) => offenders.extend(
                found
                    .into_iter()
                    .map(|long| format!("{}: `{}` has {} lines", source.at(long.line), long.name, long.lines)),
            ),
            Err(error) => offenders.push(format!("{}: {error}", source.at(error.span().start().line))),
        }
    }
    assert_none(&format!("a function has at most {FUNCTION_LINES} lines"), &offenders);
}

/// A function over the limit.
struct Long {
    name: String,
    line: usize,
    lines: usize,
}

fn long_functions(text: &str) -> syn::Result<Vec<Long>> {
    let mut finder = Finder(Vec::new());
    finder.visit_file(&syn::parse_file(text)?);
    Ok(finder.0)
}

struct Finder(Vec<Long>);

impl Finder {
    fn measure(&mut self, signature: &Signature, body: Option<&Block>) {
        let Some(body) = body else { return };
        let first = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line + 1 - first;
        if lines > FUNCTION_LINES {
            self.0.push(Long { name: signature.ident.to_string(), line: first, lines });
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !only_for_tests(&function.attrs) {
            self.measure(&function.sig, Some(&function.block));
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.measure(&function.sig, Some(&function.block));
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.measure(&function.sig, function.default.as_ref());
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !only_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

#[test]
fn a_function_is_measured_from_its_signature_to_its_last_brace() {
    let body = "    work();\n".repeat(FUNCTION_LINES - 2);
    let fits = format!("/// Doc.\n#[inline]\nfn fits() {{\n{body}}}\n");
    assert!(long_functions(&fits).expect("valid Rust").is_empty());

    let long = format!("impl X {{\n/// Doc.\nfn long() {{\n{body}\n}}\n}}\n");
    let found = long_functions(&long).expect("valid Rust");
    let [only] = found.as_slice() else { panic!("one function is too long") };
    assert_eq!((only.name.as_str(), only.line, only.lines), ("long", 3, FUNCTION_LINES + 1));

    let test = format!("#[cfg(test)]\nmod tests {{\nfn long() {{\n{body}\n}}\n}}\n");
    assert!(long_functions(&test).expect("valid Rust").is_empty());
}
