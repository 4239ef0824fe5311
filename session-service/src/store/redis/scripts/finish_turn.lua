-- Stores the reply of a turn and ends the turn. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash of the
-- turn's request id, 6 the turn's token, 7 the reply up to its timestamp.
-- Answers {word, seq of the reply, its timestamp}.

local user_id, most, key, token = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]

local record = redis.call('HMGET', KEYS[1], 'message_count', 'requests', 'turn_token')
local count = tonumber(record[1] or nil)
if not count then
  return {'not_found'}
end
if record[3] ~= token then
  return {'turn_lost'}
end
if count + 1 > most then
  return {'full'}
end

local moment = slide(user_id, now_ms())
push({ARGV[7]}, count, moment)
local requests = record[2] or ''
local at = find_request(requests, key)
if at then
  local digits = at + WIDTH - 5
  redis.call('HSET', KEYS[1], 'requests',
    string.sub(requests, 1, digits - 1) .. string.format('%05d', count + 1) .. string.sub(requests, digits + 5))
end
redis.call('HDEL', KEYS[1], 'turn_token', 'turn_until')
return {'finished', count + 1, moment}
