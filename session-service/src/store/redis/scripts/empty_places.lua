-- Counts places that were read and stand for no session, and removes those that nobody can be about to fill. KEYS: 1
-- index, 2 moves, 3 listing, 4 queue. ARGV: 2 how old in ms a place must be to be removed, 3, 5, ... user_id, 4, 6, ...
-- the expiry that the place stood for.
-- Answers {word, how many stand there still}.

local oldest = now_ms() + TTL - tonumber(ARGV[2])
local empty = 0
for i = 3, #ARGV, 2 do
  local expires_at, score = tonumber(ARGV[i + 1]), tonumber(redis.call('ZSCORE', INDEX, ARGV[i]) or nil)
  if score and math.floor(score) == expires_at then
    empty = empty + 1
    if score <= oldest then
      redis.call('ZREM', INDEX, ARGV[i])
    end
  end
end
return {'counted', empty}
