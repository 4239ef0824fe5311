-- What the scripts share; it stands before each of them.
--
-- KEYS: of a session's scripts 1 record, 2 history, and on one node 3 index, 4 moves, 5 listing; of an owner's scripts
-- these three. ARGV: 1 lifetime in ms, 2 the longest listing in ms, and of a script that changes a session, last, its
-- moment: in a cluster the node of the owner's list gives it (place.lua), on one node it is "" and the script finds it.
-- A given moment has a fraction that tells it from every other one; the session counts whole milliseconds.
-- The session's own JSON is never decoded here: cjson turns [] into {} and rounds large integers.

local INDEX, MOVES, LISTING = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
local GIVEN = tonumber(ARGV[#ARGV])

-- The score that stands for an expiry after a given moment.
local function score_after(given)
  return string.format('%.3f', given + tonumber(ARGV[1]))
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The fields in the order that store/redis/reply.rs reads them.
local function session()
  return redis.call('HMGET', KEYS[1], 'user_id', 'persona', 'created_at', 'last_activity', 'expires_at',
    'message_count', 'metadata')
end

-- Puts the session's place and lets the index live as long as the last session in it.
local function place(user_id, expires_at, now)
  redis.call('ZADD', INDEX, expires_at, user_id)
  if redis.call('PTTL', INDEX) < expires_at - now then
    redis.call('PEXPIREAT', INDEX, math.ceil(expires_at))
  end
end

-- The moment of a change, and the session's place after it. While a listing is being read the session leaves its old
-- place behind, unless it did so before, and moves to a moment later than the listing. `fraction` of a millisecond is
-- added to the score.
local function move(user_id, now, fraction)
  local ttl, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
  local last = tonumber(redis.call('HGET', LISTING, 'last') or nil)
  local moment = now
  if last then
    moment = math.max(now, last + 1)
    local from = tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
    if from and math.floor(from) <= last + ttl then
      redis.call('ZADD', MOVES, from, user_id .. '\n' .. moment)
      redis.call('ZREMRANGEBYSCORE', MOVES, '-inf', '(' .. now - longest)
      redis.call('PEXPIREAT', MOVES, moment + longest)
    end
  end
  place(user_id, moment + ttl + (fraction or 0), now)
  return moment
end

-- Moves a live session's expiry and, on one node, its place. Answers the moment of the change. Moments that were given
-- may arrive in another order than they were given in.
local function slide(user_id, now)
  local moment
  if not GIVEN then
    moment = move(user_id, now)
  else
    -- A session that was made on one node, before it became a cluster, was given none.
    local last = tonumber(redis.call('HGET', KEYS[1], 'given') or redis.call('HGET', KEYS[1], 'last_activity'))
    redis.call('HSET', KEYS[1], 'given', string.format('%.3f', math.max(GIVEN, last)))
    moment = math.floor(math.max(GIVEN, last))
  end
  local expires_at = moment + tonumber(ARGV[1])
  redis.call('HSET', KEYS[1], 'last_activity', moment, 'expires_at', expires_at)
  redis.call('PEXPIREAT', KEYS[1], expires_at)
  redis.call('PEXPIREAT', KEYS[2], expires_at)
  return moment
end

-- The field "requests" remembers appends and turns, the oldest first, in entries of one width: the hash of the request
-- id, the fingerprint of its messages, the first seq as 5 digits, the count as 3, the seq of the reply as 5 or 00000.
local HASH = 24
local WIDTH = 2 * HASH + 13

-- Where the entry of a request begins; nil when it is not remembered.
local function find_request(requests, key)
  local at = string.find(requests, key, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do
    at = string.find(requests, key, at + 1, true)
  end
  return at
end

local function read_request(requests, at)
  local function digits(from, to)
    return tonumber(string.sub(requests, at + from, at + to))
  end
  return {
    fingerprint = string.sub(requests, at + HASH, at + 2 * HASH - 1),
    first = digits(2 * HASH, 2 * HASH + 4),
    count = digits(2 * HASH + 5, 2 * HASH + 7),
    reply = digits(2 * HASH + 8, 2 * HASH + 12),
  }
end

local function remember_request(requests, key, fingerprint, first, count, most)
  local entry = key .. fingerprint .. string.format('%05d%03d00000', first, count)
  redis.call('HSET', KEYS[1], 'requests', string.sub(requests .. entry, -most * WIDTH))
end

-- Adds messages, each complete up to its timestamp, to a session that holds `count`.
local function push(messages, count, moment)
  local stamped = {}
  for i, message in ipairs(messages) do
    stamped[i] = message .. moment .. '}'
  end
  redis.call('RPUSH', KEYS[2], unpack(stamped))
  redis.call('PEXPIREAT', KEYS[2], moment + tonumber(ARGV[1]))
  redis.call('HSET', KEYS[1], 'message_count', count + #stamped)
end
