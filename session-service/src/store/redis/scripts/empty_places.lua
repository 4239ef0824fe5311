-- Counts places that were read and stand for no session, and removes those that nobody can be about to fill.
-- KEYS: 1 index, 2 moves, 3 listing. ARGV: 3 how old in ms a place must be to be removed, 4, 6, ... user_id, 5, 7, ...
-- the expiry that the place stood for.
-- Answers {word, how many stand there still}.

local oldest = now_ms() + tonumber(ARGV[1]) - tonumber(ARGV[3])
local empty = 0
for i = 4, #ARGV, 2 do
  local expires_at, score = tonumber(ARGV[i + 1]), tonumber(redis.call('ZSCORE', INDEX, ARGV[i]) or nil)
  if score and math.floor(score) == expires_at then
    empty = empty + 1
    if score <= oldest then
      redis.call('ZREM', INDEX, ARGV[i])
    end
  end
end
return {'counted', empty}
