-- Moves a live session's expiry. ARGV: 2 user_id. Answers {word, session}.

local record = read()
if not record then
  return {'not_found'}
end
slide(record, now_ms())
save(record)
return {'touched', session(record)}
