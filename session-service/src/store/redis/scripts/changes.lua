-- Reads a session's state, and what is new since a position. The prelude is not prepended.
--
-- Input
--   KEYS[1] record   KEYS[2] history   KEYS[3] text of the running turn, absent in a cluster
--   ARGV[1] session TTL in ms
--   ARGV[2] seq after which messages are returned
--   ARGV[3] token of the turn whose text is known in part, or its beginning; or ''
--   ARGV[4] number of bytes of this text that are known
--   ARGV[5] maximum number of messages   ARGV[6] maximum number of bytes of the messages
-- Output
--   {time in ms, session, head, messages, offset of the text, text or false if it has to be read}
--   session: SESSION_FIELDS of reply.rs   head: HEAD_FIELDS of head.rs

-- Number of messages that are read at a time, to bound the time and memory of one command: a message may have 192 KiB.
local CHUNK = 16

local RECORD, HISTORY, TURN_TEXT = KEYS[1], KEYS[2], KEYS[3]
local seq, known_turn, known_bytes = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local size, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])

local session = redis.call('HMGET', RECORD, 'persona', 'created_at', 'last_activity', 'ttl', 'message_count', 'metadata',
  'preview')
local head = redis.call('HMGET', RECORD, 'incarnation', 'revision', 'created_at', 'last_activity', 'ttl',
  'message_count', 'turn_token', 'turn_until', 'turn_seq', 'turn_request', 'turn_ended')
local turn = head[7]

local function read_messages()
  local messages, bytes = {}, 0
  for first = seq, seq + size - 1, CHUNK do
    local chunk = redis.call('LRANGE', HISTORY, first, math.min(first + CHUNK, seq + size) - 1)
    for i = 1, #chunk do
      bytes = bytes + #chunk[i]
      if #messages > 0 and bytes > max_bytes then
        return messages
      end
      messages[#messages + 1] = chunk[i]
    end
    if #chunk < CHUNK then
      break
    end
  end
  return messages
end

local offset, text = 0, ''
if turn and known_turn ~= '' and string.sub(turn, 1, #known_turn) == known_turn then
  offset = known_bytes
end
if turn and redis.call('HGET', RECORD, 'turn_text') then
  -- In a cluster the caller reads the text.
  text = TURN_TEXT and redis.pcall('GETRANGE', TURN_TEXT, offset, -1)
  if TURN_TEXT and type(text) ~= 'string' then
    -- A key of the wrong type is foreign data, which the next flush replaces.
    text = ''
  end
end
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), session, head, read_messages(), offset, text}
