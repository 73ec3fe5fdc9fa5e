//! A marketplace to look at: simulated third parties, a user, and requests that go through the public API only.

mod answers;
mod api;
mod cast;
mod chance;
mod line;
mod party;
mod person;
mod put_events;
mod screen;
mod story;
mod summary;
mod watch;
mod wishes;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use console::style;
use secrecy::SecretString;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};
use url::Url;

use self::{
    api::{Api, Credential},
    party::Party,
    person::Person,
    screen::Screen,
    story::Stage,
    summary::Summary,
    watch::Watch,
};

/// How long the demo waits for its requests to end.
const LONGEST: Duration = Duration::from_secs(60);

/// What the demo needs of the gateway.
pub(crate) struct Demo {
    /// Where its API is; `http` on loopback.
    pub(crate) api: Url,
    /// An operator's token.
    pub(crate) operator_token: SecretString,
    /// The secret access key for `PutEvents`.
    pub(crate) events_secret: SecretString,
    /// Where the gateway leaves e-mail when it has no mail server: the user's mailbox.
    pub(crate) mailbox: Option<PathBuf>,
    /// Whether the process ends afterwards; else the third parties stay.
    pub(crate) once: bool,
}

/// Plays the demo; answers whether every request reached its end and every sum was right.
///
/// # Errors
/// When the gateway does not answer, or refuses something that it should not.
pub(crate) async fn run(demo: Demo) -> anyhow::Result<bool> {
    let screen = Screen::new();
    let api = Api::new(demo.api)?;
    let operator = Credential::Bearer(demo.operator_token);
    let mut tasks = JoinSet::new();
    screen.line(&style(format!("The marketplace serves on {}", api.base())).bold().to_string());
    let parties = gather(&api, &operator, &screen, &mut tasks).await?;
    let person = Person::register(&api, demo.mailbox).await.context("no user could be registered")?;
    let mut stage = Stage {
        watch: Watch::new(api.clone(), operator.clone(), screen.clone()),
        api: api.clone(),
        operator,
        user: person.token.clone(),
        events_secret: demo.events_secret,
        screen: screen.clone(),
        parties,
        placed: 0,
        deadline: Instant::now() + LONGEST,
    };
    stage.play().await?;
    let summary = summary(&mut stage, &person).await?;
    screen.end();
    summary.show(&screen);
    if !demo.once {
        tasks.detach_all();
        what_next(&screen, &api, &person);
    }
    Ok(summary.is_good())
}

async fn summary(stage: &mut Stage, person: &Person) -> anyhow::Result<Summary> {
    stage.watch.refresh().await?;
    let mut summary = Summary::of(stage.placed, stage.watch.answers(), &stage.parties);
    if person.has_mailbox() {
        // Read after the timelines: a letter is in the box before its timeline says so.
        let letters = person.letters().await?;
        summary.compare_letters(letters.iter().filter(|letter| letter.token().is_none()).count());
    }
    Ok(summary)
}

async fn gather(
    api: &Api,
    operator: &Credential,
    screen: &Screen,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Vec<Arc<Party>>> {
    screen.heading("Third parties join", "each with its own endpoint, its own filter and its own manners");
    let mut parties = Vec::new();
    for role in cast::roles() {
        let id = role.id;
        let party = party::join(role, api, operator, screen, tasks).await;
        parties.push(party.with_context(|| format!("{id} cannot join"))?);
    }
    Ok(parties)
}

fn what_next(screen: &Screen, api: &Api, person: &Person) {
    let base = api.base();
    let session = json!({"email": person.email, "password": person.password});
    screen.heading("It keeps serving", "the third parties answer on; Ctrl-C ends it. Ask for something yourself:");
    screen.line(&format!("\nTOKEN=$(curl -s {base}/v1/sessions -H 'content-type: application/json' -d '{session}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"));
    screen.line(&format!("curl -s {base}/v1/requests -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' -d '{{\"category\": \"books\", \"region\": \"eu\"}}'"));
    screen.line(&format!("curl -s {base}/v1/requests?limit=1 -H \"authorization: Bearer $TOKEN\""));
}
