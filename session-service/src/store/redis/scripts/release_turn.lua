-- Ends a turn without a reply.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms    ARGV[2] user_id
--   ARGV[3] token of the turn    ARGV[4] outcome of the turn
-- Output
--   {'released'} | {'not_found'} | {'turn_lost'}

local token, outcome = ARGV[3], ARGV[4]

local fields = redis.call('HMGET', RECORD, 'turn_token', 'turn_seq', 'turn_request', 'created_at')
if fields[1] ~= token then
  return {fields[4] and 'turn_lost' or 'not_found'}
end
-- A write that needs no memory comes first, so that a full Redis runs the script.
end_turn()
redis.call('HSET', RECORD, 'turn_ended', ended_turn(token, outcome, fields[2] or '0', fields[3]))
redis.call('HINCRBY', RECORD, 'revision', 1)
return {'released'}
