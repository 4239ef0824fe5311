-- Removes a live session with all that belongs to it; in a cluster leave.lua follows. ARGV: 2 user_id.
-- Answers {word, in a cluster the moment that was given to its last change}.

local given = redis.call('HGET', KEYS[1], 'given') or redis.call('HGET', KEYS[1], 'last_activity')
local was_live = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
if INDEX then
  redis.call('ZREM', INDEX, ARGV[2])
  given = false
end
return {was_live == 1 and 'deleted' or 'not_found', given}
