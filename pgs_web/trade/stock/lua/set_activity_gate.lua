-- set_activity_gate: Lets shoppers in, or keeps them out; an activity that is over stays over.
-- KEYS activity  hash of facts
-- ARGV state     RUNNING, PAUSED, ENDED or WITHDRAWN
-- REPLY SET      the next admission obeys
-- REPLY OVER     it has ended or was withdrawn: nothing changed
-- REPLY MISSING  no facts are loaded: nothing changed
local known = redis.call("HGET", activity, "state")
if not known then
    return "MISSING"
end
if (known == "ENDED" or known == "WITHDRAWN") and known ~= state then
    return "OVER"
end
redis.call("HSET", activity, "state", state)
return "SET"
