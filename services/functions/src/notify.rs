//! `notifier`: a status event tells its user.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use marketplace_core::ports::{Notice, NoticeError, Notices, Recipient};
use notifier::Deps;
use platform_aws::Aws;

use crate::sqs;

/// Handles a batch of events.
pub async fn handle<N: Notices>(batch: &SqsEvent, deps: &Deps<Aws, N>) -> SqsBatchResponse {
    sqs::handle(batch, |message| async {
        let event = sqs::event(message)?;
        notifier::handle(&event, deps).await?;
        Ok(())
    })
    .await
}

/// Notices of a stage that may not send e-mail: those count as sent.
#[derive(Clone)]
pub struct Post<N> {
    /// Who sends them.
    pub notices: N,
    /// Whether e-mail is sent.
    pub mail: bool,
}

impl<N: Notices> Notices for Post<N> {
    async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        match notice.to {
            Recipient::Email(_) if !self.mail => Ok(()),
            Recipient::Email(_) | Recipient::Sms(_) => self.notices.send(notice).await,
        }
    }
}
