-- Removes the place of a session that was deleted, unless it has been taken again. KEYS: 1 index, 2 moves, 3 listing, 4
-- queue. ARGV: 2 user_id, 3 the moment that was given to the session's last change or "", 4 the age in ms from which on
-- no call can be about to create a session there.
-- Returns {status}.

local score, given = try('ZSCORE', INDEX, ARGV[2]), tonumber(ARGV[3])
local place = score and score ~= WRONG_TYPE and tonumber(score)
local is_old = place and (place <= now_ms() + TTL - tonumber(ARGV[4]) or place > TIME_MAX)
if place and (given and place == tonumber(score_after(given)) or not given and is_old) then
  redis.call('ZREM', INDEX, ARGV[2])
end
return {'left'}
