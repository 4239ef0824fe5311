-- Moves a live session's expiry. ARGV: 3 user_id. Answers {word, session}.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'not_found'}
end
slide(ARGV[3], now_ms())
return {'touched', session()}
