-- Makes a session unless one is live. ARGV: 3 user_id, 4 persona, 5 metadata, 6 request_id, 7 "return" or "fail",
-- 8 the most sessions of the owner or "". Answers {word, session}. In a cluster place.lua has gone before it.

local user_id, request_id = ARGV[3], ARGV[6]
local now = GIVEN and math.floor(GIVEN) or now_ms()

local record = read('request_id')
if record then
  local created = request_id ~= '' and record[7] == request_id
  if not created and ARGV[7] ~= 'return' then
    return {'exists'}
  end
  slide(record, now)
  save(record)
  return {created and 'created' or 'returned', session(record)}
end

if not GIVEN and ARGV[8] ~= '' and redis.call('ZCOUNT', INDEX, now, '+inf') >= tonumber(ARGV[8]) then
  return {'too_many_sessions'}
end

record = {ARGV[4], now, now, ARGV[1] ~= HOUR and ARGV[1], 0, ARGV[5]}
local more = {}
local function add(name, value)
  if value and value ~= '' then
    more[#more + 1], more[#more + 2] = name, value
  end
end
add('request_id', request_id)
add('given', GIVEN and ARGV[#ARGV])
add('ttl', record[4])
-- The first write decides whether a full Redis lets the script write at all, so it is the one that needs memory.
redis.call('HSET', KEYS[1], 'user_id', user_id, 'persona', ARGV[4], 'created_at', now, 'last_activity', now,
  'message_count', 0, 'metadata', ARGV[5], unpack(more))
local expires_at = now + tonumber(ARGV[1])
redis.call('PEXPIREAT', KEYS[1], expires_at)
redis.call('DEL', KEYS[2])
if not GIVEN then
  redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)
  place(user_id, expires_at, now)
end
return {'created', session(record)}
