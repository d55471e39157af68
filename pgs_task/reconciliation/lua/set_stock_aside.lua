-- set_stock_aside: Takes an activity's stock away for a rebuild, so that nobody is admitted, and makes the rebuild's lease the only one that may write.
-- KEYS stock     hash total, remain, lock, sold, version, told_sold_out
-- KEYS aside     where the stock waits until it is replaced
-- KEYS fence     the fence of the last rebuild
-- ARGV my_fence  fence of this rebuild's lease
-- ARGV is_sure   1 when this lease is known to be the last one, although a larger fence is written here
-- REPLY ASIDE     followed by the total and the version that the stock had, empty when they are lost
-- REPLY OUTDATED  a later rebuild was here: nothing changed
if is_sure ~= "1" and tonumber(redis.call("GET", fence) or "0") > tonumber(my_fence) then
    return { "OUTDATED", "", "" }
end
redis.call("SET", fence, my_fence)
-- A rebuild that died has left its stock aside, and none in its place.
if redis.call("EXISTS", stock) == 1 then
    redis.call("RENAME", stock, aside)
    redis.call("PERSIST", aside)
end
if redis.call("TYPE", aside).ok ~= "hash" then
    return { "ASIDE", "", "" }
end
local kept = redis.call("HMGET", aside, "total", "version", "whole")
return { "ASIDE", kept[3] or kept[1] or "", kept[2] or "" }
