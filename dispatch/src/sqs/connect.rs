//! The server: options of the connection, clients, what the server answers, and the removal of queues and topics.

use super::queues::{FIFO, MARK, OWNER, TOPIC, readable};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_sns::operation::create_topic::builders::CreateTopicFluentBuilder;
use aws_sdk_sqs::{
    config::StalledStreamProtectionConfig,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_http_client::{Builder, tls};
use drumpost_kit::prelude::*;
use futures_util::TryFutureExt;
use std::{error::Error, fmt};
use tokio::sync::OnceCell;

const ABSENT: &str = "start one with \"$(scripts/elasticmq-server)\", or set sqs.url to one that runs, such as https://sqs.eu-central-1.amazonaws.com";
const CREDENTIALS: &str = "put credentials where the AWS SDK looks for them, such as the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; an emulator takes any";
const PERMISSIONS: &str = "let these credentials list, make and remove queues and topics whose names begin with drumpost, and send and receive there";
const CLOCK: &str =
    "set this machine's clock: a request is refused if its time is more than 15 minutes from the server's";
const CERTIFICATE: &str = "have the system trust the server's certificate, or name a file with its CA in the variable SSL_CERT_FILE";
const DETAIL: &str = "address of SQS: http://HOST:PORT of an emulator, or https://sqs.REGION.amazonaws.com; SNS is at the same, or at sns.REGION";
const REGION: &str = "region that requests are signed for";

/// The options of the connection.
pub(super) const OPTIONS: [OptionEntry; 2] = [
    OptionEntry::new("sqs.url", Grammar::Url(&["http", "https"]), "http://127.0.0.1:9324", DETAIL)
        .address()
        .or_environment("AWS_ENDPOINT_URL_SQS"),
    OptionEntry::optional("sqs.region", Grammar::Text, REGION)
        .or_else("that of the address, or us-east-1")
        .or_environment("AWS_REGION"),
];

/// Idle connections are closed after so long, before a server does it.
const IDLE: Duration = Duration::from_secs(10);

/// Where the server is.
#[derive(Debug)]
pub(super) struct Server {
    /// The addresses of SQS and of SNS.
    pub(super) endpoints: [String; 2],
    pub(super) region: String,
    /// How long the server may take to answer.
    patience: Duration,
    pub(super) at: Arc<At>,
    pub(super) objects: Objects,
    shared: OnceCell<SdkConfig>,
}

/// The clients of an instance.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) line: Line,
}

impl Server {
    pub(super) fn from_options(options: &Values, wait: Duration) -> Result<Self, String> {
        let text = options.url("sqs.url");
        let usual = if text.starts_with("https:") { 443 } else { 80 };
        let url = Url::read("sqs.url", text, "http", usual)?;
        if url.user.is_some() || url.password.is_some() {
            return Err(format!("option sqs.url: it has no place for who connects; {CREDENTIALS}"));
        }
        let region = url.host.strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws."));
        let region = options.text("sqs.region").or(region.map(|(region, _)| region)).unwrap_or("us-east-1");
        // Signed requests name the host without a port that is usual.
        let port = if url.port == usual { String::new() } else { format!(":{}", url.port) };
        let sns = url.host.strip_prefix("sqs.").map_or(url.host.clone(), |rest| format!("sns.{rest}"));
        let endpoints = [&url.host, &sns].map(|host| format!("{}://{host}{port}", url.scheme));
        let at = Arc::new(At::new("SQS", &url.shown()));
        Ok(Self {
            endpoints,
            region: region.to_owned(),
            patience: wait + PATIENCE,
            objects: Objects::at(&at),
            at,
            shared: OnceCell::new(),
        })
    }

    /// A step of set-up.
    pub(super) async fn step<T, E>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, OpenError>
    where
        Failure: From<E>,
    {
        self.at.step(what, step.map_err(Failure::from)).await
    }

    /// Clients with connections of their own.
    pub(super) async fn session(&self) -> Session {
        // Without TLS there is no need to read the system's certificates.
        let http = || match self.endpoints[0].starts_with("https:") {
            true => {
                let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
                Builder::new().pool_idle_timeout(IDLE).tls_provider(ring).build_https()
            }
            false => Builder::new().pool_idle_timeout(IDLE).build_http(),
        };
        // A request that is tried again by the client would be hidden in the figures.
        let load = || {
            let limits = TimeoutConfig::builder().operation_timeout(self.patience).connect_timeout(PATIENCE);
            aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(self.region.clone()))
                .http_client(http())
                .retry_config(RetryConfig::disabled())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .timeout_config(limits.build())
                .load()
        };
        let shared = self.shared.get_or_init(load).await.to_builder().http_client(http()).build();
        let [sqs, sns] = &self.endpoints;
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).endpoint_url(sqs).build();
        let sns = aws_sdk_sns::config::Builder::from(&shared).endpoint_url(sns).build();
        Session {
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            sns: aws_sdk_sns::Client::from_conf(sns),
            line: Line::to(&self.at),
        }
    }
}

impl Session {
    /// The error of a port.
    pub(super) fn broken(&self, failure: impl Into<Failure>) -> PortError {
        let failure = failure.into();
        if failure.is_missing() {
            return self
                .line
                .broken(true, &format_args!("it has lost its queues, and what they held ({failure})"));
        }
        self.line.broken(failure.code.is_none(), &failure)
    }

    /// A round trip to the server, to know that it is there.
    fn look(&self) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        self.sqs.list_queues().queue_name_prefix(MARK).max_results(1).send().map_ok(drop).err_into()
    }

    /// The last round trip to the server.
    pub(super) fn last(&self) -> RoundTrip {
        self.look().map_err(|failure| failure.to_string()).boxed()
    }

    /// The address of a queue, or `None` if there is none of that name.
    pub(super) async fn url_of(&self, queue: &str) -> Result<Option<String>, Failure> {
        match self.sqs.get_queue_url().queue_name(queue).send().err_into::<Failure>().await {
            Ok(found) => Ok(found.queue_url),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Sorts in the topics whose names begin as drumpost's do.
    async fn list_topics(&self, found: &mut Found) -> Result<(), Failure> {
        let topics = self.sns.list_topics().into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        let arns = topics.await?.into_iter().filter_map(|topic| topic.topic_arn);
        for arn in arns.filter(|arn| name_in(arn, ':').starts_with(MARK)) {
            let tags = self.sns.list_tags_for_resource().resource_arn(&arn).send().err_into().await;
            let owner = tags.map(|said| {
                let tag = said.tags?.into_iter().find(|tag| tag.key == OWNER)?;
                Some(tag.value)
            });
            sort(found, format!("{TOPIC}{}", name_in(&arn, ':')), owner)?;
        }
        Ok(())
    }

    /// The call that makes a topic, or finds the one that has this name.
    pub(super) fn topic(&self, name: &str) -> CreateTopicFluentBuilder {
        let fifo = name.ends_with(FIFO).then(|| [("FifoTopic".to_owned(), "true".to_owned())].into());
        self.sns.create_topic().name(name).set_attributes(fifo)
    }
}

/// Why a request failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the server calls it. `None` if it did not answer.
    pub(super) code: Option<String>,
    pub(super) why: String,
}

impl Failure {
    /// There is no queue or topic of that name.
    pub(super) fn is_missing(&self) -> bool {
        let codes = ["NonExistentQueue", "QueueDoesNotExist", "NotFound"];
        self.code.as_ref().is_some_and(|code| codes.iter().any(|of| code.ends_with(of)))
    }

    /// The server did not answer.
    pub(super) fn is_silence(&self) -> bool {
        self.code.is_none()
    }

    /// Something of this is in what the server calls it.
    fn is_called(&self, parts: &[&str]) -> bool {
        self.code.as_ref().is_some_and(|code| parts.iter().any(|part| code.contains(part)))
    }

    /// The server does not have the service or the action that it was asked for, as an emulator of SQS alone has no SNS.
    pub(super) fn is_no_service(&self) -> bool {
        self.is_called(&[
            "InvalidAction",
            "MissingAction",
            "UnknownAction",
            "UnknownOperation",
            "UnsupportedOperation",
            "NotImplemented",
            "HTTP 404",
            "HTTP 405",
        ])
    }

    /// The client has no credentials, or the server does not take them.
    fn is_login(&self) -> bool {
        const CODES: [&str; 5] =
            ["ClientToken", "UnrecognizedClient", "Signature", "ExpiredToken", "MissingAuthentication"];
        self.is_called(&CODES) || (self.is_silence() && self.why.contains("credentials"))
    }

    /// The request was signed at a time that is too far from the server's. The codes of some such failures are those of a wrong signature.
    fn is_clock(&self) -> bool {
        const WORDS: [&str; 2] = ["Signature expired", "Signature not yet current"];
        self.is_called(&["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"])
            || (self.is_called(&["Signature"]) && WORDS.iter().any(|words| self.why.contains(words)))
    }

    /// Why the server cannot be reached, and what the user can do.
    fn unreachable(&self) -> (Unreachable, String) {
        let advice = if self.is_silence() && self.why.contains("certificate") {
            CERTIFICATE
        } else if self.is_clock() {
            CLOCK
        } else if self.is_called(&["AccessDenied"]) {
            PERMISSIONS
        } else {
            return Unreachable::of(self.is_login(), CREDENTIALS, ABSENT);
        };
        (Unreachable::Refused, advice.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl<E: ProvideErrorMetadata + Error + Send + Sync + 'static> From<SdkError<E>> for Failure {
    fn from(error: SdkError<E>) -> Self {
        let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
        if let Some(said) = error.as_service_error() {
            let code = match (status, said.code()) {
                // Whatever an emulator calls it that lacks a service.
                (501, _) => "NotImplemented".to_owned(),
                (_, Some(code)) => code.to_owned(),
                (_, None) => format!("HTTP {status}"),
            };
            let what = said.message().unwrap_or("it says no more");
            return Self { why: format!("{code}: {what}"), code: Some(code) };
        }
        let (mut why, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            why = format!("{why}: {error}");
            cause = error.source();
        }
        Self { code: None, why }
    }
}

impl From<aws_sdk_sqs::error::BuildError> for Failure {
    fn from(error: aws_sdk_sqs::error::BuildError) -> Self {
        Self { code: Some(String::new()), why: error.to_string() }
    }
}

impl Keeper for Server {
    type Session = Session;
    const OBJECTS: &'static str = "queues and topics";

    async fn connect(&self) -> Result<Session, OpenError> {
        let session = self.session().await;
        // Before its first request the client looks for credentials, also where no answer comes for seconds.
        let silent = format!("{ABSENT}; if it has no credentials, the client waits for some: {CREDENTIALS}");
        self.at.reach(session.look(), &silent, Failure::unreachable).await?;
        Ok(session)
    }

    /// By the tags of all queues whose names begin as drumpost's do, and those of topics where there is SNS.
    async fn list(&self, session: &Session) -> Result<Found, OpenError> {
        let mut found = Found::default();
        let queues = session.sqs.list_queues().queue_name_prefix(MARK).max_results(1000);
        let queues = queues.into_paginator().items().send().collect::<Result<Vec<_>, _>>();
        for url in self.step("list the queues", queues).await? {
            let tags = session.sqs.list_queue_tags().queue_url(&url).send().err_into().await;
            let owner = tags.map(|said| said.tags.and_then(|mut tags| tags.remove(OWNER)));
            sort(&mut found, name_in(&url, '/'), owner)
                .map_err(|silence| self.at.failed("read the tags of a queue", &silence))?;
        }
        match session.list_topics(&mut found).await {
            Err(failure) if !failure.is_no_service() => {
                found.kept.push(format!("topics of SNS: they cannot be listed ({failure})"));
            }
            _ => {}
        }
        Ok(found)
    }

    async fn remove(&self, session: &Session, name: &str) -> bool {
        let Some(topic) = name.strip_prefix(TOPIC) else {
            return match session.url_of(name).await {
                Ok(Some(url)) => session.sqs.delete_queue().queue_url(url).send().await.is_ok(),
                said => said.is_ok(),
            };
        };
        // The name of a topic that is there gives its address. Its subscriptions go with it.
        match session.topic(topic).send().err_into::<Failure>().await {
            Ok(made) => session.sns.delete_topic().set_topic_arn(made.topic_arn).send().await.is_ok(),
            // A server that makes no topics has none.
            Err(failure) => failure.is_no_service(),
        }
    }
}

/// Sorts in a queue or a topic by its tag that says which process made it. One whose tags cannot be read is kept, with the reason.
///
/// # Errors
/// The server does not answer.
pub(super) fn sort(
    found: &mut Found,
    name: String,
    owner: Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    match owner {
        Ok(owner) => found.sort(name, &readable(&owner.unwrap_or_default())),
        Err(failure) if failure.is_silence() => return Err(failure),
        // The queue or the topic was removed meanwhile.
        Err(failure) if failure.is_missing() => {}
        Err(failure) => {
            found.kept.push(format!("{name}: the tag that says who made it cannot be read ({failure})"));
        }
    }
    Ok(())
}

/// The last part of an address.
fn name_in(address: &str, separator: char) -> String {
    address.rsplit(separator).next().unwrap_or(address).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_a_missing_permission_and_a_wrong_login_have_advice_of_their_own() {
        let advice = |code: &str, message: &str| {
            let failure = Failure { code: Some(code.to_owned()), why: format!("{code}: {message}") };
            failure.unreachable()
        };
        for (code, message) in [
            ("SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than 2026"),
            (
                "InvalidSignatureException",
                "Signature not yet current: 20300101T000000Z is still later than 2026",
            ),
            ("RequestExpired", "Request has expired."),
            (
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
        ] {
            assert_eq!(advice(code, message), (Unreachable::Refused, CLOCK.to_owned()), "{code}");
        }
        assert_eq!(
            advice("SignatureDoesNotMatch", "The request signature we calculated does not match").1,
            CREDENTIALS
        );
        assert_eq!(
            advice("ExpiredToken", "The security token included in the request is expired").1,
            CREDENTIALS
        );
        assert_eq!(
            advice("AccessDeniedException", "not authorized to perform: sqs:listqueues").1,
            PERMISSIONS
        );
        assert_eq!(advice("ServiceUnavailable", "later"), (Unreachable::Absent, ABSENT.to_owned()));
    }
}
