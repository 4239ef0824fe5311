-- Stores the reply of a turn and ends the turn.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms                      ARGV[2] user_id
--   ARGV[3] digest of the request id of the turn   ARGV[4] token of the turn
--   ARGV[5] reply, encoded up to its timestamp     ARGV[6] outcome of the turn
--   ARGV[7] preview of the reply
-- Output
--   {'finished', session} | {'not_found'} | {'turn_lost'} | {'turn_cancelled'} | {'session_full'}

local digest, token, outcome = ARGV[3], ARGV[4], ARGV[6]

-- Returns the field with the seq of the reply to a request.
local function set_reply_seq(requests, request, reply_seq)
  local following = request.position + ENTRY_WIDTH
  return string.sub(requests, 1, following - 5) .. string.format('%04x', reply_seq) .. string.sub(requests, following)
end

local record = read_record('recent_requests', 'turn_token', 'turn_request', 'turn_cancelled')
if not record then
  return {'not_found'}
end
if record.turn_token ~= token then
  return {'turn_lost'}
end
if record.turn_cancelled == token and outcome ~= 'cancelled' then
  return {'turn_cancelled'}
end
check_message_count(record)
local requests = check_requests(record.recent_requests)
if record.message_count + 1 > MAX_MESSAGES then
  return {'session_full'}
end

bump_expiry(record, now_ms())
push_messages(record, 5, 1, ARGV[7])
local request = find_request(requests, digest)
local ended = ended_turn(token, outcome, text(record.message_count), record.turn_request)
if request then
  save(record, 'turn_ended', ended, 'preview', record.preview, 'recent_requests',
    set_reply_seq(requests, request, record.message_count))
else
  save(record, 'turn_ended', ended, 'preview', record.preview)
end
end_turn()
return {'finished', render(record)}
