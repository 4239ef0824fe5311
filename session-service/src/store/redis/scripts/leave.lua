-- Removes the place of a session that was deleted, unless it has been taken again. KEYS: 1 index, 2 moves, 3 listing.
-- ARGV: 3 user_id, 4 the moment that was given to the session's last change.
-- Answers {word}.

local place = tonumber(redis.call('ZSCORE', INDEX, ARGV[3]) or nil)
if place == tonumber(score_after(tonumber(ARGV[4]))) then
  redis.call('ZREM', INDEX, ARGV[3])
end
return {'left'}
