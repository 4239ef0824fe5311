-- Creates a session, or returns the live one. In a cluster update_index.lua runs before.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms   ARGV[2] user_id
--   ARGV[3] persona             ARGV[4] metadata
--   ARGV[5] request id, or ''   ARGV[6] 'return' or 'fail' if a session is live
--   ARGV[7] maximum number of the owner's sessions, or ''
--   ARGV[8] fingerprint of the request, or ''   ARGV[9] random incarnation
-- Output
--   {'created', session} | {'returned', session}
--   {'already_exists'} | {'request_id_reused'} | {'too_many_sessions'}

local user_id, persona, metadata, request_id = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local if_exists, session_limit, fingerprint = ARGV[6], ARGV[7], ARGV[8]

local record = read_record('request_id', 'request_fingerprint')
if record then
  local is_retry = request_id ~= '' and record.request_id == request_id
  -- Older versions stored no fingerprint.
  local is_same = record.request_fingerprint == fingerprint
    or not record.request_fingerprint and record.persona == persona and record.metadata == metadata
  if is_retry and not is_same then
    return {'request_id_reused'}
  end
  if not is_retry and if_exists ~= 'return' then
    return {'already_exists'}
  end
  bump_expiry(record, not ISSUED and now_ms())
  save(record)
  return {is_retry and 'created' or 'returned', render(record)}
end

local now = ISSUED and math.floor(ISSUED) or now_ms()
local created_at, expires_at = text(now), text(now + TTL)
if not ISSUED and session_limit ~= ''
  and redis.call('ZCOUNT', INDEX, created_at, '+inf') >= tonumber(session_limit) then
  return {'too_many_sessions'}
end

local optional = {}
local function add_field(name, value)
  optional[#optional + 1], optional[#optional + 2] = name, value
end
if request_id ~= '' then
  add_field('request_id', request_id)
  add_field('request_fingerprint', fingerprint)
end
if ISSUED then
  add_field('given', ARGV[#ARGV])
end
local ttl = ARGV[1] ~= IMPLICIT_TTL and ARGV[1]
if ttl then
  add_field('ttl', ttl)
end
-- A hash without any field of a record is foreign data.
local is_foreign = redis.call('EXISTS', RECORD) == 1
-- The first write must need memory, because it decides whether a full Redis runs the script at all. It must also fail
-- before anything else is changed if the index has the wrong type.
if not ISSUED then
  put_index_entry(user_id, expires_at, expires_at, TTL)
end
if is_foreign then
  redis.call('DEL', RECORD)
end
redis.call('HSET', RECORD, 'user_id', user_id, 'persona', persona, 'created_at', created_at,
  'last_activity', created_at, 'message_count', '0', 'metadata', metadata, 'incarnation', ARGV[9], unpack(optional))
redis.call('PEXPIREAT', RECORD, expires_at)
redis.call('DEL', HISTORY, TURN_TEXT or HISTORY)
if not ISSUED then
  redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. created_at)
end
return {'created', {persona, created_at, created_at, ttl, 0, metadata}}
