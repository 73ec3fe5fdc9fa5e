//! `cargo xtask check`: what is wrong with the sources without running them.

use anyhow::bail;

use crate::{
    process::{Step, say},
    tools,
    workspace::Workspace,
};

type Check = fn(&Workspace) -> anyhow::Result<()>;

const CHECKS: [(&str, Check); 5] =
    [("format", format), ("clippy", clippy), ("rustdoc", rustdoc), ("deny", deny), ("templates", templates)];

/// Runs every check, also after one has failed, so that one run shows all there is to mend.
///
/// # Errors
///
/// When a check failed; its own output has said why.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        if let Err(error) = check(workspace) {
            say(&format!("{error:#}"));
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("check failed: {}", failed.join(", "));
    }
    say("check passed: format, clippy, rustdoc, deny, templates");
    Ok(())
}

fn format(workspace: &Workspace) -> anyhow::Result<()> {
    Step::cargo(&workspace.root).args(["fmt", "--all", "--check", "--", "--files-with-diff"]).run()
}

fn clippy(workspace: &Workspace) -> anyhow::Result<()> {
    Step::cargo(&workspace.root)
        .args(["clippy", "--locked", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"])
        .run()
}

fn rustdoc(workspace: &Workspace) -> anyhow::Result<()> {
    Step::cargo(&workspace.root)
        .args(["doc", "--locked", "--workspace", "--no-deps", "--keep-going"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// Advisories are left out: their database is not on a package registry, and a check that needs more
/// than that cannot run everywhere.
fn deny(workspace: &Workspace) -> anyhow::Result<()> {
    tools::DENY.step(workspace)?.args(["--workspace", "--locked", "check", "bans", "licenses", "sources"]).run()
}

/// What AWS would refuse of the templates, and what `cfn-lint` thinks unwise.
fn templates(workspace: &Workspace) -> anyhow::Result<()> {
    let programs = tools::TEMPLATE_LINT.programs(workspace)?;
    for template in ["infra/template.yaml", "infra/third-party.yaml"] {
        Step::new(programs.join("cfn-lint"), &workspace.root).args([template]).run()?;
        Step::new(programs.join("sam"), &workspace.root)
            .args(["validate", "--lint", "--template", template])
            // Nothing is looked up in the region; the program only wants to know one.
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("SAM_CLI_TELEMETRY", "0")
            .run()?;
    }
    Ok(())
}
