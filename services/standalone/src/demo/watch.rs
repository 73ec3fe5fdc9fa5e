//! Follows every request by what the API answers about it, and tells what is new.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::ports::Clock as _;
use platform_base::clock::SystemClock;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::{
    answers::RequestAnswer,
    api::{Api, Credential},
    line::{self, Detail, Line},
    screen::Screen,
};

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(200);

/// Questions on the wire at once.
const AT_ONCE: usize = 4;

/// What has a time this long ago has been committed, so that an answer has it.
const COMMIT: SignedDuration = SignedDuration::from_millis(50);

/// All requests of the demo.
#[derive(Debug)]
pub(super) struct Watch {
    api: Api,
    operator: Credential,
    screen: Screen,
    followed: Vec<Followed>,
    /// What was seen and cannot be told yet, since something earlier may still come in.
    untold: Vec<Line>,
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
        Self { api, operator, screen, followed: Vec::new(), untold: Vec::new(), detail: Detail::Every }
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
            let settled = self.followed.iter().all(|request| request.settled);
            if settled || Instant::now() >= deadline {
                self.tell(Timestamp::MAX);
                return Ok(settled);
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
        self.detail = Detail::Brief;
        for request in &mut self.followed {
            request.settled = false;
        }
        self.sweep().await
    }

    async fn sweep(&mut self) -> anyhow::Result<()> {
        let complete_until = SystemClock.now() - COMMIT;
        let (api, operator) = (&self.api, &self.operator);
        let open = self.followed.iter().enumerate().filter(|(_, request)| !request.settled);
        let questions =
            open.map(|(index, request)| async move { anyhow::Ok((index, ask(api, operator, &request.id).await?)) });
        let answers: Vec<_> = stream::iter(questions).buffer_unordered(AT_ONCE).try_collect().await?;
        self.untold.extend(self.screen.take_asides());
        for (index, answer) in answers {
            let request = &mut self.followed[index];
            self.untold.extend(line::lines(&answer, request.told, self.detail));
            request.told = answer.timeline.iter().map(|entry| entry.sequence).max().unwrap_or(0);
            // Seen twice, so that what follows from the end, such as a notice, is in the timeline as well.
            let was_settled = request.answer.as_ref().is_some_and(RequestAnswer::is_settled);
            request.settled = was_settled && answer.is_settled();
            request.answer = Some(answer);
        }
        self.tell(complete_until);
        self.show_progress();
        Ok(())
    }

    /// Tells what happened until then, in order.
    fn tell(&mut self, until: Timestamp) {
        self.untold.sort_by_key(|line| (line.at, line.sequence));
        let told = self.untold.partition_point(|line| line.at <= until);
        for line in self.untold.drain(..told) {
            self.screen.event(&line);
        }
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
