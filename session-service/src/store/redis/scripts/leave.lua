-- Removes the place of a session that was deleted, unless it has been taken again. KEYS: 1 index, 2 moves, 3 listing, 4 queue.
-- ARGV: 2 user_id, 3 the moment that was given to the session's last change.
-- Answers {word}.

local place = tonumber(redis.call('ZSCORE', INDEX, ARGV[2]) or nil)
if place == tonumber(score_after(tonumber(ARGV[3]))) then
  redis.call('ZREM', INDEX, ARGV[2])
end
return {'left'}
