-- forget_activity: Takes away all that one partition has of an activity that is over, however often it is called.
-- KEYS activity  hash of facts; its gate's state is looked at
-- KEYS stock     hash total, remain, lock, sold, version
-- KEYS aside     a stock that a rebuild has set aside
-- KEYS bought    hash member → units
-- KEYS holds     hash order → packed hold
-- KEYS away      hash of units taken from limits for other buckets of a spread activity
-- KEYS fence     the fence of the last rebuild: without it one that is still under way writes nothing any more
-- KEYS changed   set of activities whose stock the database has not seen
-- ARGV activity_id
-- REPLY FORGOTTEN  nothing of it is left
-- REPLY OPEN       its gate isn't closed for good: nothing changed
local state = redis.call("HGET", activity, "state")
if state and state ~= "ENDED" and state ~= "WITHDRAWN" then
    return "OPEN"
end
-- The memory of hashes of a million orders is given back beside, nobody waits for it.
redis.call("UNLINK", activity, stock, aside, bought, holds, away, fence)
redis.call("SREM", changed, activity_id)
return "FORGOTTEN"
