-- change_total: Adds units to an activity's stock or takes unsold ones out of it, once a change.
-- KEYS stock       hash total, remain, lock, sold, version, told_sold_out
-- KEYS changed     set of activities whose stock the database has not seen
-- KEYS news     stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV difference  units, negative to take out
-- ARGV change_id   name of this change: a repetition is recognised by it
-- REPLY CHANGED   total and remain moved by the difference
-- REPLY REPEATED  this change was made before: nothing changed
-- REPLY SHORT     fewer units remain than shall be taken out: nothing changed
-- REPLY MISSING   there is no stock: nothing changed

-- Names of the newest changes, newest first: who sends one again may find that others have made theirs since.
local REMEMBERED_LENGTH = 20 * 33
local now = redis.call("HMGET", stock, "total", "remain", "last_change", "whole")
if not now[1] or not now[2] then
    return "MISSING"
end
local remembered = now[3] or ""
if string.find(" " .. remembered .. " ", " " .. change_id .. " ", 1, true) then
    return "REPEATED"
end
local units = tonumber(difference)
if tonumber(now[2]) + units < 0 then
    return "SHORT"
end
redis.call("HINCRBY", stock, "total", difference)
redis.call("HINCRBY", stock, "remain", difference)
redis.call("HINCRBY", stock, "version", 1)
if now[4] then
    -- Of all buckets; this one is the home of a spread activity.
    redis.call("HINCRBY", stock, "whole", difference)
end
remembered = change_id .. " " .. remembered
if #remembered >= REMEMBERED_LENGTH then
    -- Whole names only: the last one may be cut.
    remembered = string.match(string.sub(remembered, 1, REMEMBERED_LENGTH - 1), "^(.*) ") or change_id
end
redis.call("HSET", stock, "last_change", remembered)
if units > 0 then
    -- Who was told "sold out" was told the truth; from now on there is something to sell again.
    redis.call("HSET", stock, "told_sold_out", 0, "mark", "")
end
redis.call("SADD", changed, activity_id)
redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
return "CHANGED"
