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

-- Puts the addition at its offset into the text before it, after a write was lost or repeated. A gap is not filled.
local function overwrite(before)
  local text = before
  if #before >= offset then
    text = string.sub(before, 1, offset) .. addition .. string.sub(before, offset + #addition + 1)
  end
  if text == '' then
    redis.call('DEL', TEXT)
  else
    redis.call('SET', TEXT, text)
  end
  return #text
end

-- Adds to the text of this turn. Returns the number of stored bytes, true if it changed, and true if the text has to be given
-- an expiry. A full Redis stores nothing, and the turn goes on.
local function append()
  if not expiry then
    -- What is left of an earlier turn is replaced.
    local reply = offset == 0 and redis.pcall('SET', TEXT, addition)
    local is_stored = reply and reply.ok
    return is_stored and #addition or 0, is_stored, true
  end
  local stored = redis.pcall('APPEND', TEXT, addition)
  if type(stored) ~= 'number' then
    return stored_bytes(), false, false
  end
  if stored == offset + #addition then
    return stored, true, offset == 0
  end
  return overwrite(string.sub(redis.call('GET', TEXT), 1, stored - #addition)), true, true
end

local stored, is_changed, is_new = 0, false, false
if addition ~= '' then
  stored, is_changed, is_new = append()
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
