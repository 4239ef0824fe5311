-- Extends the lifetime of a live session.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms   ARGV[2] user_id
-- Output
--   {'touched', session} | {'not_found'}

local record = read_record()
if not record then
  return {'not_found'}
end
bump_expiry(record, now_ms())
save(record)
return {'touched', render(record)}
