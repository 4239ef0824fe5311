-- Shared by the scripts that read or change a session.

-- Timestamp issued by update_index.lua, the last argument of every change in a cluster. Its microsecond fraction makes it
-- unique; the session's own fields have whole milliseconds. On a single node the script takes the time itself.
local ISSUED = not INDEX and tonumber(ARGV[#ARGV])

-- Returns the record of a live session with further fields, nil if there is none. Fails if the record is corrupt.
local function read_record(...)
  local values = redis.call('HMGET', RECORD, 'persona', 'created_at', 'last_activity', 'ttl', 'message_count',
    'metadata', 'incarnation', 'revision', 'preview', ...)
  local persona, created_at, last_activity, ttl, count, metadata, incarnation, revision, preview =
    unpack(values, 1, 9)
  if not (persona or created_at or last_activity or count or metadata) then
    return nil
  end
  local created_ms, active_ms, ttl_ms = whole(created_at), whole(last_activity), whole(ttl or IMPLICIT_TTL)
  count = whole(count)
  if not (persona and created_ms and active_ms and ttl_ms and count) or created_ms > TIME_MAX
    or active_ms + ttl_ms > TIME_MAX then
    error('the record is corrupt')
  end
  -- The rest of the JSON is checked where it is decoded.
  if not metadata or string.byte(metadata, 1) ~= 123 or string.byte(metadata, -1) ~= 125 then
    error('metadata is corrupt')
  end
  local record = {
    persona = persona,
    created_at = created_at,
    last_activity = last_activity,
    ttl = ttl,
    message_count = count,
    metadata = metadata,
    incarnation = incarnation,
    revision = whole(revision) or 0,
    preview = preview,
  }
  for i = 1, select('#', ...) do
    record[select(i, ...)] = values[9 + i]
  end
  return record
end

-- Fails unless the number of messages is that of the record. Called before anything is written.
local function check_message_count(record)
  if try('LLEN', HISTORY) ~= record.message_count then
    error('message_count is not the number of messages')
  end
end

-- Returns the record as SESSION_FIELDS of reply.rs.
local function render(record)
  return {record.persona, record.created_at, record.last_activity, record.ttl, record.message_count, record.metadata,
    record.preview}
end

-- Sets last_activity and the expiry and, on a single node, the index entry.
local function bump_expiry(record, now)
  local timestamp
  if ISSUED then
    -- Issued timestamps may arrive out of order, so the maximum is kept. A session created on a single node has none.
    local previous = tonumber(redis.call('HGET', RECORD, 'given') or nil) or tonumber(record.last_activity)
    -- A previous timestamp far ahead is foreign data.
    local latest = previous - ISSUED < MAX_CLOCK_LEAD and math.max(ISSUED, previous) or ISSUED
    redis.call('HSET', RECORD, 'given', string.format('%.3f', latest))
    timestamp = math.floor(latest)
  else
    timestamp = timestamp_after_listings(ARGV[2], now)
  end
  record.last_activity, record.expires_at = text(timestamp), text(timestamp + TTL)
  if not ISSUED then
    put_index_entry(ARGV[2], record.expires_at, record.expires_at, timestamp + TTL - now)
  end
end

-- Appends `count` messages from ARGV[from] on, each encoded up to its timestamp. `preview` is that of the last one.
local function push_messages(record, from, count, preview)
  local messages, suffix = {}, record.last_activity .. '}'
  for i = 1, count do
    messages[i] = ARGV[from + i - 1] .. suffix
  end
  redis.call('RPUSH', HISTORY, unpack(messages))
  record.message_count = record.message_count + count
  record.preview = text(record.message_count) .. ' ' .. preview
end

-- Writes the changed record with further fields, and sets the expiry of its keys.
local function save(record, ...)
  -- Records have a ttl unless it is the implicit one.
  local ttl = ARGV[1] ~= IMPLICIT_TTL and ARGV[1]
  if ttl and ttl ~= record.ttl then
    redis.call('HSET', RECORD, 'ttl', ttl)
  elseif record.ttl and not ttl then
    redis.call('HDEL', RECORD, 'ttl')
  end
  record.ttl = ttl
  -- Records of older versions have no incarnation; until now it was their time of creation.
  if not record.incarnation then
    redis.call('HSET', RECORD, 'incarnation', record.created_at)
  end
  redis.call('HSET', RECORD, 'last_activity', record.last_activity, 'message_count', text(record.message_count),
    'revision', text(record.revision + 1), ...)
  redis.call('PEXPIREAT', RECORD, record.expires_at)
  if record.message_count > 0 then
    redis.call('PEXPIREAT', HISTORY, record.expires_at)
  end
end
