-- Removes a live session with all that belongs to it; in a cluster remove_places.lua follows. ARGV: 3 user_id.
-- Answers {word, the expiry that its place has}.

local expires_at = redis.call('HGET', KEYS[1], 'expires_at')
redis.call('DEL', KEYS[1], KEYS[2])
if INDEX then
  redis.call('ZREM', INDEX, ARGV[3])
end
return {expires_at and 'deleted' or 'not_found', expires_at}
