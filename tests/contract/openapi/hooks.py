"""Rules of the API that an OpenAPI document cannot express, applied to the requests that schemathesis generates.

A request that obeys the document may still break one of them and is rightly rejected. Requests that are meant to break the
document are left as they are.
"""

import json
import uuid

import schemathesis

PERSONAS = {"default", "mental_health_nurse", "technical_support", "creative_writer"}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # `default` would document every status.
    for path in raw_schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("default", None)


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta or case.meta.generation.mode.value != "positive":
        return
    if isinstance(case.query, dict):
        # A token is valid only if the service has issued it.
        case.query.pop("page_token", None)
        case.query.pop("cursor", None)
        if "before" in case.query:
            case.query.pop("after", None)
    if case.path.endswith("/events"):
        # The stream of a live session does not end by itself.
        case.path_parameters["user_id"] = str(uuid.uuid4())
        case.headers.pop("Last-Event-ID", None)
    if isinstance(case.path_parameters, dict) and "user_id" in case.path_parameters:
        case.path_parameters["user_id"] = within_bytes(case.path_parameters["user_id"], 128)
    if isinstance(case.body, dict):
        obey(case.body)
        for message in case.body.get("messages", []):
            obey(message)


def obey(body):
    # The same id with another body is an error, as documented.
    if body.get("request_id") is not None:
        body["request_id"] = str(uuid.uuid4())
    # Only configured personas exist.
    if body.get("persona") is not None and body["persona"] not in PERSONAS:
        body["persona"] = "default"
    # Limits in bytes.
    if "user_id" in body:
        body["user_id"] = within_bytes(body["user_id"], 128)
    for name in ("message", "content"):
        if name in body:
            body[name] = within_bytes(body[name], 32 * 1024)
    metadata = body.get("metadata")
    if metadata is not None and (len(json.dumps(metadata)) > 16 * 1024 or levels(metadata) > 16):
        body["metadata"] = {}


def within_bytes(text, limit):
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    return encoded[:limit].decode(errors="ignore").strip()


def levels(value):
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return 0
    return 1 + max(map(levels, value), default=0)
