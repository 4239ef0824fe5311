-- Stores the reply of a turn and ends the turn. ARGV: 2 user_id, 3 the hash of the turn's request id, 4 the turn's
-- token, 5 the reply up to its timestamp.
-- Answers {word, seq of the reply, its timestamp}.

local key, token = ARGV[3], ARGV[4]

local record = read('recent_requests', 'turn_token')
if not record then
  return {'not_found'}
end
if record[8] ~= token then
  return {'turn_lost'}
end
check_messages(record)
local requests = known_requests(record[7])
if record[5] + 1 > MESSAGES_MAX then
  return {'full'}
end

slide(record, now_ms())
push(record, 5, 1)
local at = find_request(requests, key)
if at then
  save(record, 'recent_requests', with_reply(requests, at, record[5]))
else
  save(record)
end
redis.call('HDEL', KEYS[1], 'turn_token', 'turn_until')
return {'finished', record[5], record[3]}
