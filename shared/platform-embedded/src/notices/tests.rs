//! Notices leave the process: into files, and over real sockets to a server that speaks SMTP.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use uuid::Uuid;

use super::{smtp::CONNECTIONS, *};

fn notice(to: Recipient) -> Notice {
    Notice {
        id: Uuid::from_u128(7),
        to,
        subject: "Bücher accepted\r\nBcc: victim@example.com".to_owned(),
        body: "Hello Ann,\n\n.a line that begins with a dot\nBücher accepted your request.\n".to_owned(),
    }
}

fn email() -> Notice {
    notice(Recipient::Email("ann@example.com".to_owned()))
}

/// A mail server that takes everything but answers what it is told to where a command begins with a word.
struct Server {
    url: String,
    /// Every line that clients sent.
    lines: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(instead: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, instead, sender.clone()));
            }
        });
        Self { url, lines }
    }

    fn mailer(&self, folder: &Path) -> LocalNotices {
        LocalNotices::open(folder, Some(&self.url.as_str().into())).unwrap()
    }

    /// The lines of one message, from `MAIL FROM` to the dot.
    async fn message(&mut self) -> Vec<String> {
        let mut message: Vec<String> = Vec::new();
        while message.last().is_none_or(|line| line != ".") {
            let line = timeout(Duration::from_secs(10), self.lines.recv()).await.unwrap().unwrap();
            if !message.is_empty() || line.starts_with("MAIL FROM") {
                message.push(line);
            }
        }
        message
    }
}

async fn converse(
    stream: TcpStream,
    instead: &'static [(&'static str, &'static str)],
    lines: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader).lines();
    writer.write_all(b"220 sink\r\n").await?;
    let mut in_data = false;
    while let Some(line) = reader.next_line().await? {
        let is_command = !in_data || line == ".";
        let special = instead.iter().find(|(command, _)| is_command && line.starts_with(command));
        let answer = match (special, line.as_str()) {
            (Some((_, answer)), _) => *answer,
            (None, ".") => "250 queued",
            (None, _) if in_data => "",
            (None, "DATA") => "354 go on",
            (None, _) if line.starts_with("EHLO") => "250-sink\r\n250 8BITMIME",
            (None, _) => "250 ok",
        };
        in_data = answer.starts_with("354") || (in_data && line != ".");
        lines.send(line).ok();
        if !answer.is_empty() {
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn without_a_mail_server_every_notice_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("data/outbox");
    let notices = LocalNotices::open(&outbox, None).unwrap();
    for _ in 0..3 {
        notices.send(&email()).await.unwrap();
        notices.send(&notice(Recipient::Sms("+15551234567".to_owned()))).await.unwrap();
    }
    let id = "00000000-0000-0000-0000-000000000007";
    assert_eq!(names(&outbox), [format!("{id}-email.json"), format!("{id}-sms.json")]);

    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(outbox.join(name)).unwrap()).unwrap() };
    let mail = read(&format!("{id}-email.json"));
    assert_eq!((&mail["channel"], &mail["to"]), (&"email".into(), &"ann@example.com".into()));
    assert_eq!(mail["body"], email().body);
    assert_eq!(mail["subject"], email().subject);
    let sms = read(&format!("{id}-sms.json"));
    assert_eq!((&sms["channel"], &sms["to"]), (&"sms".into(), &"+15551234567".into()));
    assert_eq!(sms.get("subject"), None);

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&outbox), 0o700);
    assert_eq!(mode(&outbox.join(format!("{id}-sms.json"))), 0o600);
}

#[tokio::test]
async fn an_outbox_that_is_gone_means_try_later() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox");
    let notices = LocalNotices::open(&outbox, None).unwrap();
    fs::remove_dir(&outbox).unwrap();
    assert!(matches!(notices.send(&email()).await, Err(NoticeError::Retry(_))));
    assert!(LocalNotices::open(Path::new("/dev/null/outbox"), None).is_err());
}

#[tokio::test]
async fn with_a_mail_server_email_goes_there_and_sms_is_still_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]).await;
    let notices = server.mailer(folder.path());
    notices.send(&email()).await.unwrap();
    let message = server.message().await;
    assert!(message[0].starts_with("MAIL FROM:<marketplace@"), "{message:?}");
    let recipients: Vec<_> = message.iter().filter(|line| line.starts_with("RCPT TO")).collect();
    assert_eq!(recipients, ["RCPT TO:<ann@example.com>"]);
    assert!(message.contains(&"Auto-Submitted: auto-generated".to_owned()), "{message:?}");
    let id = "Message-ID: <00000000-0000-0000-0000-000000000007@localhost>";
    assert!(message.contains(&id.to_owned()), "{message:?}");
    assert_eq!(names(folder.path()), [""; 0]);

    notices.send(&notice(Recipient::Sms("+15551234567".to_owned()))).await.unwrap();
    assert_eq!(names(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_line_break_in_a_subject_makes_no_header() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]).await;
    server.mailer(folder.path()).send(&email()).await.unwrap();
    let message = server.message().await;
    let headers = message.split(|line| line.is_empty()).next().unwrap();
    assert!(!headers.iter().any(|line| line.to_lowercase().starts_with("bcc")), "{headers:?}");
    assert_eq!(headers.iter().filter(|line| line.starts_with("Subject: ")).count(), 1);
}

#[tokio::test]
async fn a_connection_carries_many_messages() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]).await;
    let notices = server.mailer(folder.path());
    for _ in 0..10 {
        notices.send(&email()).await.unwrap();
    }
    server.lines.close();
    let mut greetings = 0;
    while let Some(line) = server.lines.recv().await {
        greetings += u32::from(line.starts_with("EHLO"));
    }
    assert!((1..=CONNECTIONS).contains(&greetings), "{greetings} connections for ten messages");
}

#[tokio::test]
async fn a_refused_mailbox_is_for_good_and_everything_else_is_tried_again() {
    let cases: [(&'static [(&str, &str)], bool); 7] = [
        (&[("RCPT", "550 5.1.1 no such user")], true),
        (&[("RCPT", "553 5.1.3 bad address")], true),
        (&[(".", "554 5.7.1 rejected")], true),
        (&[("RCPT", "450 4.2.1 try later")], false),
        (&[("RCPT", "452 4.2.2 mailbox full")], false),
        (&[("MAIL", "530 5.7.0 authentication required")], false),
        (&[("EHLO", "521 5.3.2 no mail here")], false),
    ];
    for (instead, permanent) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(instead).await;
        let sent = server.mailer(folder.path()).send(&email()).await;
        match sent {
            Err(NoticeError::Permanent(_)) => assert!(permanent, "{instead:?}"),
            Err(NoticeError::Retry(_)) => assert!(!permanent, "{instead:?}"),
            Ok(()) => panic!("{instead:?} was sent"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_means_try_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let notices = LocalNotices::open(folder.path(), Some(&url.into())).unwrap();
    assert!(matches!(notices.send(&email()).await, Err(NoticeError::Retry(_))));
}

#[tokio::test]
async fn an_address_that_is_none_is_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[]).await;
    let notices = server.mailer(folder.path());
    for address in ["", "ann", "ann@example.com\r\nRCPT TO:<b@c>", "a@b, c@d"] {
        let sent = notices.send(&notice(Recipient::Email(address.to_owned()))).await;
        assert!(matches!(sent, Err(NoticeError::Permanent(_))), "{address:?}");
    }
}

#[tokio::test]
async fn the_url_says_how_and_from_whom() {
    let folder = tempfile::tempdir().unwrap();
    let open = |url: &str| LocalNotices::open(folder.path(), Some(&url.into()));
    for url in [
        "smtp://localhost",
        "smtps://user:p%40ss@mail.example.com",
        "smtp://user:pass@mail.example.com:2525?tls=required&from=shop@example.com",
    ] {
        assert!(open(url).is_ok(), "{url}");
    }
    assert!(matches!(open("smtp://localhost?from=nobody"), Err(NoticesFault::Sender(_))));
    for url in ["", "mail.example.com", "http://hunter2@mail.example.com", "smtp://h?tls=maybe"] {
        let fault = open(url).err().unwrap();
        assert!(matches!(fault, NoticesFault::SmtpUrl(_)), "{url}");
        assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault:?}");
    }
    let mut server = Server::start(&[]).await;
    let url = format!("{}?from=shop@example.com", server.url);
    open(&url).unwrap().send(&email()).await.unwrap();
    assert!(server.message().await[0].starts_with("MAIL FROM:<shop@example.com>"));
}
