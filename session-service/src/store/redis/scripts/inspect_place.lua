-- Looks whether a session has its place, and puts it. KEYS: 1 index, 2 moves, 3 listing, 4 queue. ARGV: 2 user_id, 3 the
-- session's expiry, 4 "repair" or "". Answers {word, whether it has one}.

local has_place = redis.call('ZSCORE', INDEX, ARGV[2]) and 1 or 0
if has_place == 0 and ARGV[4] == 'repair' then
  place(ARGV[2], ARGV[3], ARGV[3], ARGV[3] - now_ms())
end
return {'inspected', has_place}
