-- Stores more of the text of a running turn. The prelude is not prepended: no other script runs as often.
--
-- Input
--   KEYS[1] record   KEYS[2] text of the running turn; absent in a cluster if there is none
--   ARGV[1] token of the turn   ARGV[2] offset of the text in bytes   ARGV[3] text, may be empty
-- Output
--   {'flushed', number of stored bytes, 1 if the turn was cancelled, otherwise 0} | {'not_found'} | {'turn_lost'}

local RECORD, TEXT = KEYS[1], KEYS[2]
local token, offset, addition = ARGV[1], tonumber(ARGV[2]), ARGV[3]

-- The field turn_text exists if there is text of this turn. It is the time at which the text expires.
local fields = redis.call('HMGET', RECORD, 'turn_token', 'turn_until', 'turn_cancelled', 'turn_text')
local current, lease_end, cancelled, expiry = unpack(fields, 1, 4)
if current ~= token or not string.find(lease_end or '', '^%d+$') then
  return {redis.call('EXISTS', RECORD) == 1 and 'turn_lost' or 'not_found'}
end

-- Returns the number of stored bytes. A value of another type is foreign data, and is removed.
local function stored_bytes()
  local stored = redis.pcall('STRLEN', TEXT)
  if type(stored) == 'number' then
    return stored
  end
  redis.call('DEL', TEXT)
  return 0
end

-- Puts the addition at its offset into the text of this turn, also after a write was lost or repeated. A gap is not filled.
-- Returns the number of stored bytes, true if the text changed, and true if it has to be given an expiry. A full Redis stores
-- nothing, and the turn goes on.
local function put()
  local before = stored_bytes()
  if before > 0 and not expiry then
    -- What is left of an earlier turn is removed.
    redis.call('DEL', TEXT)
    before = 0
  end
  if before < offset then
    return before, false, false
  end
  local stored = redis.pcall('SETRANGE', TEXT, offset, addition)
  if type(stored) ~= 'number' then
    return before, false, false
  end
  return stored, true, before == 0
end

local stored, is_changed, is_new = 0, false, false
if addition ~= '' then
  stored, is_changed, is_new = put()
elseif expiry and TEXT then
  stored = stored_bytes()
end
if is_changed then
  redis.call('HINCRBY', RECORD, 'revision', 1)
end
if stored > 0 and (is_new or expiry ~= lease_end) then
  redis.call('PEXPIREAT', TEXT, lease_end)
  -- A full Redis rejects this, and the next flush sets the expiry again.
  redis.pcall('HSET', RECORD, 'turn_text', lease_end)
end
return {'flushed', stored, cancelled == token and 1 or 0}
