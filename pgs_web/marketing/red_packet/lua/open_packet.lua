-- open_packet: Reserves what a new packet takes from the start, when number and envelope of the campaign allow it.
-- KEYS envelope   hash budget, spent, packets
-- KEYS reserved   hash packet → fen
-- KEYS packet     hash mark, helps, steps, base, and what it is worth after 0, 1, 2 … helps
-- KEYS helpers    set of those who have helped its member
-- ARGV packet_id
-- ARGV most_packets
-- ARGV facts      msgpack {mark, helps, base, ladder, helpers}
-- REPLY OPENED    also when it was before
-- REPLY ENOUGH    as many packets as may be were opened
-- REPLY SHORT     the envelope doesn't hold it
-- REPLY LOST      the envelope isn't here

local money = redis.call('HMGET', envelope, 'budget', 'spent', 'packets')
if not money[1] then
    return 'LOST'
end
local copy = cmsgpack.unpack(facts)
if redis.call('HEXISTS', reserved, packet_id) == 0 then
    if tonumber(money[3]) >= tonumber(most_packets) then
        return 'ENOUGH'
    end
    if copy.base > tonumber(money[1]) - tonumber(money[2]) then
        return 'SHORT'
    end
    redis.call('HSET', reserved, packet_id, copy.base)
    redis.call('HINCRBY', envelope, 'spent', copy.base)
    redis.call('HINCRBY', envelope, 'packets', 1)
end
-- INCLUDE packet_kept
return 'OPENED'
