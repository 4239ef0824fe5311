//! Creation, reading and deletion of sessions, and appends.

use super::{
    RedisStore,
    client::Idempotency,
    context::{idempotency_of, read_record},
    index::IndexPolicy,
    keys,
    reply::{Reply, SESSION_FIELDS, session, timestamp},
    scripts,
};
use crate::{
    domain::{Batch, IfExists, Incarnation, NewSession, Owner, RequestId, Session, Timestamp, UserId},
    store::{
        Appended, Created, StoreError,
        record::{Digest72, creation_fingerprint, encode_without_timestamp, fingerprint, request_digest},
    },
};

impl RedisStore {
    pub(super) async fn create_session(
        &self,
        owner: &Owner,
        new: &NewSession,
    ) -> Result<Created, StoreError> {
        if self.would_conflict(owner, new).await? {
            return Err(StoreError::AlreadyExists);
        }
        let request_id = new.request_id.as_ref();
        let fingerprint = request_id.map(|_| creation_fingerprint(new));
        let mut call = self.prepare_change(&scripts::CREATE, owner, &new.user_id);
        call.arg(new.persona.as_str())
            .arg(new.metadata.as_json())
            .arg(request_id.map_or("", RequestId::as_str))
            .arg(if new.if_exists == IfExists::Return { "return" } else { "fail" })
            .arg(self.session_limit())
            .arg(or_empty(fingerprint.as_ref()))
            .arg(Incarnation::random().as_str());
        let idempotency = idempotency_of(request_id);
        let mut reply = self.change(owner, &new.user_id, call, IndexPolicy::Insert, idempotency).await?;
        let created = reply.status()? == "created";
        Ok(Created { session: reply.session(&new.user_id)?, created })
    }

    pub(super) async fn read_session(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let fields =
            self.client.query(&read_record(owner, user_id, &SESSION_FIELDS), Idempotency::Idempotent).await?;
        session(user_id, fields)?.ok_or(StoreError::NotFound)
    }

    pub(super) async fn append_messages(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        let fingerprint = request_id.map(|_| fingerprint(batch.messages()));
        let mut call = self.prepare_change(&scripts::APPEND, owner, user_id);
        call.arg(batch.count())
            .arg(or_empty(request_id.map(request_digest).as_ref()))
            .arg(or_empty(fingerprint.as_ref()))
            .arg(batch.preview().as_str());
        for message in batch.messages() {
            call.arg(encode_without_timestamp(message));
        }
        let idempotency = idempotency_of(request_id);
        let mut reply = self.change(owner, user_id, call, IndexPolicy::Existing, idempotency).await?;
        let replayed = reply.status()? == "replayed";
        let session = reply.session(user_id)?;
        let first_seq = reply.next()?;
        let messages = if replayed {
            reply.messages(first_seq)?
        } else {
            batch.clone().at(first_seq, session.last_activity)
        };
        Ok(Appended { messages, session, replayed })
    }

    pub(super) async fn touch_session(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        let call = self.prepare_change(&scripts::TOUCH, owner, user_id);
        let mut reply =
            self.change(owner, user_id, call, IndexPolicy::Existing, Idempotency::Idempotent).await?;
        reply.status()?;
        reply.session(user_id)
    }

    pub(super) async fn delete_session(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        let call = self.prepare_change(&scripts::DELETE, owner, user_id);
        let mut reply = Reply::new(self.client.eval_write(&call, Idempotency::NonIdempotent).await?)?;
        reply.status()?;
        self.delete_text(owner, user_id).await;
        self.remove_index_entry(owner, user_id, reply.next()?).await
    }

    /// Returns the time of the node that issues timestamps in a cluster.
    pub(super) async fn server_time(&self) -> Result<Timestamp, StoreError> {
        let [index, ..] = keys::list(&Owner::open());
        timestamp(self.client.time(&index).await?)
    }
}

/// Returns the digest as an argument of scripts, empty if there is none.
fn or_empty(digest: Option<&Digest72>) -> &[u8] {
    digest.map_or(&[], Digest72::as_slice)
}
