-- Shared prelude, prepended to most scripts. The names of the constants of scripts.rs are replaced by their values.
--
-- Input
--   KEYS of a session script  record, history, text of the running turn, and on a single node the four keys of a list
--                             script. In a cluster most scripts lack the text: while a slot moves, a script with a key
--                             that does not exist fails
--   KEYS of a list script     index, moves, listing, move queue
--   ARGV[1]                   session TTL in ms
--
-- JSON of callers is never decoded: cjson turns [] into {} and rounds large integers.

local RECORD, HISTORY, TURN_TEXT, INDEX, MOVES, LISTING, QUEUE
if #KEYS == 4 then
  INDEX, MOVES, LISTING, QUEUE = unpack(KEYS)
else
  RECORD, HISTORY, TURN_TEXT, INDEX, MOVES, LISTING, QUEUE = unpack(KEYS)
end
local TTL = tonumber(ARGV[1])
-- Maximum in ms by which a stored timestamp may be ahead of the clock.
local MAX_CLOCK_LEAD = 10000
local WRONG_TYPE = {}

-- Formats a whole number. Redis takes as long as a command to convert a Lua number itself.
local function text(number)
  return string.format('%d', number)
end

-- Parses a whole number of a record or a listing; returns nil for any other text.
local function whole(value)
  if value and #value <= 15 and string.find(value, '^%d+$') then
    return tonumber(value)
  end
end

-- Calls Redis like redis.call, but returns WRONG_TYPE if the key holds a value of another type.
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then
    return reply
  end
  if string.find(reply.err, 'WRONGTYPE', 1, true) then
    return WRONG_TYPE
  end
  return redis.call(...)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
