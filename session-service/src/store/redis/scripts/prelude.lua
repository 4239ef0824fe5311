-- What the scripts share; it stands before each of them, after the limits that they know by name.
--
-- KEYS: of a session's scripts 1 record, 2 history, and on one node 3 index, 4 moves, 5 listing; of an owner's scripts
-- these three. ARGV: 1 lifetime in ms, and in a cluster, last, of a script that changes a session, its moment: the node
-- of the owner's list gives it (place.lua). On one node the script finds it.
-- A given moment has a fraction that tells it from every other one; the session counts whole milliseconds.
-- The session's own JSON is never decoded here: cjson turns [] into {} and rounds large integers.

local INDEX, MOVES, LISTING = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
local GIVEN = #KEYS == 2 and tonumber(ARGV[#ARGV])
local TTL = tonumber(ARGV[1])

-- A whole number for Redis, which itself takes as long as a command does to write one down.
local function text(number)
  return string.format('%d', number)
end

-- The score that stands for an expiry after a given moment.
local function score_after(given)
  return string.format('%.3f', given + TTL)
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

-- Gives a change of a session its moment. While a listing is being read the session leaves its old place behind, unless
-- it did so before, and moves to a moment later than the listing.
local function move(user_id, now)
  local last = tonumber(redis.call('HGET', LISTING, 'last') or nil)
  if not last then
    return now
  end
  local moment = math.max(now, last + 1)
  local from = tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
  if from and math.floor(from) <= last + TTL then
    redis.call('ZADD', MOVES, from, user_id .. '\n' .. moment)
    redis.call('ZREMRANGEBYSCORE', MOVES, '-inf', '(' .. now - LISTING_MAX)
    redis.call('PEXPIREAT', MOVES, moment + LISTING_MAX)
  end
  return moment
end
