-- Stores the reply of a turn and ends the turn. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash of the
-- turn's request id, 6 the turn's token, 7 the reply up to its timestamp.
-- Answers {word, seq of the reply, its timestamp}.

local most, key, token = tonumber(ARGV[4]), ARGV[5], ARGV[6]

local record = read('requests', 'turn_token')
if not record then
  return {'not_found'}
end
if record[8] ~= token then
  return {'turn_lost'}
end
if record[5] + 1 > most then
  return {'full'}
end

slide(record, now_ms())
push(record, {ARGV[7]})
local requests = record[7] or ''
local at = find_request(requests, key)
if at then
  local digits = at + WIDTH - 5
  save(record, 'requests', string.sub(requests, 1, digits - 1) .. string.format('%05d', record[5])
    .. string.sub(requests, digits + 5))
else
  save(record)
end
redis.call('HDEL', KEYS[1], 'turn_token', 'turn_until')
return {'finished', record[5], record[3]}
