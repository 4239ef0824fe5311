-- Removes a live session with all that belongs to it, whatever its keys hold; in a cluster leave.lua follows. ARGV: 2
-- user_id. Returns {status, in a cluster the moment that was given to its last change, or "" when that is not known}.

local fields = try('HMGET', KEYS[1], 'given', 'last_activity')
local given = fields ~= WRONG_TYPE and tonumber(fields[1] or fields[2] or nil) and (fields[1] or fields[2]) or ''
local was_live = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
if INDEX then
  try('ZREM', INDEX, ARGV[2])
  given = false
end
return {was_live == 1 and 'deleted' or 'not_found', given}
