-- take_help: Counts one help of a packet: each helper once, the next step of its ladder, within the campaign's envelope.
-- KEYS envelope   hash budget, spent
-- KEYS reserved   hash packet → fen
-- KEYS packet     hash mark, helps, steps, base, and what it is worth after 0, 1, 2 … helps
-- KEYS helpers    set of those who have helped its member
-- KEYS under_way  sorted set <packet>:<helper> → ms since 1970, of helps whose rows may not be written yet
-- ARGV packet_id
-- ARGV helper_id
-- ARGV seen_helps  of the packet's row, read before
-- REPLY TAKEN     counted; with the packet's mark and the number of helps
-- REPLY REPEATED  this helper has helped before
-- REPLY FULL      the ladder has no further step
-- REPLY SHORT     the envelope doesn't hold what the step takes
-- REPLY LOST      packet or envelope aren't here, or the packet is older than its row

local money = redis.call('HMGET', envelope, 'budget', 'spent')
local facts = redis.call('HMGET', packet, 'mark', 'helps', 'steps', 'base')
if not money[1] or not facts[1] or tonumber(facts[2]) < tonumber(seen_helps) then
    return {'LOST'}
end
if redis.call('SISMEMBER', helpers, helper_id) == 1 then
    return {'REPEATED'}
end
local helps = tonumber(facts[2]) + 1
if helps > tonumber(facts[3]) then
    return {'FULL'}
end
local worth = math.max(tonumber(redis.call('HGET', packet, helps)), tonumber(facts[4]))
local more = worth - tonumber(redis.call('HGET', reserved, packet_id) or 0)
if more > 0 then
    if more > tonumber(money[1]) - tonumber(money[2]) then
        return {'SHORT'}
    end
    redis.call('HSET', reserved, packet_id, worth)
    redis.call('HINCRBY', envelope, 'spent', more)
end
redis.call('HSET', packet, 'helps', helps)
redis.call('SADD', helpers, helper_id)
local now = redis.call('TIME')
redis.call('ZADD', under_way, now[1] * 1000 + math.floor(now[2] / 1000), packet_id .. ':' .. helper_id)
return {'TAKEN', facts[1], helps}
