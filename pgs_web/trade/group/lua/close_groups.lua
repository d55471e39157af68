-- close_groups: Closes groups of one partition for joining, once they are decided.
-- KEYS group     hash of one of the groups; it names the partition
-- ARGV others    ids of the other groups, separated by spaces
-- DERIVES group:<id>  hashes of the others
-- REPLY CLOSED   followed by how many of the groups exist; all of them are closed now

-- A hash that has expired must not come back without its expiry, so it is closed only where it exists.
local function close(key)
    if redis.call("EXISTS", key) == 0 then
        return 0
    end
    redis.call("HSET", key, "closed", "1")
    return 1
end

local count = close(group)
for id in string.gmatch(others, "%d+") do
    count = count + close(tag .. "group:" .. id)
end
return { "CLOSED", count }
