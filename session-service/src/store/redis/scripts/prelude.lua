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

-- A record mentions its session's lifetime when it is another one.
local HOUR = '3600000'

-- The record of a live session, nil when there is none: 1 persona, 2 created_at, 3 last_activity, 4 ttl, 5 message_count,
-- 6 metadata, then the fields asked for.
local function read(...)
  local record = redis.call('HMGET', KEYS[1], 'persona', 'created_at', 'last_activity', 'ttl', 'message_count',
    'metadata', ...)
  record[5] = tonumber(record[5] or nil)
  return record[5] and record
end

-- What an answer shows of it, in the order of SESSION_FIELDS in store/redis/reply.rs.
local function session(record)
  return {ARGV[3], record[1], record[2], record[3], record[4], record[5], record[6]}
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

-- Gives a live session the moment of this change and, on one node, its place. Moments that were given may arrive in
-- another order than they were given in.
local function slide(record, now)
  if not GIVEN then
    record[3] = move(ARGV[3], now)
    return
  end
  -- A session that was made on one node, before it became a cluster, was given none.
  local given = math.max(GIVEN, tonumber(redis.call('HGET', KEYS[1], 'given') or record[3]))
  redis.call('HSET', KEYS[1], 'given', string.format('%.3f', given))
  record[3] = math.floor(given)
end

-- Adds messages, each complete up to its timestamp.
local function push(record, messages)
  local stamped = {}
  for i, message in ipairs(messages) do
    stamped[i] = message .. record[3] .. '}'
  end
  redis.call('RPUSH', KEYS[2], unpack(stamped))
  record[5] = record[5] + #stamped
end

-- Stores what slide and push changed, with more fields, and moves the expiry.
local function save(record, ...)
  local fields = {...}
  if ARGV[1] ~= HOUR then
    fields[#fields + 1], fields[#fields + 2], record[4] = 'ttl', ARGV[1], ARGV[1]
  elseif record[4] then
    redis.call('HDEL', KEYS[1], 'ttl')
    record[4] = false
  end
  redis.call('HSET', KEYS[1], 'last_activity', record[3], 'message_count', record[5], unpack(fields))
  local expires_at = record[3] + tonumber(ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], expires_at)
  if record[5] > 0 then
    redis.call('PEXPIREAT', KEYS[2], expires_at)
  end
end
