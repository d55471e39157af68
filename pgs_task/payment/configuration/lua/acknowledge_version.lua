-- acknowledge_version: Notes which version a process runs with; forgets processes that were silent for too long.
-- KEYS said     hash: process → JSON of what it said last
-- KEYS seen     sorted set: process → when, ms of this server's clock
-- ARGV process  host:pid
-- ARGV word     the JSON
-- ARGV keep_ms  how long a silent process is kept
-- ARGV most     how many processes are kept
-- REPLY NOTED   it is there

local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSET', said, process, word)
redis.call('ZADD', seen, now_ms, process)
local gone = redis.call('ZRANGEBYSCORE', seen, '-inf', now_ms - keep_ms, 'LIMIT', 0, 500)
local over = redis.call('ZRANGE', seen, 0, -1 - most)
for _, name in ipairs(over) do
    gone[#gone + 1] = name
end
for _, name in ipairs(gone) do
    redis.call('HDEL', said, name)
    redis.call('ZREM', seen, name)
end
redis.call('PEXPIRE', said, keep_ms * 2)
redis.call('PEXPIRE', seen, keep_ms * 2)
return 'NOTED'
