//! Messages to people on AWS: e-mail through SES, SMS through SNS.
//!
//! Neither service remembers what it has sent, so a repeat of a notice is a second message on the wire. An e-mail
//! carries the notice's id as a message tag, which events about it repeat, and as the reference (`References`, RFC 5322
//! section 3.6.4) by which mail programs show repeats as one conversation; SNS has nothing of the kind for a phone
//! number, so there the id is only in our log. `core` records what was told so that repeats stay rare.

use std::error::Error;

use aws_sdk_sesv2::{
    error::ProvideErrorMetadata,
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag},
};
use aws_sdk_sns::types::MessageAttributeValue;
use marketplace_core::ports::{Notice, NoticeError, Notices, Recipient};

/// Error codes of SES and SNS that say that this very message, or its address, will never be taken. All others end by
/// themselves or when somebody mends the account: throttling, a paused account, a missing grant, an unverified sender.
const PERMANENT: [&str; 5] =
    ["BadRequestException", "MessageRejected", "InvalidParameter", "ParameterValueInvalid", "ValidationException"];

/// The name of the tag that carries a notice's id.
const TAG: &str = "notice";

/// Sends notices. Clones are one and the same.
#[derive(Clone)]
pub struct AwsNotices {
    ses: aws_sdk_sesv2::Client,
    sns: aws_sdk_sns::Client,
    sender: Option<String>,
}

/// There is no address that e-mail could come from.
#[derive(Debug, thiserror::Error)]
#[error("there is no sender of e-mail")]
struct NoSender;

impl AwsNotices {
    /// `sender` is the address, verified with SES, that e-mail comes from; without one nobody is reached by e-mail.
    #[must_use]
    pub fn new(ses: aws_sdk_sesv2::Client, sns: aws_sdk_sns::Client, sender: Option<&str>) -> Self {
        Self { ses, sns, sender: sender.map(str::to_owned) }
    }

    async fn email(&self, notice: &Notice, address: &str) -> Result<(), NoticeError> {
        let sender = self.sender.as_deref().ok_or_else(|| permanent(NoSender))?;
        let content = EmailContent::builder().simple(message(notice).map_err(permanent)?).build();
        let tag = MessageTag::builder().name(TAG).value(notice.id.to_string()).build().map_err(permanent)?;
        let send = self
            .ses
            .send_email()
            .from_email_address(sender)
            .destination(Destination::builder().to_addresses(address).build())
            .content(content)
            .email_tags(tag);
        match send.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(told_apart(error)),
        }
    }

    async fn sms(&self, notice: &Notice, number: &str) -> Result<(), NoticeError> {
        let kind = MessageAttributeValue::builder().data_type("String").string_value("Transactional").build();
        let publish = self
            .sns
            .publish()
            .phone_number(number)
            .message(&notice.body)
            .message_attributes("AWS.SNS.SMS.SMSType", kind.map_err(permanent)?);
        match publish.send().await {
            Ok(sent) => {
                tracing::debug!(notice = %notice.id, message = sent.message_id(), "an SMS is on its way");
                Ok(())
            }
            Err(error) => Err(told_apart(error)),
        }
    }
}

impl Notices for AwsNotices {
    fn reaches(&self, to: &Recipient) -> bool {
        matches!(to, Recipient::Sms(_)) || self.sender.is_some()
    }

    async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        match &notice.to {
            Recipient::Email(address) => self.email(notice, address).await,
            Recipient::Sms(number) => self.sms(notice, number).await,
        }
    }
}

fn message(notice: &Notice) -> Result<Message, aws_sdk_sesv2::error::BuildError> {
    let text = |text: String| Content::builder().data(text).charset("UTF-8").build();
    let header = |name: &str, value: String| MessageHeader::builder().name(name).value(value).build();
    let subject = notice.subject.replace(char::is_control, " ");
    Ok(Message::builder()
        .subject(text(subject)?)
        .body(Body::builder().text(text(notice.body.clone())?).build())
        // RFC 3834: asks out-of-office programs not to answer.
        .headers(header("Auto-Submitted", "auto-generated".to_owned())?)
        .headers(header("References", format!("<{}@marketplace>", notice.id))?)
        .build())
}

fn permanent(error: impl Error + Send + Sync + 'static) -> NoticeError {
    NoticeError::Permanent(Box::new(error))
}

fn told_apart(error: impl ProvideErrorMetadata + Error + Send + Sync + 'static) -> NoticeError {
    match error.code() {
        Some(code) if PERMANENT.contains(&code) => NoticeError::Permanent(Box::new(error)),
        _ => NoticeError::Retry(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::{
        config::retry::RetryConfig,
        operation::send_email::{SendEmailError, SendEmailOutput},
    };
    use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
    use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
    use uuid::Uuid;

    use super::*;

    fn notice(to: Recipient) -> Notice {
        Notice { id: Uuid::from_u128(7), to, subject: "News\r\nBcc: eve@example.com".into(), body: "Text".into() }
    }

    fn email() -> Notice {
        notice(Recipient::Email("ann@example.com".into()))
    }

    fn sms() -> Notice {
        notice(Recipient::Sms("+15551234567".into()))
    }

    /// Services that answer with this code, or take it.
    fn services(code: Option<&'static str>) -> (AwsNotices, aws_smithy_mocks::Rule, aws_smithy_mocks::Rule) {
        let meta = move |code| aws_sdk_sesv2::error::ErrorMetadata::builder().code(code).build();
        let mail = mock!(aws_sdk_sesv2::Client::send_email)
            .match_requests(|input| {
                let message = input.content().and_then(|content| content.simple()).expect("a simple message");
                let subject = message.subject().expect("a subject").data();
                let tags = input.email_tags();
                input.from_email_address() == Some("market@example.com")
                    && input.destination().expect("a destination").to_addresses() == ["ann@example.com"]
                    && !subject.contains(char::is_control)
                    && message.body().and_then(|body| body.text()).expect("a text").data() == "Text"
                    && (tags[0].name(), tags[0].value()) == ("notice", "00000000-0000-0000-0000-000000000007")
                    && message.headers().iter().any(|header| header.value().contains("000000000007@"))
            })
            .then_compute_response(move |_| match code {
                Some(code) => MockResponse::Error(SendEmailError::generic(meta(code))),
                None => MockResponse::Output(SendEmailOutput::builder().build()),
            });
        let text = mock!(aws_sdk_sns::Client::publish)
            .match_requests(|input| {
                input.phone_number() == Some("+15551234567")
                    && input.message() == Some("Text")
                    && input.message_attributes().is_some_and(|all| all.contains_key("AWS.SNS.SMS.SMSType"))
            })
            .then_compute_response(move |_| match code {
                Some(code) => MockResponse::Error(PublishError::generic(meta(code))),
                None => MockResponse::Output(PublishOutput::builder().message_id("1").build()),
            });
        let ses = mock_client!(aws_sdk_sesv2, RuleMode::MatchAny, &[&mail], |config| config
            .retry_config(RetryConfig::disabled()));
        let sns = mock_client!(aws_sdk_sns, RuleMode::MatchAny, &[&text], |config| config
            .retry_config(RetryConfig::disabled()));
        (AwsNotices::new(ses, sns, Some("market@example.com")), mail, text)
    }

    #[tokio::test]
    async fn each_recipient_is_reached_by_its_own_service() {
        let (notices, mail, text) = services(None);
        notices.send(&email()).await.unwrap();
        assert_eq!((mail.num_calls(), text.num_calls()), (1, 0));
        notices.send(&sms()).await.unwrap();
        assert_eq!((mail.num_calls(), text.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_refused_address_is_permanent_and_trouble_of_ours_is_not() {
        for notice in [email(), sms()] {
            for code in PERMANENT {
                let told = services(Some(code)).0.send(&notice).await;
                assert!(matches!(told, Err(NoticeError::Permanent(_))), "{code}: {told:?}");
            }
            for code in [
                "TooManyRequestsException",
                "Throttling",
                "AccountSuspendedException",
                "SendingPausedException",
                "MailFromDomainNotVerifiedException",
                "AuthorizationError",
                "InternalError",
                "LimitExceededException",
            ] {
                let told = services(Some(code)).0.send(&notice).await;
                assert!(matches!(told, Err(NoticeError::Retry(_))), "{code}: {told:?}");
            }
        }
    }
}
