-- update_activity_facts: Replaces the facts of an activity by those of the same or a newer version of its rules.
-- KEYS activity        hash of facts
-- KEYS news            stream of activities whose sale changed for those who keep them in memory
-- ARGV activity_id
-- ARGV facts           msgpack list name, value, name, value, …; without the gate's state
-- ARGV rules_version   version of the rules that these facts are
-- ARGV state_when_new  state of the gate when the facts were lost
-- REPLY UPDATED  the next admission sees them
-- REPLY OVER     none are there, and it is over, perhaps archived: nothing changed
-- REPLY STALE    newer rules are there already: nothing changed
local known = redis.call("HMGET", activity, "rules_version", "state")
if known[1] and tonumber(known[1]) > tonumber(rules_version) then
    return "STALE"
end
if not known[2] and (state_when_new == "ENDED" or state_when_new == "WITHDRAWN") then
    return "OVER"
end
redis.call("HSET", activity, "state", known[2] or state_when_new, unpack(cmsgpack.unpack(facts)))
redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
return "UPDATED"
