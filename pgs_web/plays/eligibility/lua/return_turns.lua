-- return_turns: Takes a help that came to nothing off the counters of the day on which it was counted.
-- KEYS helper     counter
-- KEYS device     counter
-- KEYS address    counter
-- KEYS account    counter
-- ARGV has_account  1 or 0
-- ARGV day        as take_turns told it
-- ARGV east_ms    how far the shop's midnight is before that of UTC, ms
-- REPLY RETURNED  the counters are one less
-- REPLY OVER      that day is over, and its counters are gone

local now = redis.call('TIME')
local here_ms = now[1] * 1000 + math.floor(now[2] / 1000) + east_ms
if math.floor(here_ms / 86400000) ~= tonumber(day) then
    return 'OVER'
end
local counters = {helper, device, address}
if has_account == '1' then
    counters[4] = account
end
for _, counter in ipairs(counters) do
    if tonumber(redis.call('GET', counter) or 0) > 0 then
        redis.call('DECR', counter)
    end
end
return 'RETURNED'
