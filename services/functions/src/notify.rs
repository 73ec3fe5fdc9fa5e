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

/// Notices of a stage that may have no sender of e-mail.
#[derive(Clone)]
pub struct Post<N> {
    /// Who sends them.
    pub notices: N,
    /// Whether e-mail can be sent.
    pub mail: bool,
}

impl<N: Notices> Notices for Post<N> {
    fn reaches(&self, to: &Recipient) -> bool {
        match to {
            Recipient::Email(_) => self.mail,
            Recipient::Sms(_) => true,
        }
    }

    async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        if self.reaches(&notice.to) {
            self.notices.send(notice).await
        } else {
            Err(NoticeError::Permanent("no e-mail can be sent here".into()))
        }
    }
}
