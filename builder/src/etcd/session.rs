//! A connection to one member, and the calls that it serves.

use std::error::Error as _;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{PathAndQuery, Uri};
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tonic::client::Grpc;
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use super::call_error::CallError;
use super::messages::{
    Empty, Member, MembersAnswer, PutRequest, RangeAnswer, RangeRequest, SnapshotPart, Status,
};
use super::timeouts::Timeouts;
use super::transport::{self, Channel, Connected, PeerAnswer};
use crate::printable::printable;

/// How long a member may pause while it sends a snapshot from its card.
const STALL: Duration = Duration::from_secs(30);

/// The size in bytes of the largest answer, which etcd itself does not limit.
const LARGEST: usize = 64 << 20;

/// An open connection to a member. Every call waits for its answer, for a limited time.
pub struct Session {
    /// The only place where asynchronous code runs: on the thread of the caller, during a call.
    runtime: Runtime,
    grpc: Grpc<Channel>,
    channel: Channel,
    certificate: Vec<u8>,
    limit: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.channel).finish()
    }
}

impl Session {
    /// Connects to the client port of a member.
    pub(super) fn open(
        tls: Option<Arc<ClientConfig>>,
        at: SocketAddr,
        timeouts: Timeouts,
    ) -> Result<Self, CallError> {
        let runtime = runtime()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let connected = runtime.block_on(transport::connect(tls, at, timeouts))?;
        let Connected {
            channel,
            certificate,
        } = connected;
        let origin: Uri = format!("{scheme}://{at}")
            .parse()
            .expect("a socket address is an authority");
        Ok(Self {
            grpc: Grpc::with_origin(channel.clone(), origin).max_decoding_message_size(LARGEST),
            runtime,
            channel,
            certificate,
            limit: timeouts.answer,
        })
    }

    /// Returns the certificate that the member presented, in DER form.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns the status of this member, which it reports without asking others.
    pub fn status(&self) -> Result<Status, CallError> {
        self.call("/etcdserverpb.Maintenance/Status", Empty {})
    }

    /// Returns all members, as this one knows them.
    pub fn members(&self) -> Result<Vec<Member>, CallError> {
        let list: MembersAnswer = self.call("/etcdserverpb.Cluster/MemberList", Empty {})?;
        Ok(list.members)
    }

    /// Writes through this member. `Ok` means that the cluster has committed the write.
    pub fn put(&self, key: &str, value: &str) -> Result<(), CallError> {
        let put = PutRequest {
            key: key.into(),
            value: value.into(),
            lease: 0,
        };
        let Empty {} = self.call("/etcdserverpb.KV/Put", put)?;
        Ok(())
    }

    /// Reads a committed value through this member, with a linearizable read.
    pub fn get(&self, key: &str) -> Result<Option<String>, CallError> {
        let request = RangeRequest {
            key: key.into(),
            ..RangeRequest::default()
        };
        let answer: RangeAnswer = self.call("/etcdserverpb.KV/Range", request)?;
        let value = answer.pairs.into_iter().next().map(|pair| pair.value);
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// Passes a snapshot of this member's database, followed by its SHA-256, to `sink`, part by part.
    pub fn snapshot(
        &self,
        mut sink: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let begin = self.stream("/etcdserverpb.Maintenance/Snapshot", Empty {});
        let mut stream: Streaming<SnapshotPart> = self.block(STALL, begin)?;
        let mut next = || {
            let part = async { stream.message().await.map_err(|status| refusal(&status)) };
            self.block(STALL, part)
        };
        while let Some(part) = next()? {
            sink(&part.blob)?;
        }
        Ok(())
    }

    pub(super) fn call<Q, A>(&self, path: &'static str, request: Q) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.call_within(self.limit, path, request)
    }

    /// Calls a function that may take longer than an ordinary one.
    pub(super) fn call_within<Q, A>(
        &self,
        limit: Duration,
        path: &'static str,
        request: Q,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let exchange = async {
            let mut grpc = self.ready().await?;
            let path = PathAndQuery::from_static(path);
            let answer = grpc.unary(Request::new(request), path, ProstCodec::default());
            let answer = answer.await.map_err(|status| refusal(&status))?;
            Ok(answer.into_inner())
        };
        self.block(limit, exchange)
    }

    /// Calls a function that answers several times, for its first answer.
    pub(super) fn first<Q, A>(&self, path: &'static str, request: Q) -> Result<Option<A>, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let exchange = async {
            let mut stream = self.stream(path, request).await?;
            stream.message().await.map_err(|status| refusal(&status))
        };
        self.block(self.limit, exchange)
    }

    /// Begins a call that answers several times.
    async fn stream<Q, A>(&self, path: &'static str, request: Q) -> Result<Streaming<A>, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let path = PathAndQuery::from_static(path);
        let codec = ProstCodec::<Q, A>::default();
        let stream = grpc.server_streaming(Request::new(request), path, codec);
        let stream = stream.await.map_err(|status| refusal(&status))?;
        Ok(stream.into_inner())
    }

    /// Returns the client once the connection accepts a request.
    async fn ready(&self) -> Result<Grpc<Channel>, CallError> {
        let mut grpc = self.grpc.clone();
        let ready = grpc.ready().await;
        ready.map_err(|error| CallError::connection(&error))?;
        Ok(grpc)
    }

    /// Runs a future to its end on this thread; the reason for the end of the connection replaces its consequence.
    fn block<T>(
        &self,
        limit: Duration,
        future: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let limited = async { timeout(limit, future).await };
        let result = self.runtime.block_on(limited);
        let result = result.unwrap_or_else(|_| Err(CallError::late(limit)));
        match result {
            Err(CallError::Silent(reason)) => {
                Err(self.channel.end().unwrap_or(CallError::Silent(reason)))
            }
            other => other,
        }
    }
}

/// Connects to the peer port of a member, which answers before there is a quorum.
pub(super) fn check_peer_port(
    tls: Option<Arc<ClientConfig>>,
    at: SocketAddr,
    timeouts: Timeouts,
) -> Result<PeerAnswer, CallError> {
    runtime()?.block_on(transport::check_peer_port(tls, at, timeouts))
}

fn runtime() -> Result<Runtime, CallError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| CallError::Silent(error.to_string()))
}

/// Distinguishes an answer of etcd from a failure of the connection, which has a cause in this process.
fn refusal(status: &tonic::Status) -> CallError {
    match status.source() {
        Some(cause) => CallError::connection(cause),
        None if status.message().is_empty() => {
            CallError::Answer(status.code().description().to_owned())
        }
        None => CallError::Answer(printable(status.message())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_says_moves_no_cursor() {
        let said = refusal(&tonic::Status::unknown("no\u{1b}[2J"));
        assert_eq!(said, CallError::Answer("no\\u{1b}[2J".to_owned()));
    }
}
