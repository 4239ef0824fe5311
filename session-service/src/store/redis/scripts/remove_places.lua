-- Removes places of sessions that are not live, unless they have been taken again. KEYS: 1 index, 2 moves, 3 listing.
-- ARGV: 3, 5, ... user_id, 4, 6, ... the score that the place had.
-- Answers {word, how many were removed}.

local removed = 0
for i = 3, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', INDEX, ARGV[i]) or nil) == tonumber(ARGV[i + 1]) then
    removed = removed + redis.call('ZREM', INDEX, ARGV[i])
  end
end
return {'removed', removed}
