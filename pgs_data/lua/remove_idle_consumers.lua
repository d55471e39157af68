-- remove_idle_consumers: Forgets consumer names of a group which have nothing pending, so that nothing is lost with them.
-- KEYS stream    the stream
-- ARGV group     its consumer group
-- ARGV consumer  only this name; empty: all names
-- ARGV idle_ms   only names that were silent for so long
-- REPLY removed  number of names removed

-- In one script, because DELCONSUMER drops pending entries: between a look and the removal one could arrive.
if redis.call("EXISTS", stream) == 0 then
    return 0
end
local removed = 0
for _, facts in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    local about = {}
    for place = 1, #facts, 2 do
        about[facts[place]] = facts[place + 1]
    end
    if about.pending == 0 and about.idle >= tonumber(idle_ms) and (consumer == "" or consumer == about.name) then
        redis.call("XGROUP", "DELCONSUMER", stream, group, about.name)
        removed = removed + 1
    end
end
return removed
