-- The field "requests" remembers appends and turns, the oldest first, in entries of one width: the hash of the request
-- id, the fingerprint of its messages, the first seq as 5 digits, the count as 3, the seq of the reply as 5 or 00000.
local HASH = 24
local WIDTH = 2 * HASH + 13

-- Where the entry of a request begins; nil when it is not remembered.
local function find_request(requests, key)
  local at = string.find(requests, key, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do
    at = string.find(requests, key, at + 1, true)
  end
  return at
end

local function read_request(requests, at)
  local function digits(from, to)
    return tonumber(string.sub(requests, at + from, at + to))
  end
  return {
    fingerprint = string.sub(requests, at + HASH, at + 2 * HASH - 1),
    first = digits(2 * HASH, 2 * HASH + 4),
    count = digits(2 * HASH + 5, 2 * HASH + 7),
    reply = digits(2 * HASH + 8, 2 * HASH + 12),
  }
end

-- The requests with one more, the last `most` of them.
local function remember_request(requests, key, fingerprint, first, count, most)
  local entry = key .. fingerprint .. string.format('%05d%03d00000', first, count)
  return string.sub(requests .. entry, -most * WIDTH)
end
