-- take_turns: Counts one help against its helper, device, address and account, all or none, today by this clock.
-- KEYS helper     counter
-- KEYS device     counter
-- KEYS address    counter
-- KEYS account    counter; not looked at when its cap is 0
-- ARGV most_helper
-- ARGV most_device
-- ARGV most_address
-- ARGV most_account  0: no account is known
-- ARGV east_ms    how far the shop's midnight is before that of UTC, ms
-- REPLY TAKEN     counted, with the day's number
-- REPLY HELPER    the helper's cap is reached, nothing was counted
-- REPLY DEVICE    the device's
-- REPLY ADDRESS   the address'
-- REPLY ACCOUNT   the account's

local counters = {
    {helper, tonumber(most_helper), 'HELPER'},
    {device, tonumber(most_device), 'DEVICE'},
    {address, tonumber(most_address), 'ADDRESS'},
}
if tonumber(most_account) > 0 then
    counters[4] = {account, tonumber(most_account), 'ACCOUNT'}
end
for _, counter in ipairs(counters) do
    if tonumber(redis.call('GET', counter[1]) or 0) >= counter[2] then
        return {counter[3], 0}
    end
end
local now = redis.call('TIME')
local here_ms = now[1] * 1000 + math.floor(now[2] / 1000) + east_ms
for _, counter in ipairs(counters) do
    if redis.call('INCR', counter[1]) == 1 then
        redis.call('PEXPIRE', counter[1], 86400000 - here_ms % 86400000)
    end
end
return {'TAKEN', math.floor(here_ms / 86400000)}
