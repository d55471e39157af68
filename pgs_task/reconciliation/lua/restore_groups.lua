-- restore_groups: Writes running groups with their seats in the place of whatever Redis has of them.
-- KEYS fence     the fence of the last rebuild
-- ARGV my_fence  fence of this rebuild's lease
-- ARGV groups    msgpack list of {period, group id, when it expires in milliseconds since 1970, packed group}, all texts
-- DERIVES groups:<period>  hash group → packed group
-- DERIVES group:<group>    hash of a group's seats, as an older version wrote it
-- REPLY WRITTEN   all of them
-- REPLY OUTDATED  another rebuild was here: nothing changed
if redis.call("GET", fence) ~= my_fence then
    return "OUTDATED"
end
for _, group in ipairs(cmsgpack.unpack(groups)) do
    local key = tag .. "groups:" .. group[1]
    redis.call("HSET", key, group[2], group[4])
    -- As long as the longest of the period.
    redis.call("PEXPIREAT", key, group[3], "NX")
    redis.call("PEXPIREAT", key, group[3], "GT")
    redis.call("DEL", tag .. "group:" .. group[2])
end
return "WRITTEN"
