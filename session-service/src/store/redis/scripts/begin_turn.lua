-- Stores the user's message of a turn and takes the turn. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash
-- of the request id, 6 the fingerprint of the message, 7 how many requests are remembered, 8 the turn's token, 9 its
-- lease in ms, 10 the message up to its timestamp.
-- Answers {word, session, seq of the message, the message when it was stored before, seq of the reply, the reply}.

local most, key, fingerprint, remembered = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local token, lease = ARGV[8], tonumber(ARGV[9])

local record = read('requests', 'turn_until')
if not record then
  return {'not_found'}
end

local now = now_ms()
local requests, first = record[7] or '', record[5] + 1
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

local turn_until = tonumber(record[8] or nil)
if turn_until and turn_until > now then
  return {'turn_in_progress', turn_until - now}
end
if record[5] + (known and 1 or 2) > most then
  return {'full'}
end

slide(record, now)
if known then
  save(record, 'turn_token', token, 'turn_until', now + lease)
  return {'replayed', session(record), known.first,
    redis.call('LRANGE', KEYS[2], known.first - 1, known.first - 1)}
end
push(record, {ARGV[10]})
save(record, 'turn_token', token, 'turn_until', now + lease, 'requests',
  remember_request(requests, key, fingerprint, first, 1, remembered))
return {'taken', session(record), first}
