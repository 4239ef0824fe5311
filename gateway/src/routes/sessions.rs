//! Routes of sessions and their messages.

use super::{
    Api,
    render::{render, render_reserved, reserve_append, reserve_page},
};
use crate::{
    backend::{Idempotency, Method, SessionClient},
    caller::CallerExtension,
    error::{AppendRefusals, CreateRefusals, Problem, Refusals, SessionRefusals, SessionWriteRefusals},
    extract::{JsonFields, QueryParams, UserId},
    json::{self, Appended, Created, History, Session, Sessions, schemas},
};
use axum::{extract::State, http::StatusCode, response::Response};
use nono_proto::session::v1 as pb;

/// Create a session, or return the live one if `if_exists` is `return`.
#[utoipa::path(
    post, path = "/api/session/create", tag = "sessions", request_body = json::CreateRequest,
    responses(
        (status = 200, description = "The session", body = Created, links(
            ("get" = (operation_id = "get", parameters(("user_id" = "$response.body#/user_id")))),
            ("history" = (operation_id = "history", parameters(("user_id" = "$response.body#/user_id")))),
            ("export" = (operation_id = "export", parameters(("user_id" = "$response.body#/user_id")))),
            ("append" = (operation_id = "append", parameters(("user_id" = "$response.body#/user_id")))),
            ("chat" = (operation_id = "chat", parameters(("user_id" = "$response.body#/user_id")))),
            ("cancel" = (operation_id = "cancel", parameters(("user_id" = "$response.body#/user_id")))),
            ("touch" = (operation_id = "touch", parameters(("user_id" = "$response.body#/user_id")))),
            ("delete" = (operation_id = "delete", parameters(("user_id" = "$response.body#/user_id")))),
        )),
        CreateRefusals,
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    caller: CallerExtension,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let request = json::create(fields)?;
    let idempotency = Idempotency::of_request_id(&request.request_id);
    let send = |mut client: SessionClient, request| async move { client.create(request).await };
    let created = api
        .backend
        .call(api.backend.sessions(), &caller, Method::new("Create", idempotency), request, send)
        .await?;
    Ok(render::<_, Created>(created, &api.responses))
}

/// List the live sessions, latest activity first. All pages of a listing keep the order of its first page.
#[utoipa::path(
    get, path = "/api/sessions", tag = "sessions",
    params(
        ("page_size" = Option<schemas::PageSize>, Query, description = "Maximum number of sessions"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before; other tokens are rejected"),
    ),
    responses(
        (status = 200, description = "A page of sessions", body = Sessions),
        Refusals,
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: CallerExtension,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let request = pb::ListRequest {
        page_size: params.items("page_size"),
        page_token: params.string("page_token").unwrap_or_default(),
    };
    let request = params.finish(request)?;
    let memory = reserve_page(&api.responses)?;
    let send = |mut client: SessionClient, request| async move { client.list(request).await };
    let found =
        api.backend.call(api.backend.sessions(), &caller, Method::idempotent("List"), request, send).await?;
    Ok(render_reserved::<_, Sessions>(found, memory))
}

/// Return a live session.
#[utoipa::path(
    get, path = "/api/session/{user_id}", tag = "sessions", params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 200, description = "The session", body = Session),
        SessionRefusals,
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
) -> Result<Response, Problem> {
    let send = |mut client: SessionClient, request| async move { client.get(request).await };
    let found = api
        .backend
        .call(api.backend.sessions(), &caller, Method::idempotent("Get"), pb::GetRequest { user_id }, send)
        .await?;
    Ok(render::<_, Session>(found.session.unwrap_or_default(), &api.responses))
}

/// Return a page of a session's messages, oldest first: the newest ones, or those before or after a seq.
#[utoipa::path(
    get, path = "/api/session/{user_id}/history", tag = "sessions",
    params(
        ("user_id" = schemas::UserId, Path),
        ("limit" = Option<schemas::PageSize>, Query, description = "Maximum number of messages"),
        ("before" = Option<schemas::Seq>, Query, description = "Only messages with a smaller seq, the newest of them. Not together with `after`"),
        ("after" = Option<schemas::Seq>, Query, description = "Only messages with a larger seq, the oldest of them. Not together with `before`"),
    ),
    responses(
        (status = 200, description = "A page of messages", body = History),
        SessionRefusals,
    )
)]
pub(super) async fn history(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    mut params: QueryParams,
) -> Result<Response, Problem> {
    let request = pb::HistoryRequest {
        user_id,
        limit: params.items("limit"),
        before_seq: params.seq("before"),
        after_seq: params.seq("after"),
    };
    let request = params.finish(request)?;
    let memory = reserve_page(&api.responses)?;
    let send = |mut client: SessionClient, request| async move { client.history(request).await };
    let found = api
        .backend
        .call(api.backend.sessions(), &caller, Method::idempotent("History"), request, send)
        .await?;
    Ok(render_reserved::<_, History>(found, memory))
}

/// Append messages to a session, all or none.
#[utoipa::path(
    post, path = "/api/session/{user_id}/messages", tag = "sessions", request_body = json::AppendRequest,
    params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 200, description = "The messages as stored", body = Appended),
        AppendRefusals,
    )
)]
pub(super) async fn append(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
    fields: JsonFields,
) -> Result<Response, Problem> {
    let request = json::append(user_id, fields)?;
    let idempotency = Idempotency::of_request_id(&request.request_id);
    let memory = reserve_append(&api.responses, &request)?;
    let send = |mut client: SessionClient, request| async move { client.append(request).await };
    let appended = api
        .backend
        .call(api.backend.sessions(), &caller, Method::new("Append", idempotency), request, send)
        .await?;
    Ok(render_reserved::<_, Appended>(appended, memory))
}

/// Extend the lifetime of a session.
#[utoipa::path(
    post, path = "/api/session/{user_id}/touch", tag = "sessions", params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 200, description = "The session with its new expiry", body = Session),
        SessionWriteRefusals,
    )
)]
pub(super) async fn touch(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
) -> Result<Response, Problem> {
    let send = |mut client: SessionClient, request| async move { client.touch(request).await };
    let touched = api
        .backend
        .call(
            api.backend.sessions(),
            &caller,
            Method::idempotent("Touch"),
            pb::TouchRequest { user_id },
            send,
        )
        .await?;
    Ok(render::<_, Session>(touched.session.unwrap_or_default(), &api.responses))
}

/// Delete a session with all its messages.
#[utoipa::path(
    delete, path = "/api/session/{user_id}", tag = "sessions", params(("user_id" = schemas::UserId, Path)),
    responses(
        (status = 204, description = "The session was deleted"),
        SessionWriteRefusals,
    )
)]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: CallerExtension,
    UserId(user_id): UserId,
) -> Result<StatusCode, Problem> {
    let send = |mut client: SessionClient, request| async move { client.delete(request).await };
    api.backend
        .call(
            api.backend.sessions(),
            &caller,
            Method::new("Delete", Idempotency::NonIdempotent),
            pb::DeleteRequest { user_id },
            send,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
