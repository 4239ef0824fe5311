-- Removes a live session with all that belongs to it. ARGV: 3 user_id. Answers {word}.

local was_live = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[3])
return {was_live == 1 and 'deleted' or 'not_found'}
