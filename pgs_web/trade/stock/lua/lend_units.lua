-- lend_units: Takes units out of a bucket for another one of the same activity and remembers the loan until it is forgotten.
-- KEYS stock    hash total, remain, version, told_sold_out, mark, epoch, and a loan a borrower: out:<bucket>, units:<bucket>
-- KEYS lending  set of loans that are under way
-- KEYS changed  set of activities whose stock the database has not seen
-- ARGV activity_id
-- ARGV lender    number of this bucket
-- ARGV borrower  number of the other one
-- ARGV wanted    units; of the bucket itself, which lends itself nothing, none
-- ARGV mark      a text of this call's own
-- ARGV told      the smallest quantity that somebody will be refused if no bucket has it
-- REPLY LENT     followed by the loan's number and units and the epoch: they are in no bucket until they are received
-- REPLY OPEN     the last loan to this borrower is still under way, as above; nothing changed
-- REPLY EMPTY    nothing remains, or in the bucket itself less than `told`, and that is marked; followed by the mark, the
--                units that are under way to all borrowers, and the epoch
-- REPLY ENOUGH   the bucket itself has as much as `told`: nothing changed
-- REPLY MISSING  there is no stock: nothing changed

local number_field, units_field = "out:" .. borrower, "units:" .. borrower
local now = redis.call("HMGET", stock, "remain", "epoch", number_field, units_field, "told_sold_out", "under_way", "mark")
local remain, number, units = tonumber(now[1]), tonumber(now[3]) or 0, tonumber(now[4]) or 0
if not remain or not now[2] then
    return { "MISSING", 0, 0, "" }
end
if units > 0 then
    return { "OPEN", number, units, now[2] }
end
if lender == borrower and remain >= tonumber(told) then
    return { "ENOUGH", 0, 0, now[2] }
end
if lender == borrower or remain == 0 then
    local quantity = tonumber(now[5]) or 0
    if quantity == 0 or tonumber(told) < quantity then
        redis.call("HSET", stock, "told_sold_out", told)
    end
    -- Taken off by whatever brings units into this bucket: as long as it is there, none have come.
    local standing = now[7] or ""
    if standing == "" then
        redis.call("HSET", stock, "mark", mark)
        standing = mark
    end
    return { "EMPTY", standing, tonumber(now[6]) or 0, now[2] }
end
-- Half of what is here, so that a bucket that runs dry doesn't come again for each order; the last ones go to who asks.
local lent = math.min(remain, math.max(tonumber(wanted), math.floor(remain / 2)))
redis.call("HINCRBY", stock, "total", string.format("%d", -lent))
redis.call("HINCRBY", stock, "remain", string.format("%d", -lent))
redis.call("HINCRBY", stock, "version", 1)
redis.call("HINCRBY", stock, "under_way", string.format("%d", lent))
redis.call("HSET", stock, number_field, string.format("%d", number + 1), units_field, string.format("%d", lent))
redis.call("SADD", lending, activity_id .. "|" .. lender .. "|" .. borrower)
redis.call("SADD", changed, activity_id)
return { "LENT", number + 1, lent, now[2] }
