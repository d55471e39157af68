-- close_groups: Closes groups of one partition for joining, once they are decided.
-- KEYS first     hash that one of the groups is in; it names the partition
-- ARGV decided   msgpack list of {period, group id}
-- DERIVES groups:<period>  hash group → packed group
-- DERIVES group:<group>    hash of a group's seats, as an older version wrote it
-- REPLY CLOSED   followed by how many of the groups exist; all of them are closed now

-- What has expired must not come back without its expiry, so a group is closed only where it exists. All groups of a
-- period are closed in one write.
local changes, count = { [first] = {} }, 0
for _, item in ipairs(cmsgpack.unpack(decided)) do
    local key = tag .. "groups:" .. item[1]
    local head, rest = string.match(redis.call("HGET", key, item[2]) or "", "^(%d+|%d+|%d+|%d+|%d+|%d+|%d+|%d+|)%d(|.*)$")
    local old = tag .. "group:" .. item[2]
    if head then
        changes[key] = changes[key] or {}
        table.insert(changes[key], item[2])
        table.insert(changes[key], head .. "1" .. rest)
        count = count + 1
    elseif redis.call("EXISTS", old) == 1 then
        redis.call("HSET", old, "closed", "1")
        count = count + 1
    end
end
for key, fields in pairs(changes) do
    if #fields > 0 then
        redis.call("HSET", key, unpack(fields))
    end
end
return { "CLOSED", count }
