-- take_turn: Takes one turn of a rate, or tells how long to wait for the next one (generic cell rate algorithm).
-- KEYS turns     microseconds on the server's clock at which every turn taken so far will have been earned back
-- ARGV interval  microseconds in which one turn is earned back
-- ARGV burst     turns that may be taken at once
-- REPLY wait     0: the turn is taken; else milliseconds until there is one, nothing was taken

-- One number a subject, one step: however many requests come at once, no more than `burst` get a turn.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local earned_back = math.max(tonumber(redis.call('GET', turns) or '0'), now)
local after = earned_back + tonumber(interval)
local wait = after - now - tonumber(interval) * tonumber(burst)
if wait > 0 then
    return math.ceil(wait / 1000)
end
-- 16 digits: below 2^53 microseconds, which a Lua number holds exactly until the year 2255.
redis.call('SET', turns, string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
return 0
