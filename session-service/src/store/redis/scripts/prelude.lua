-- What the scripts share; it stands before each of them, after the limits that they know by name.
--
-- KEYS: of a session's scripts 1 record, 2 history, and on one node 3 index, 4 moves, 5 listing, 6 queue; of an owner's
-- scripts these four. ARGV: 1 lifetime in ms, and in a cluster, last, of a script that changes a session, its moment: the
-- node of the owner's list gives it (place.lua). On one node the script finds it. A given moment has a fraction that
-- tells it from every other one; the session counts whole milliseconds. The session's own JSON is never decoded here:
-- cjson turns [] into {} and rounds large integers.

local INDEX, MOVES, LISTING, QUEUE = KEYS[#KEYS - 3], KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
local GIVEN = #KEYS == 2 and tonumber(ARGV[#ARGV])
local TTL = tonumber(ARGV[1])
-- The number of moves that are too old and removed with each new one.
local MOVES_REMOVED = 8
-- The most in ms that the snapshot time of a listing may be ahead of the clock.
local AHEAD_MAX = 10000

-- A whole number for Redis, which itself takes as long as a command does to write one down.
local function text(number)
  return string.format('%d', number)
end

-- The score that stands for an expiry after a given moment.
local function score_after(given)
  return string.format('%.3f', given + TTL)
end

-- Returns a whole number of a record or a listing; nil for any other text.
local function whole(value)
  if value and #value <= 15 and string.find(value, '^%d+$') then
    return tonumber(value)
  end
end

local WRONG_TYPE = {}

-- Calls Redis like redis.call, and returns WRONG_TYPE when the key holds a value of another type.
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then
    return reply
  end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then
    return WRONG_TYPE
  end
  return redis.call(...)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Puts the session's place and lets the index live as long as the last session in it: until `expires_at`, `left` ms.
local function place(user_id, score, expires_at, left)
  redis.call('ZADD', INDEX, score, user_id)
  local ttl = redis.call('PTTL', INDEX)
  if ttl < 0 or ttl < left then
    redis.call('PEXPIREAT', INDEX, expires_at)
  end
end

-- Forgets every listing and move, because one of their keys holds foreign data. Listings that are being read have expired.
local function forget_listings()
  redis.call('DEL', LISTING, MOVES, QUEUE)
end

-- Returns the moments of the first and the last listing that may still be read; nil when there is none.
local function listings(now)
  local fields = try('HMGET', LISTING, 'since', 'last')
  if fields ~= WRONG_TYPE then
    if not fields[1] and not fields[2] then
      return nil
    end
    local since, last = whole(fields[1]), whole(fields[2])
    if since and last and since <= last and last <= now + AHEAD_MAX and last + LISTING_MAX >= now then
      return since, last
    end
  end
  forget_listings()
end

-- Records that a session leaves its entry in the index at `moment`. Pages read moves by expiry, so a queue holds them in the
-- order of their age. Each move removes the oldest ones that no listing can need, and `since` says so.
local function add_move(user_id, from, moment, now, complete_since)
  local member = user_id .. '\n' .. moment
  if try('ZADD', MOVES, from, member) == WRONG_TYPE or try('RPUSH', QUEUE, member) == WRONG_TYPE then
    return forget_listings()
  end
  local over, since = {}, 0
  for i, oldest in ipairs(redis.call('LRANGE', QUEUE, 0, MOVES_REMOVED - 1)) do
    local moved = tonumber(string.match(oldest, '\n(%d+)$') or 0)
    if moved + LISTING_MAX >= now and moved <= now + AHEAD_MAX then
      break
    end
    over[i], since = oldest, moved <= now and math.max(since, moved) or since
  end
  if #over > 0 then
    redis.call('ZREM', MOVES, unpack(over))
    redis.call('LPOP', QUEUE, #over)
    if since > complete_since then
      redis.call('HSET', LISTING, 'since', text(since))
    end
  end
  -- Older versions have no queue; their moves go when no session of that time can be live.
  redis.call('ZREMRANGEBYSCORE', MOVES, '-inf', '(' .. now - LISTING_MAX)
  redis.call('PEXPIREAT', MOVES, moment + LISTING_MAX)
  redis.call('PEXPIREAT', QUEUE, moment + LISTING_MAX)
end

-- Gives a change of a session its moment. While a listing is being read the session leaves its old place behind, unless
-- it did so before, and moves to a moment later than the listing.
local function move(user_id, now)
  local since, last = listings(now)
  if not last then
    return now
  end
  local moment = math.max(now, last + 1)
  local from = tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
  if from and math.floor(from) <= last + TTL then
    add_move(user_id, from, moment, now, since)
  end
  return moment
end
