-- Makes a session unless one is live. ARGV: 2 user_id, 3 persona, 4 metadata, 5 request_id, 6 "return" or "fail",
-- 7 the most sessions of the owner or "", 8 the fingerprint of the request or "". Returns
-- {status, session}. In a cluster place.lua runs before it.

local user_id, persona, metadata, request_id = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local most, fingerprint = ARGV[7], ARGV[8]

local record = read('request_id', 'request_fingerprint')
if record then
  local created = request_id ~= '' and record[7] == request_id
  -- Older versions stored no fingerprint.
  local is_same = record[8] == fingerprint or not record[8] and record[1] == persona and record[6] == metadata
  if created and not is_same then
    return {'request_id_reused'}
  end
  if not created and ARGV[6] ~= 'return' then
    return {'exists'}
  end
  slide(record, not GIVEN and now_ms())
  save(record)
  return {created and 'created' or 'returned', session(record)}
end

local now = GIVEN and math.floor(GIVEN) or now_ms()
local created_at = text(now)
if not GIVEN and most ~= '' and redis.call('ZCOUNT', INDEX, created_at, '+inf') >= tonumber(most) then
  return {'too_many_sessions'}
end

local more = {}
local function add(name, value)
  more[#more + 1], more[#more + 2] = name, value
end
if request_id ~= '' then
  add('request_id', request_id)
  add('request_fingerprint', fingerprint)
end
if GIVEN then
  add('given', ARGV[#ARGV])
end
if ARGV[1] ~= HOUR then
  add('ttl', ARGV[1])
end
local expires_at = text(now + TTL)
-- A hash without a field of a record is foreign data, and no session.
local is_foreign = redis.call('EXISTS', KEYS[1]) == 1
-- The first write decides whether a full Redis lets the script write at all, so it is one that needs memory. It also fails
-- when the index is of another type, before anything is changed.
if not GIVEN then
  place(user_id, expires_at, expires_at, TTL)
end
if is_foreign then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'user_id', user_id, 'persona', persona, 'created_at', created_at,
  'last_activity', created_at, 'message_count', '0', 'metadata', metadata, unpack(more))
redis.call('PEXPIREAT', KEYS[1], expires_at)
redis.call('DEL', KEYS[2])
if not GIVEN then
  redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. created_at)
end
return {'created', {persona, created_at, created_at, ARGV[1] ~= HOUR and ARGV[1], 0, metadata}}
