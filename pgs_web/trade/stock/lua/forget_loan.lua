-- forget_loan: Ends a loan in the lending bucket, once its units were received.
-- KEYS stock    hash with a loan a borrower: out:<bucket>, units:<bucket>; and the units under way
-- KEYS lending  set of loans that are under way
-- ARGV activity_id
-- ARGV lender    number of this bucket
-- ARGV borrower  number of the other one
-- ARGV number    the loan's
-- ARGV epoch     the loan's
-- REPLY FORGOTTEN  its units are the borrower's affair from now on
-- REPLY REPEATED   it was forgotten before, or a rebuild did away with it: nothing changed

local units_field = "units:" .. borrower
local now = redis.call("HMGET", stock, "epoch", "out:" .. borrower, units_field, "under_way")
local is_this = now[1] == epoch and now[2] == number and (tonumber(now[3]) or 0) > 0
if is_this then
    redis.call("HSET", stock, units_field, 0, "under_way",
        string.format("%d", (tonumber(now[4]) or 0) - tonumber(now[3])))
end
if is_this or (tonumber(now[3]) or 0) == 0 then
    redis.call("SREM", lending, activity_id .. "|" .. lender .. "|" .. borrower)
end
return is_this and "FORGOTTEN" or "REPEATED"
