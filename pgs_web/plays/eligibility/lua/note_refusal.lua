-- note_refusal: Counts a refused help in its day, and keeps who asked while this minute brought few of its kind.
-- KEYS samples    stream of the latest of its kind
-- KEYS pace       counter of this minute
-- ARGV code       of the game
-- ARGV field      campaign:refusal
-- ARGV rest       the field that counts where the day has no room for another one
-- ARGV seen       JSON, kept as it is
-- ARGV most_fields
-- ARGV most_samples
-- ARGV most_a_minute  samples
-- ARGV keep_ms
-- ARGV east_ms    how far the shop's midnight is before that of UTC, ms
-- DERIVES refused:<code>:<day>  hash field → how many
-- REPLY SAMPLED   counted, and kept
-- REPLY COUNTED   counted only

local now = redis.call('TIME')
local here_ms = now[1] * 1000 + math.floor(now[2] / 1000) + east_ms
local counts = tag .. 'refused:' .. code .. ':' .. string.format('%d', math.floor(here_ms / 86400000))
if redis.call('HEXISTS', counts, field) == 0 and redis.call('HLEN', counts) >= tonumber(most_fields) then
    field = rest
end
redis.call('HINCRBY', counts, field, 1)
redis.call('PEXPIRE', counts, keep_ms)
local asked = redis.call('INCR', pace)
if asked == 1 then
    redis.call('PEXPIRE', pace, 60000)
end
if asked > tonumber(most_a_minute) then
    return 'COUNTED'
end
redis.call('XADD', samples, 'MAXLEN', most_samples, '*', 'field', field, 'seen', seen)
redis.call('PEXPIRE', samples, keep_ms)
return 'SAMPLED'
