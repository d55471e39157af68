-- preload_activity: Loads an activity's facts and its whole stock; nobody can buy until its gate is opened.
-- KEYS activity  hash of facts
-- KEYS stock     hash total, remain, lock, sold, version, told_sold_out
-- KEYS holds     hash of the orders that were admitted
-- KEYS changed   set of activities whose stock the database has not seen
-- KEYS news      stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV facts     msgpack list name, value, name, value, …
-- ARGV total     units
-- ARGV whole     units of all buckets, of the home bucket of a spread activity; else empty
-- ARGV epoch     of the loans of a spread activity's bucket; else empty
-- REPLY LOADED   facts and stock are there, all units remain
-- REPLY EXISTS   there is a stock that was sold from, or one with another total: nothing changed
local old = redis.call("HMGET", stock, "total", "remain", "version")
if old[1] then
    -- The same call again, after a crash behind it, must not be an error; a stock in use must not be touched.
    if redis.call("EXISTS", holds) == 1 or old[1] ~= old[2] then
        return "EXISTS"
    end
end
if epoch ~= "" then
    -- Loans of an earlier load count no more.
    redis.call("DEL", stock)
    redis.call("HSET", stock, "epoch", epoch)
    if whole ~= "" then
        redis.call("HSET", stock, "whole", whole)
    end
end
redis.call("HSET", activity, unpack(cmsgpack.unpack(facts)))
-- The version only ever grows: the database keeps the largest that it has seen.
redis.call("HSET", stock, "total", total, "remain", total, "lock", 0, "sold", 0,
    "version", string.format("%.0f", (tonumber(old[3]) or 0) + 1), "told_sold_out", 0)
redis.call("SADD", changed, activity_id)
redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
return "LOADED"
