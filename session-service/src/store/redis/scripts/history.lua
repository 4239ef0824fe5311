-- Reads a page of a session's messages. The prelude is not prepended.
--
-- Input
--   KEYS[1] record   KEYS[2] history
--   ARGV[1] session TTL in ms
--   ARGV[2] 'latest', 'before' or 'after'   ARGV[3] seq for 'before' and 'after'
--   ARGV[4] maximum number of messages      ARGV[5] maximum number of bytes
-- Output
--   {'found', message_count, seq of the first message, messages} | {'not_found'}

-- Number of messages that are read at a time, to bound the time and memory of one command: a message may have 192 KiB.
local CHUNK = 16

local RECORD, HISTORY = KEYS[1], KEYS[2]
local range, seq, size, max_bytes = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local stored = redis.call('HGET', RECORD, 'message_count')
if not stored and redis.call('EXISTS', RECORD) == 0 then
  return {'not_found'}
end
local count = string.find(stored or '', '^%d+$') and tonumber(stored)
if not count then
  error('message_count is not a number')
end

local forward = range == 'after'
local first, last
if forward then
  first, last = seq + 1, math.min(seq + size, count)
else
  last = range == 'before' and math.min(seq - 1, count) or count
  first = math.max(last - size + 1, 1)
end

-- Returns the messages in reading order, up to the maximum number of bytes but at least one.
local function read_page()
  local page, bytes = {}, 0
  for done = 0, last - first, CHUNK do
    local from = forward and first + done or math.max(last - done - CHUNK + 1, first)
    local to = forward and math.min(first + done + CHUNK - 1, last) or last - done
    local chunk = redis.call('LRANGE', HISTORY, from - 1, to - 1)
    if #chunk <= to - from then
      error('there are fewer messages than message_count')
    end
    for i = 1, #chunk do
      local message = chunk[forward and i or #chunk + 1 - i]
      bytes = bytes + #message
      if #page > 0 and bytes > max_bytes then
        return page
      end
      page[#page + 1] = message
    end
  end
  return page
end

local page = read_page()
if forward then
  return {'found', count, first, page}
end
local oldest_first = {}
for i = #page, 1, -1 do
  oldest_first[#oldest_first + 1] = page[i]
end
return {'found', count, last - #page + 1, oldest_first}
