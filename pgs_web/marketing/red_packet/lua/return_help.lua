-- return_help: Takes a help back that no row was written for, once; the packet's reservation shrinks with it.
-- KEYS envelope   hash budget, spent
-- KEYS reserved   hash packet → fen
-- KEYS packet     hash mark, helps, steps, base, and what it is worth after 0, 1, 2 … helps
-- KEYS helpers    set of those who have helped its member
-- KEYS under_way  sorted set <packet>:<helper> → ms since 1970
-- ARGV packet_id
-- ARGV helper_id
-- ARGV mark       of the packet when the help was counted
-- REPLY RETURNED
-- REPLY GONE      the packet was loaded anew or has ended since, or the help is returned or written: nothing to do

if redis.call('HGET', packet, 'mark') ~= mark then
    return 'GONE'
end
if redis.call('ZREM', under_way, packet_id .. ':' .. helper_id) == 0 then
    return 'GONE'
end
redis.call('SREM', helpers, helper_id)
local helps = redis.call('HINCRBY', packet, 'helps', -1)
local worths = redis.call('HMGET', packet, 'base', helps)
local worth = math.max(tonumber(worths[1]), tonumber(worths[2]))
local held = tonumber(redis.call('HGET', reserved, packet_id) or 0)
redis.call('HSET', reserved, packet_id, worth)
redis.call('HINCRBY', envelope, 'spent', worth - held)
return 'RETURNED'
