//! Follows every request by what the API answers about it, and tells what is new.

use std::{
    collections::BTreeMap,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::StatusCode;
use tokio::time::Instant;

use super::{
    answers::RequestAnswer,
    api::{Api, Credential},
    line::{self, Detail},
    screen::Screen,
};

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(200);

/// Questions on the wire at once.
const AT_ONCE: usize = 4;

/// All requests of the demo.
#[derive(Debug)]
pub(super) struct Watch {
    api: Api,
    operator: Credential,
    screen: Screen,
    followed: Vec<Followed>,
    /// How much is told.
    pub(super) detail: Detail,
}

/// A request, and what has been told of it.
#[derive(Debug)]
struct Followed {
    id: String,
    told: u64,
    answer: Option<RequestAnswer>,
    settled: bool,
}

impl Watch {
    /// Nothing to follow yet.
    pub(super) fn new(api: Api, operator: Credential, screen: Screen) -> Self {
        Self { api, operator, screen, followed: Vec::new(), detail: Detail::Every }
    }

    /// From now on this request too.
    pub(super) fn follow(&mut self, id: &str) {
        self.followed.push(Followed { id: id.to_owned(), told: 0, answer: None, settled: false });
        self.show_progress();
    }

    /// Follows a request again that seemed to be over.
    pub(super) fn reopen(&mut self, id: &str) {
        for request in self.followed.iter_mut().filter(|request| request.id == id) {
            request.settled = false;
        }
    }

    /// Every request as it was last seen; those never seen are missing.
    pub(super) fn answers(&self) -> impl Iterator<Item = &RequestAnswer> {
        self.followed.iter().filter_map(|request| request.answer.as_ref())
    }

    /// How many requests there are.
    pub(super) fn count(&self) -> usize {
        self.followed.len()
    }

    /// Follows all until nothing more is to come of any of them, or the time is over; answers which.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub(super) async fn until_settled(&mut self, deadline: Instant) -> anyhow::Result<bool> {
        loop {
            self.sweep().await?;
            if self.followed.iter().all(|request| request.settled) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows all for a while.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub(super) async fn for_a_while(&mut self, while_: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + while_;
        self.sweep().await?;
        while Instant::now() < end {
            tokio::time::sleep(PAUSE.min(end - Instant::now())).await;
            self.sweep().await?;
        }
        Ok(())
    }

    /// Asks about every request once more, so that the summary is of one moment.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub(super) async fn refresh(&mut self) -> anyhow::Result<()> {
        for request in &mut self.followed {
            request.settled = false;
        }
        self.sweep().await
    }

    async fn sweep(&mut self) -> anyhow::Result<()> {
        let (api, operator) = (&self.api, &self.operator);
        let open = self.followed.iter().enumerate().filter(|(_, request)| !request.settled);
        let questions = open.map(|(index, request)| async move { anyhow::Ok((index, ask(api, operator, &request.id).await?)) });
        let answers: Vec<_> = stream::iter(questions).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut lines = Vec::new();
        for (index, answer) in answers {
            let request = &mut self.followed[index];
            lines.extend(line::lines(&answer, request.told, self.detail));
            request.told = answer.timeline.iter().map(|entry| entry.sequence).max().unwrap_or(0);
            request.settled = answer.is_settled();
            request.answer = Some(answer);
        }
        lines.sort_by_key(|line| line.sequence);
        for line in lines {
            self.screen.event(line.at, &line.request, &line.text);
        }
        self.show_progress();
        Ok(())
    }

    fn show_progress(&self) {
        let ended = self.answers().filter(|answer| answer.has_reached_its_end()).count();
        self.screen.progress(ended, self.count());
        let mut parties: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for offer in self.answers().flat_map(|answer| &answer.offers) {
            let (ended, all) = parties.entry(&offer.third_party).or_default();
            *ended += usize::from(!offer.is_open());
            *all += 1;
        }
        for (party, (ended, all)) in parties {
            self.screen.party_progress(party, ended, all);
        }
    }
}

async fn ask(api: &Api, operator: &Credential, id: &str) -> anyhow::Result<RequestAnswer> {
    let reply = api.get(operator, &format!("/v1/requests/{id}")).await?;
    Ok(serde_json::from_value(reply.expect(StatusCode::OK)?)?)
}
