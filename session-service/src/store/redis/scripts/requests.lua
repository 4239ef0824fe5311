-- The field recent_requests: appends and turns of a session, oldest first, for the detection of retries.
--
-- Each entry has the same width: digest of the request id (12 characters), fingerprint of the messages (12), and in
-- hexadecimal digits the first seq (4), the number of messages (2), and the seq of the reply or 0 (4).

local DIGEST_WIDTH = 12
local ENTRY_WIDTH = 2 * DIGEST_WIDTH + 10
local ENTRY = '^[%w_-]*%x%x%x%x%x%x%x%x%x%x$'

-- Returns the field of a record, empty if there is none. Fails if its newest entry is corrupt: a search of all of them takes
-- longer than the rest of an append.
local function check_requests(requests)
  if not requests or requests == '' then
    return ''
  end
  if #requests % ENTRY_WIDTH ~= 0 or not string.find(requests, ENTRY, -ENTRY_WIDTH) then
    error('recent_requests is corrupt')
  end
  return requests
end

-- Returns the request with this digest: position, fingerprint, first_seq, count and reply_seq; nil if there is none. Fails if
-- its entry is corrupt.
local function find_request(requests, digest)
  local position = digest ~= '' and string.find(requests, digest, 1, true)
  while position and (position - 1) % ENTRY_WIDTH ~= 0 do
    position = string.find(requests, digest, position + 1, true)
  end
  if not position then
    return nil
  end
  local digits = position + 2 * DIGEST_WIDTH
  local first_seq, count, reply_seq = string.match(requests, '^(%x%x%x%x)(%x%x)(%x%x%x%x)', digits)
  if not first_seq then
    error('recent_requests is corrupt')
  end
  return {
    position = position,
    fingerprint = string.sub(requests, position + DIGEST_WIDTH, digits - 1),
    first_seq = tonumber(first_seq, 16),
    count = tonumber(count, 16),
    reply_seq = tonumber(reply_seq, 16),
  }
end

-- Returns the field with one more request, and without the oldest one if there are too many.
local function add_request(requests, digest, fingerprint, first_seq, count)
  local entry = digest .. fingerprint .. string.format('%04x%02x0000', first_seq, count)
  if #requests >= REMEMBERED_REQUESTS * ENTRY_WIDTH then
    requests = string.sub(requests, -(REMEMBERED_REQUESTS - 1) * ENTRY_WIDTH)
  end
  return requests .. entry
end

-- Returns `count` messages from the seq on.
local function read_messages(seq, count)
  return redis.call('LRANGE', HISTORY, seq - 1, seq + count - 2)
end
