-- The index of an owner's sessions, and the moves that let a listing show the order of its snapshot.

-- Number of outdated moves that each new move removes.
local MOVES_PER_CLEANUP = 8

-- Writes an index entry, and extends the lifetime of the index to `expires_at`, which is in `left` ms.
local function put_index_entry(user_id, score, expires_at, left)
  redis.call('ZADD', INDEX, score, user_id)
  local ttl = redis.call('PTTL', INDEX)
  if ttl < 0 or ttl < left then
    redis.call('PEXPIREAT', INDEX, expires_at)
  end
end

-- Removes every listing and move, because one of their keys holds foreign data. Listings in progress have expired.
local function remove_listings()
  redis.call('DEL', LISTING, MOVES, QUEUE)
end

-- Returns the snapshot times of the first and the last listing in progress; nil if there is none.
local function listings(now)
  if redis.call('EXISTS', LISTING) == 0 then
    return nil
  end
  local fields = try('HMGET', LISTING, 'since', 'last')
  if fields ~= WRONG_TYPE then
    if not fields[1] and not fields[2] then
      return nil
    end
    local since, last = whole(fields[1]), whole(fields[2])
    if since and last and since <= last and last <= now + MAX_CLOCK_LEAD and last + LISTING_TTL >= now then
      return since, last
    end
  end
  remove_listings()
end

-- Returns the timestamp of a change at `now`, which is later than every listing in progress. The session's current index
-- entry is kept as a move for these listings, unless an earlier change did so.
local function timestamp_after_listings(user_id, now)
  local since, last = listings(now)
  if not last then
    return now
  end

  -- Records that the session leaves the index entry with this score. `moves` is ordered by score, for pages; `queue` by age,
  -- for cleanup. Each move removes the oldest ones that no listing needs, and `since` is updated accordingly. The function is
  -- created only here: each function that a script creates costs every call.
  local function add_move(score, timestamp)
    local member = user_id .. '\n' .. timestamp
    if try('ZADD', MOVES, score, member) == WRONG_TYPE or try('RPUSH', QUEUE, member) == WRONG_TYPE then
      return remove_listings()
    end
    local outdated, complete_until = {}, 0
    for i, oldest in ipairs(redis.call('LRANGE', QUEUE, 0, MOVES_PER_CLEANUP - 1)) do
      local moved_at = tonumber(string.match(oldest, '\n(%d+)$') or 0)
      if moved_at + LISTING_TTL >= now and moved_at <= now + MAX_CLOCK_LEAD then
        break
      end
      outdated[i] = oldest
      complete_until = moved_at <= now and math.max(complete_until, moved_at) or complete_until
    end
    if #outdated > 0 then
      redis.call('ZREM', MOVES, unpack(outdated))
      redis.call('LPOP', QUEUE, #outdated)
      if complete_until > since then
        redis.call('HSET', LISTING, 'since', text(complete_until))
      end
    end
    -- Moves of older versions have no queue. They are removed once no session of their time can be live.
    redis.call('ZREMRANGEBYSCORE', MOVES, '-inf', '(' .. now - LISTING_TTL)
    redis.call('PEXPIREAT', MOVES, timestamp + LISTING_TTL)
    redis.call('PEXPIREAT', QUEUE, timestamp + LISTING_TTL)
  end

  local timestamp = math.max(now, last + 1)
  local score = redis.call('ZSCORE', INDEX, user_id)
  if score and math.floor(score) <= last + TTL then
    add_move(score, timestamp)
  end
  return timestamp
end
