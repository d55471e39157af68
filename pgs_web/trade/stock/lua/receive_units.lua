-- receive_units: Puts the units of a loan into the borrowing bucket, once each loan.
-- KEYS stock    hash total, remain, version, told_sold_out, epoch, and the last loan of each lender: in:<bucket>
-- KEYS changed  set of activities whose stock the database has not seen
-- KEYS news     stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV lender   number of the other bucket
-- ARGV number   the loan's, which counts up from 1; a lender has one loan a borrower under way
-- ARGV units    the loan's
-- ARGV epoch    the lender's: loans from before a rebuild count no more
-- REPLY RECEIVED  they remain here now
-- REPLY REPEATED  they were received before: nothing changed
-- REPLY OUTDATED  this bucket was loaded or rebuilt since the loan, which counted its units: nothing changed
-- REPLY MISSING   there is no stock: nothing changed

local number_field = "in:" .. lender
local now = redis.call("HMGET", stock, "remain", "epoch", number_field)
if not now[1] or not now[2] then
    return "MISSING"
end
if now[2] ~= epoch then
    return "OUTDATED"
end
if tonumber(number) <= (tonumber(now[3]) or 0) then
    return "REPEATED"
end
redis.call("HINCRBY", stock, "total", units)
redis.call("HINCRBY", stock, "remain", units)
redis.call("HINCRBY", stock, "version", 1)
redis.call("HSET", stock, number_field, number, "told_sold_out", 0, "mark", "")
redis.call("SADD", changed, activity_id)
if now[1] == "0" then
    redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
end
return "RECEIVED"
