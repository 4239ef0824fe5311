"""The three documented operations with FastAPI and redis-py, for comparison.

A minimal service: a hash per session, a list of messages, an expiry of an hour. It has no idempotency, no limits, no stable
pages, and lists with SCAN. REDIS_URL names its Redis.
"""

import os
import time

import redis.asyncio as redis
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

TTL_SECONDS = 3600

app = FastAPI()
store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


class Creation(BaseModel):
    user_id: str
    persona: str = "default"


@app.post("/api/session/create")
async def create(creation: Creation):
    key = f"session:{creation.user_id}"
    now = int(time.time())
    session = {
        "user_id": creation.user_id,
        "session_id": f"session_{creation.user_id}_{now}",
        "persona": creation.persona,
        "created_at": now,
        "last_activity": now,
        "message_count": 0,
    }
    async with store.pipeline() as pipeline:
        pipeline.hset(key, mapping=session)
        pipeline.expire(key, TTL_SECONDS)
        await pipeline.execute()
    return session


@app.get("/api/sessions")
async def sessions(page_size: int = 50):
    keys = [key async for key in store.scan_iter(match="session:*", count=1000)]
    async with store.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hgetall(key)
        found = await pipeline.execute()
    found = sorted((session for session in found if session), key=lambda session: session["last_activity"], reverse=True)
    return {"sessions": found[:page_size], "count": len(found)}


@app.get("/api/session/{user_id}/history")
async def history(user_id: str, limit: int = 50):
    async with store.pipeline(transaction=False) as pipeline:
        pipeline.exists(f"session:{user_id}")
        pipeline.lrange(f"history:{user_id}", -limit, -1)
        exists, messages = await pipeline.execute()
    if not exists:
        raise HTTPException(status_code=404, detail="not found")
    return {"user_id": user_id, "messages": messages}


@app.post("/fill/{user_id}/{messages}")
async def fill(user_id: str, messages: int):
    """Adds messages to a session, to prepare a measurement."""
    content = "hello, this is a message of about fifty characters"
    await store.rpush(f"history:{user_id}", *[f'{{"role":"user","content":"{content}"}}'] * messages)
