-- What the scripts of a session share.

-- A record mentions its session's lifetime when it is another one.
local HOUR = '3600000'

-- The record of a live session, nil when there is none: 1 persona, 2 created_at, 3 last_activity, 4 ttl, 5 message_count,
-- 6 metadata, then the fields asked for. One that is not whole is an error, and no absence.
local function read(...)
  local record = redis.call('HMGET', KEYS[1], 'persona', 'created_at', 'last_activity', 'ttl', 'message_count',
    'metadata', ...)
  if not (record[1] or record[2] or record[3] or record[5] or record[6]) then
    return nil
  end
  local created_at, last_activity, count = whole(record[2]), whole(record[3]), whole(record[5])
  local ttl = whole(record[4] or HOUR)
  if not (record[1] and created_at and last_activity and ttl and count) or created_at > TIME_MAX
    or last_activity + ttl > TIME_MAX then
    error('the record is corrupt')
  end
  -- The JSON itself is checked where it is decoded.
  if not record[6] or string.byte(record[6], 1) ~= 123 or string.byte(record[6], -1) ~= 125 then
    error('metadata is corrupt')
  end
  record[5] = count
  return record
end

-- Fails unless the session holds as many messages as its record says. Called before anything is written.
local function check_messages(record)
  if try('LLEN', KEYS[2]) ~= record[5] then
    error('message_count is not the number of messages')
  end
end

-- What an answer shows of it, in the order of SESSION_FIELDS in store/redis/reply.rs.
local function session(record)
  return {record[1], record[2], record[3], record[4], record[5], record[6]}
end

-- Gives a live session the moment of this change and, on one node, its place. Moments that were given may arrive in
-- another order than they were given in.
local function slide(record, now)
  local moment
  if GIVEN then
    -- A session that was made on one node, before it became a cluster, was given none.
    local before = tonumber(redis.call('HGET', KEYS[1], 'given') or nil) or tonumber(record[3])
    -- One that is far ahead is foreign data.
    local given = before - GIVEN < AHEAD_MAX and math.max(GIVEN, before) or GIVEN
    redis.call('HSET', KEYS[1], 'given', string.format('%.3f', given))
    moment = math.floor(given)
  else
    moment = move(ARGV[2], now)
  end
  record[3], record.expires_at = text(moment), text(moment + TTL)
  if not GIVEN then
    place(ARGV[2], record.expires_at, record.expires_at, moment + TTL - now)
  end
end

-- Adds messages: `count` arguments from ARGV[from] on, each complete up to its timestamp.
local function push(record, from, count)
  local stamped, stamp = {}, record[3] .. '}'
  for i = 1, count do
    stamped[i] = ARGV[from + i - 1] .. stamp
  end
  redis.call('RPUSH', KEYS[2], unpack(stamped))
  record[5] = record[5] + count
end

-- Stores what slide and push changed, with more fields, and moves the expiry.
local function save(record, ...)
  local ttl = ARGV[1] ~= HOUR and ARGV[1]
  if ttl and ttl ~= record[4] then
    redis.call('HSET', KEYS[1], 'ttl', ttl)
  elseif record[4] and not ttl then
    redis.call('HDEL', KEYS[1], 'ttl')
  end
  record[4] = ttl
  redis.call('HSET', KEYS[1], 'last_activity', record[3], 'message_count', text(record[5]), ...)
  redis.call('PEXPIREAT', KEYS[1], record.expires_at)
  if record[5] > 0 then
    redis.call('PEXPIREAT', KEYS[2], record.expires_at)
  end
end
