//! The task that carries one connection: frames out, frames in, and one last word when it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Endpoint;
use crate::api::{Request, Response};
use crate::raft::{ClusterId, NodeId};
use crate::transport::{ClientConnection, DialError, Dialer};

/// How long one attempt to connect may take; the next one follows.
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Most batches handed to the connection in one go.
const BATCHES_MAX: usize = 64;

/// What a link tells the client. `generation` says which attempt it belongs to; older ones no longer count.
pub(super) struct LinkEvent {
    pub node: NodeId,
    pub generation: u64,
    pub news: News,
}

pub(super) enum News {
    Up,
    Responses(Vec<Response>),
    DialFailed(Arc<DialError>),
    Lost(String),
}

/// Opens links. The real one dials; tests put a scripted one here.
pub(super) trait Opener: Send {
    /// Starts to connect; news comes later, under `generation`.
    fn open(&mut self, endpoint: &Endpoint, generation: u64) -> Link;
}

/// Opens links over QUIC.
pub(super) struct Connector {
    pub dialer: Dialer,
    pub cluster: ClusterId,
    pub events: mpsc::UnboundedSender<LinkEvent>,
}

/// The client's end of a link. Dropping it closes the connection.
pub(super) struct Link {
    pub generation: u64,
    pub outgoing: mpsc::UnboundedSender<Vec<Request>>,
}

impl Opener for Connector {
    fn open(&mut self, endpoint: &Endpoint, generation: u64) -> Link {
        let (outgoing, requests) = mpsc::unbounded_channel();
        let (dialer, endpoint) = (self.dialer.clone(), endpoint.clone());
        let (cluster, events) = (self.cluster, self.events.clone());
        tokio::spawn(async move {
            let tell = |news| events.send(LinkEvent { node: endpoint.id, generation, news }).is_ok();
            match dialer.dial(&endpoint.address, endpoint.id, cluster, DIAL_TIMEOUT).await {
                Ok(connection) => {
                    if tell(News::Up) {
                        let because = carry(connection, requests, &tell).await;
                        tell(News::Lost(because));
                    }
                }
                Err(error) => {
                    tell(News::DialFailed(Arc::new(error)));
                }
            }
        });
        Link { generation, outgoing }
    }
}

impl Link {
    /// Hands requests over in order. When the connection is gone already, its last word is on the way and says so.
    pub(super) fn send(&self, requests: Vec<Request>) {
        let _ = self.outgoing.send(requests);
    }
}

/// Carries frames until the connection or the client ends; gives why.
async fn carry(
    mut connection: ClientConnection,
    mut outgoing: mpsc::UnboundedReceiver<Vec<Request>>,
    tell: &impl Fn(News) -> bool,
) -> String {
    let mut batches = Vec::new();
    loop {
        tokio::select! {
            responses = connection.responses() => match responses {
                Ok(responses) => {
                    if !tell(News::Responses(responses)) {
                        return "the client was stopped".to_owned();
                    }
                }
                Err(lost) => return lost.to_string(),
            },
            count = outgoing.recv_many(&mut batches, BATCHES_MAX) => {
                if count == 0 {
                    return "it was closed here".to_owned();
                }
                if let Err(lost) = connection.send(batches.drain(..).flatten()) {
                    return lost.to_string();
                }
            }
        }
    }
}
