-- Shared by the scripts that end a turn.

-- Removes the running turn and its text. In a cluster the caller deletes the text afterwards.
local function end_turn()
  redis.call('HDEL', RECORD, 'turn_token', 'turn_until', 'turn_seq', 'turn_request', 'turn_cancelled', 'turn_text')
  if TURN_TEXT then
    redis.call('DEL', TURN_TEXT)
  end
end

-- Returns the field turn_ended: what is known of the turn that ended last. The request id comes last, because it may
-- contain spaces.
local function ended_turn(token, outcome, reply_seq, request_id)
  return token .. ' ' .. outcome .. ' ' .. reply_seq .. ' ' .. (request_id or '')
end
