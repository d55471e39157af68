-- forget_copied: Takes those activities off the list of changed ones whose stock is still as it was copied.
-- KEYS changed  set of activities whose stock the database has not seen
-- ARGV copied   msgpack list of {activity id, version that was copied; empty when it has no stock}
-- DERIVES stock:<activity>  hash total, remain, lock, sold, version
-- REPLY FORGOTTEN  number of activities taken off the list
local forgotten = 0
for _, copy in ipairs(cmsgpack.unpack(copied)) do
    local version = redis.call("HGET", tag .. "stock:" .. copy[1], "version") or ""
    if version == copy[2] then
        forgotten = forgotten + redis.call("SREM", changed, copy[1])
    end
end
return { "FORGOTTEN", forgotten }
