-- Stores the user's message of a turn and takes the turn. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash
-- of the request id, 6 the fingerprint of the message, 7 how many requests are remembered, 8 the turn's token, 9 its
-- lease in ms, 10 the message up to its timestamp.
-- Answers {word, session, seq of the message, the message when it was stored before, seq of the reply, the reply}.

local user_id, most, key, fingerprint, remembered = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local token, lease = ARGV[8], tonumber(ARGV[9])

local record = redis.call('HMGET', KEYS[1], 'message_count', 'requests', 'turn_until')
local count = tonumber(record[1] or nil)
if not count then
  return {'not_found'}
end

local now = now_ms()
local requests = record[2] or ''
local at = find_request(requests, key)
local known = at and read_request(requests, at)
if known and (known.fingerprint ~= fingerprint or known.count ~= 1) then
  return {'request_id_reused'}
end
if known and known.reply > 0 then
  slide(user_id, now)
  return {'answered', session(), known.first, redis.call('LRANGE', KEYS[2], known.first - 1, known.first - 1),
    known.reply, redis.call('LRANGE', KEYS[2], known.reply - 1, known.reply - 1)}
end

local turn_until = tonumber(record[3] or nil)
if turn_until and turn_until > now then
  return {'turn_in_progress', turn_until - now}
end
if count + (known and 1 or 2) > most then
  return {'full'}
end

local moment = slide(user_id, now)
redis.call('HSET', KEYS[1], 'turn_token', token, 'turn_until', now + lease)
if known then
  return {'replayed', session(), known.first, redis.call('LRANGE', KEYS[2], known.first - 1, known.first - 1)}
end
push({ARGV[10]}, count, moment)
remember_request(requests, key, fingerprint, count + 1, 1, remembered)
return {'taken', session(), count + 1}
