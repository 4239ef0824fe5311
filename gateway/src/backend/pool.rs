//! Connections to one address for calls of one kind.

use super::{
    connection::{ConnectError, Connection},
    kind::Kind,
    target::Target,
};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OwnedSemaphorePermit;

/// Connections to one address for calls of one kind.
pub(super) struct Pool {
    kind: Kind,
    connections: Mutex<Vec<Connection>>,
    /// Held while a call opens a connection, so that the calls of a burst share the new one.
    opening: tokio::sync::Mutex<()>,
}

impl Pool {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, connections: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an open connection, or a new one.
    pub(super) async fn connect(&self, target: &Target) -> Result<Connection, ConnectError> {
        let existing = self.lock().iter().find(|connection| !connection.is_closed()).cloned();
        if let Some(connection) = existing {
            return Ok(connection);
        }
        let connection = self.open(target).await?;
        self.lock().push(connection.clone());
        Ok(connection)
    }

    /// Opens a connection. The future is on the heap: with its 7 KB for the handshake of TLS it would be part of every call.
    async fn open(&self, target: &Target) -> Result<Connection, ConnectError> {
        Box::pin(Connection::open(target, self.kind.stream_window())).await
    }

    /// Returns a connection and a permit for a stream on it. Opens a connection if the others are at their limit.
    pub(super) async fn acquire(
        &self,
        target: &Target,
    ) -> Result<(Connection, OwnedSemaphorePermit), ConnectError> {
        if let Some(acquired) = self.try_acquire() {
            return Ok(acquired);
        }
        let _opening = self.opening.lock().await;
        if let Some(acquired) = self.try_acquire() {
            return Ok(acquired);
        }
        let connection = self.open(target).await?;
        let permit =
            connection.try_acquire().ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset))?;
        self.lock().push(connection.clone());
        Ok((connection, permit))
    }

    fn try_acquire(&self) -> Option<(Connection, OwnedSemaphorePermit)> {
        let mut connections = self.lock();
        connections.retain(|connection| !connection.is_closed());
        connections.iter().find_map(|connection| Some((connection.clone(), connection.try_acquire()?)))
    }

    /// Returns `true` if a connection is open.
    pub(super) fn is_connected(&self) -> bool {
        self.lock().iter().any(|connection| !connection.is_closed())
    }

    /// Drops the connections that are closed.
    pub(super) fn prune(&self) {
        self.lock().retain(|connection| !connection.is_closed());
    }

    /// Drops all connections. They close after their last stream.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}
