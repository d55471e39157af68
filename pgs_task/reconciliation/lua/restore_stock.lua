-- restore_stock: Puts a stock that was counted from the orders in the place of a lost one, or of one set aside.
-- KEYS stock       hash total, remain, lock, sold, version, told_sold_out
-- KEYS aside       the stock that was set aside; removed
-- KEYS bought      hash member → units
-- KEYS holds       hash order → packed hold
-- KEYS away        hash of units taken from limits for other buckets of a spread activity
-- KEYS new_bought  what the rebuild has counted
-- KEYS new_holds   what the rebuild has counted
-- KEYS new_away    what the rebuild has counted
-- KEYS fence       the fence of the last rebuild
-- KEYS changed     set of activities whose stock the database has not seen
-- KEYS news        stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV figures     msgpack list total, remain, lock, sold, version, as texts
-- ARGV my_fence    fence of this rebuild's lease
-- ARGV whole       units of all buckets, of the home bucket of a spread activity; else empty
-- ARGV epoch       of the loans of a spread activity's bucket; else empty
-- REPLY RESTORED   the next admission sells from it, when the gate is open
-- REPLY OUTDATED   another rebuild was here: nothing changed
-- REPLY EXISTS     somebody has loaded a stock meanwhile: nothing changed
if redis.call("GET", fence) ~= my_fence then
    return "OUTDATED"
end
if redis.call("EXISTS", stock) == 1 then
    return "EXISTS"
end
for old, fresh in pairs({ [bought] = new_bought, [holds] = new_holds, [away] = new_away }) do
    if redis.call("EXISTS", fresh) == 1 then
        redis.call("RENAME", fresh, old)
        -- What a rebuild has counted expires, in case that it dies; what it has finished must not.
        redis.call("PERSIST", old)
    else
        redis.call("DEL", old)
    end
end
local counted = cmsgpack.unpack(figures)
redis.call("HSET", stock, "total", counted[1], "remain", counted[2], "lock", counted[3], "sold", counted[4],
    "version", counted[5], "told_sold_out", 0)
if epoch ~= "" then
    -- Loans from before were counted with the orders, or not at all.
    redis.call("HSET", stock, "epoch", epoch)
end
if whole ~= "" then
    redis.call("HSET", stock, "whole", whole)
end
if redis.call("TYPE", aside).ok == "hash" then
    -- A repeated change of the total is recognised by it.
    local last_change = redis.call("HGET", aside, "last_change")
    if last_change then
        redis.call("HSET", stock, "last_change", last_change)
    end
end
redis.call("DEL", aside)
redis.call("SADD", changed, activity_id)
redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
return "RESTORED"
