-- Makes a session unless one is live. ARGV: 3 user_id, 4 persona, 5 metadata, 6 request_id, 7 "return" or "fail",
-- 8 the most sessions of the owner or "". Answers {word, session}. In a cluster place.lua has gone before it.

local user_id, request_id = ARGV[3], ARGV[6]
local now = GIVEN or now_ms()

if redis.call('EXISTS', KEYS[1]) == 1 then
  local created = request_id ~= '' and redis.call('HGET', KEYS[1], 'request_id') == request_id
  if not created and ARGV[7] ~= 'return' then
    return {'exists'}
  end
  slide(user_id, now)
  return {created and 'created' or 'returned', session()}
end

if not GIVEN and ARGV[8] ~= '' and redis.call('ZCOUNT', INDEX, now, '+inf') >= tonumber(ARGV[8]) then
  return {'too_many_sessions'}
end

local expires_at = now + tonumber(ARGV[1])
-- The first write decides whether a full Redis lets the script write at all, so it is the one that needs memory.
redis.call('HSET', KEYS[1], 'user_id', user_id, 'persona', ARGV[4], 'created_at', now, 'last_activity', now,
  'expires_at', expires_at, 'message_count', 0, 'metadata', ARGV[5])
if request_id ~= '' then
  redis.call('HSET', KEYS[1], 'request_id', request_id)
end
redis.call('PEXPIREAT', KEYS[1], expires_at)
redis.call('DEL', KEYS[2])
if not GIVEN then
  redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)
  place(user_id, expires_at, now)
end
return {'created', session()}
