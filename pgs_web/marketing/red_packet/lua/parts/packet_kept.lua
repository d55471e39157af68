-- Writes the packet as `copy` says: mark, helps, base, ladder (worth after 0, 1, … helps) and helpers.
redis.call('DEL', packet, helpers)
redis.call('HSET', packet, 'mark', copy.mark, 'helps', copy.helps, 'steps', #copy.ladder - 1, 'base', copy.base)
for place, worth in ipairs(copy.ladder) do
    redis.call('HSET', packet, place - 1, worth)
end
for _, helper in ipairs(copy.helpers) do
    redis.call('SADD', helpers, helper)
end
