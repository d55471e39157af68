-- reload_packet: Makes a packet what its row says: helps that no row was written for are gone, with what they took.
-- KEYS envelope   hash budget, spent
-- KEYS reserved   hash packet → fen
-- KEYS packet     hash mark, helps, steps, base, and what it is worth after 0, 1, 2 … helps
-- KEYS helpers    set of those who have helped its member
-- KEYS under_way  sorted set <packet>:<helper> → ms since 1970
-- ARGV packet_id
-- ARGV facts      msgpack {mark, helps, base, ladder, helpers, doubted: helpers whose helps are no longer under way}
-- REPLY RELOADED  also where that takes more than the envelope has: rows are what counts
-- REPLY LOST      the envelope isn't here

if redis.call('EXISTS', envelope) == 0 then
    return 'LOST'
end
local copy = cmsgpack.unpack(facts)
for _, helper in ipairs(redis.call('SMEMBERS', helpers)) do
    redis.call('ZREM', under_way, packet_id .. ':' .. helper)
end
for _, helper in ipairs(copy.doubted) do
    redis.call('ZREM', under_way, packet_id .. ':' .. helper)
end
local worth = math.max(copy.base, copy.ladder[copy.helps + 1])
local held = tonumber(redis.call('HGET', reserved, packet_id) or 0)
redis.call('HSET', reserved, packet_id, worth)
redis.call('HINCRBY', envelope, 'spent', worth - held)
-- INCLUDE packet_kept
return 'RELOADED'
