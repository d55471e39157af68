-- restore_envelope: Opens an envelope with what was counted from the rows, unless it is there.
-- KEYS envelope   hash budget, spent, packets
-- KEYS reserved   hash packet → fen
-- KEYS counted    hash packet → fen, as counted; becomes `reserved`
-- ARGV budget
-- ARGV spent
-- ARGV packets
-- REPLY RESTORED
-- REPLY THERE     somebody else was first
-- REPLY GONE      what was counted is lost: count again

if redis.call('EXISTS', envelope) == 1 then
    redis.call('DEL', counted)
    return 'THERE'
end
if redis.call('EXISTS', counted) == 0 then
    return 'GONE'
end
redis.call('RENAME', counted, reserved)
redis.call('PERSIST', reserved)
redis.call('HDEL', reserved, '0')
redis.call('HSET', envelope, 'budget', budget, 'spent', spent, 'packets', packets)
return 'RESTORED'
