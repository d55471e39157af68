-- set_activity_gate: Lets shoppers in, or keeps them out; an activity that is over stays over.
-- KEYS activity  hash of facts
-- KEYS news      stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV state     RUNNING, PAUSED, ENDED or WITHDRAWN
-- ARGV fence     number of the caller's lease, or 0 for a caller without one
-- REPLY SET       the next admission obeys
-- REPLY OVER      it has ended or was withdrawn: nothing changed
-- REPLY OUTDATED  somebody with a later lease was here: nothing changed
-- REPLY MISSING   no facts are loaded: nothing changed
local known = redis.call("HMGET", activity, "state", "gate_fence")
if not known[1] then
    return "MISSING"
end
if tonumber(fence) > 0 then
    if known[2] and tonumber(known[2]) > tonumber(fence) then
        return "OUTDATED"
    end
    redis.call("HSET", activity, "gate_fence", fence)
end
if (known[1] == "ENDED" or known[1] == "WITHDRAWN") and known[1] ~= state then
    return "OVER"
end
redis.call("HSET", activity, "state", state)
redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
return "SET"
