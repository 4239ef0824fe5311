-- Stores the user's message of a turn and takes the turn. ARGV: 2 user_id, 3 the hash of the request id, 4 the
-- fingerprint of the message, 5 the turn's token, 6 its lease in ms, 7 the message up to its timestamp.
-- Answers {word, session, seq of the message, the message when it was stored before, seq of the reply, the reply}.

-- The longest lease in ms of any version.
local LEASE_MAX = 600000

local key, fingerprint, token, lease = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

local record = read('recent_requests', 'turn_until')
if not record then
  return {'not_found'}
end

check_messages(record)
local now = now_ms()
local requests, first = known_requests(record[7]), record[5] + 1
local at = find_request(requests, key)
local known = at and read_request(requests, at)
if known and (known.fingerprint ~= fingerprint or known.count ~= 1) then
  return {'request_id_reused'}
end
if known and known.reply > 0 then
  slide(record, now)
  save(record)
  return {'answered', session(record), known.first, redis.call('LRANGE', KEYS[2], known.first - 1, known.first - 1),
    known.reply, redis.call('LRANGE', KEYS[2], known.reply - 1, known.reply - 1)}
end

local turn_until = whole(record[8])
-- A time that no lease reaches is foreign data.
if turn_until and turn_until > now and turn_until < now + math.max(lease, LEASE_MAX) then
  return {'turn_in_progress', turn_until - now}
end
if record[5] + (known and 1 or 2) > MESSAGES_MAX then
  return {'full'}
end

slide(record, now)
if known then
  save(record, 'turn_token', token, 'turn_until', now + lease)
  return {'replayed', session(record), known.first,
    redis.call('LRANGE', KEYS[2], known.first - 1, known.first - 1)}
end
push(record, 7, 1)
save(record, 'turn_token', token, 'turn_until', now + lease, 'recent_requests',
  remember_request(requests, key, fingerprint, first, 1))
return {'taken', session(record), first}
