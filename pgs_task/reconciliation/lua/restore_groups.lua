-- restore_groups: Writes running groups with their seats in the place of whatever Redis has of them.
-- KEYS fence     the fence of the last rebuild
-- ARGV my_fence  fence of this rebuild's lease
-- ARGV groups    msgpack list of {group id, when it expires in milliseconds since 1970, {field, value, field, value, …}}
-- DERIVES group:<group>  hash of a group's seats
-- REPLY WRITTEN   all of them
-- REPLY OUTDATED  another rebuild was here: nothing changed
if redis.call("GET", fence) ~= my_fence then
    return "OUTDATED"
end
for _, group in ipairs(cmsgpack.unpack(groups)) do
    local key = tag .. "group:" .. group[1]
    redis.call("DEL", key)
    redis.call("HSET", key, unpack(group[3]))
    redis.call("PEXPIREAT", key, group[2])
end
return "WRITTEN"
