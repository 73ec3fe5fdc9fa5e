//! DESIGN section 4, invariants 4 and 5: who may depend on whom, and that every crate keeps the lints.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

use crate::{assert_none, source::root};

/// What the pure crates may not reach, by any way.
const IO_CRATES: [&str; 7] = ["aws-*", "axum", "hyper", "libsqlite3-sys", "reqwest", "rusqlite", "tokio"];

/// Crates that are values in, values out.
const PURE: [&str; 2] = ["event-schema", "marketplace-core"];

/// What puts the services together: one for each platform.
const WIRING: [&str; 2] = ["standalone", "functions"];

static GRAPH: LazyLock<Graph> = LazyLock::new(Graph::read);

/// The workspace's crates with what they depend on, tests and build scripts left out.
struct Graph {
    /// The folder of each of our crates, relative to the root.
    folders: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    dependencies: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline"])
            .current_dir(root())
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let members: BTreeSet<_> = list(&metadata["workspace_members"]).map(text).collect();
        let mut graph = Self {
            folders: BTreeMap::new(),
            names: BTreeMap::new(),
            dependencies: list(&metadata["resolve"]["nodes"]).map(normal_dependencies).collect(),
        };
        for package in list(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            if members.contains(&id) {
                graph.folders.insert(name.clone(), folder(package));
            }
            graph.names.insert(id, name);
        }
        graph
    }

    /// Our crates that this one names in its manifest.
    fn direct(&self, package: &str) -> BTreeSet<&str> {
        let ids = self.names.iter().filter(|(_, name)| *name == package).map(|(id, _)| id);
        let reached = ids.flat_map(|id| &self.dependencies[id]).map(|id| self.names[id].as_str());
        reached.filter(|name| self.folders.contains_key(*name)).collect()
    }

    /// Every crate that this one reaches, and by which way.
    fn reachable(&self, package: &str) -> BTreeMap<&str, String> {
        let mut ways = BTreeMap::new();
        let start = self.names.iter().find(|(_, name)| *name == package);
        let (id, _) = start.unwrap_or_else(|| panic!("there is a crate `{package}`"));
        let mut open = vec![(id, package.to_owned())];
        while let Some((id, way)) = open.pop() {
            for next in &self.dependencies[id] {
                let name = self.names[next].as_str();
                if !ways.contains_key(name) {
                    let way = format!("{way} -> {name}");
                    ways.insert(name, way.clone());
                    open.push((next, way));
                }
            }
        }
        ways
    }

    fn manifest(&self, package: &str) -> String {
        format!("{}/Cargo.toml:1", self.folders[package])
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn folder(package: &Value) -> String {
    let manifest = text(&package["manifest_path"]);
    let folder = Path::new(&manifest).parent().expect("a manifest is in a folder");
    folder.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

fn normal_dependencies(node: &Value) -> (String, Vec<String>) {
    let is_normal = |dependency: &&Value| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
    let normal = list(&node["deps"]).filter(is_normal).map(|dependency| text(&dependency["pkg"]));
    (text(&node["id"]), normal.collect())
}

#[test]
fn the_rules_reach_no_io() {
    let mut offenders = Vec::new();
    for package in PURE {
        let reachable = GRAPH.reachable(package);
        let banned = reachable.iter().filter(|(name, _)| does_io(name));
        offenders.extend(banned.map(|(_, way)| format!("{}: {way}", GRAPH.manifest(package))));
    }
    assert_none("core and event-schema reach no crate that does IO", &offenders);
}

fn does_io(name: &str) -> bool {
    IO_CRATES.iter().any(|banned| match banned.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *banned,
    })
}

#[test]
fn reachable_crates_are_seen() {
    let reachable = GRAPH.reachable(WIRING[0]);
    for banned in ["axum", "event-schema", "tokio"] {
        assert!(reachable.contains_key(banned), "{} reaches {banned}", WIRING[0]);
    }
    assert!(does_io("aws-sigv4") && does_io("tokio") && !does_io("tokio-macros"));
}

#[test]
fn dependencies_point_one_way() {
    let mut offenders = Vec::new();
    for package in GRAPH.folders.keys() {
        for dependency in GRAPH.direct(package) {
            if !may_depend(package, dependency) {
                offenders.push(format!("{}: {package} -> {dependency}", GRAPH.manifest(package)));
            }
        }
    }
    assert_none("service -> core -> event-schema; platform -> core; services never call each other", &offenders);
}

/// The direction of every arrow between our own crates.
fn may_depend(package: &str, dependency: &str) -> bool {
    let folder = |name: &str| GRAPH.folders[name].split('/').next().unwrap_or_default().to_owned();
    match (folder(package).as_str(), folder(dependency).as_str()) {
        ("tests", _) => true,
        ("services", _) if WIRING.contains(&package) => true,
        ("services", "shared") => !dependency.starts_with("platform-"),
        ("shared", "shared") => match package {
            "event-schema" => false,
            "marketplace-core" => dependency == "event-schema",
            "platform-base" => PURE.contains(&dependency),
            _ if package.starts_with("platform-") => dependency == "platform-base" || PURE.contains(&dependency),
            _ => PURE.contains(&dependency),
        },
        _ => false,
    }
}

#[test]
fn every_crate_keeps_the_workspace_lints() {
    let keeps = |folder: &str| {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest");
        let mut lines = manifest.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
        lines.find(|line| !line.trim().is_empty()).is_some_and(|line| line.trim() == "workspace = true")
    };
    let silent = GRAPH.folders.iter().filter(|(_, folder)| !keeps(folder));
    let offenders: Vec<_> = silent.map(|(name, _)| GRAPH.manifest(name)).collect();
    assert_none("every manifest has `[lints]` with `workspace = true`", &offenders);
}

#[test]
fn only_the_root_configures_clippy() {
    let is_second =
        |folder: &&String| ["clippy.toml", ".clippy.toml"].iter().any(|name| root().join(folder).join(name).exists());
    let offenders: Vec<_> =
        GRAPH.folders.values().filter(is_second).map(|folder| format!("{folder}/clippy.toml:1")).collect();
    assert_none("a crate's own clippy.toml would replace the root's bans, not add to them", &offenders);
}
