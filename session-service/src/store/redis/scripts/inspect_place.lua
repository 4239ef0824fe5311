-- Looks whether a session has its place, and puts it. KEYS: 1 index, 2 moves, 3 listing. ARGV: 3 user_id, 4 the session's
-- expiry, 5 "repair" or "". Answers {word, whether it has one}.

local has_place = redis.call('ZSCORE', INDEX, ARGV[3]) and 1 or 0
if has_place == 0 and ARGV[5] == 'repair' then
  place(ARGV[3], tonumber(ARGV[4]), now_ms())
end
return {'inspected', has_place}
