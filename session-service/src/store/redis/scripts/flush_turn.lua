-- Stores more of the text of a running turn.
--
-- Input
--   KEYS    session script; without the text only if there is none
--   ARGV[1] session TTL in ms    ARGV[2] user_id
--   ARGV[3] token of the turn    ARGV[4] offset of the text in bytes   ARGV[5] text, may be empty
-- Output
--   {'flushed', number of stored bytes, 1 if the turn was cancelled, otherwise 0} | {'not_found'} | {'turn_lost'}

local token, offset, addition = ARGV[3], tonumber(ARGV[4]), ARGV[5]

local fields = redis.call('HMGET', RECORD, 'turn_token', 'turn_until', 'turn_cancelled', 'created_at', 'turn_text')
local current, lease_end, cancelled = fields[1], whole(fields[2]), fields[3]
if current ~= token or not lease_end then
  return {fields[4] and 'turn_lost' or 'not_found'}
end
local stored = TURN_TEXT and try('STRLEN', TURN_TEXT) or 0
if stored == WRONG_TYPE then
  redis.call('DEL', TURN_TEXT)
  stored = 0
end
-- The text of an earlier turn is not continued.
if stored > 0 and not fields[5] then
  redis.call('DEL', TURN_TEXT)
  stored = 0
end
-- After a lost write the text continues where it ends. A full Redis stores nothing, and the turn goes on.
if addition ~= '' and stored >= offset then
  local length = redis.pcall('SETRANGE', TURN_TEXT, offset, addition)
  if type(length) == 'number' then
    if not fields[5] then
      redis.call('HSET', RECORD, 'turn_text', '1')
    end
    redis.call('HINCRBY', RECORD, 'revision', 1)
    stored = length
  end
end
if stored > 0 then
  redis.call('PEXPIREAT', TURN_TEXT, lease_end)
end
return {'flushed', stored, cancelled == token and 1 or 0}
