-- settle_packet: Ends a packet: its reservation becomes what is kept of it, the rest is the envelope's again. Repeatable.
-- KEYS envelope   hash budget, spent, packets
-- KEYS reserved   hash packet → fen
-- KEYS packet     hash; goes
-- KEYS helpers    set; goes
-- KEYS under_way  sorted set <packet>:<helper> → ms since 1970
-- ARGV packet_id
-- ARGV kept_fen   0: nothing came of it
-- ARGV is_undone  1: it never ran, and doesn't count as one of the campaign's packets
-- REPLY SETTLED
-- REPLY LOST      the envelope isn't here; nothing was done

if redis.call('EXISTS', envelope) == 0 then
    return 'LOST'
end
for _, helper in ipairs(redis.call('SMEMBERS', helpers)) do
    redis.call('ZREM', under_way, packet_id .. ':' .. helper)
end
redis.call('DEL', packet, helpers)
local held = redis.call('HGET', reserved, packet_id)
redis.call('HINCRBY', envelope, 'spent', kept_fen - tonumber(held or 0))
if tonumber(kept_fen) > 0 then
    redis.call('HSET', reserved, packet_id, kept_fen)
else
    redis.call('HDEL', reserved, packet_id)
end
if held and is_undone == '1' then
    redis.call('HINCRBY', envelope, 'packets', -1)
end
return 'SETTLED'
