-- reserve_milliseconds: Lends a machine number and reserves a span of milliseconds that nobody else ever gets for it.
-- KEYS numbers   hash: number -> "owner|ledger ms until which it is lent|last ms ever reserved"
-- ARGV owner     random token of the asking process
-- ARGV held      number that the owner believes to hold, -1 for none
-- ARGV from_ms   the owner's clock, or its last id's millisecond when that is later
-- ARGV span_ms   how long the loan and the reserved span last
-- ARGV count     how many numbers exist
-- ARGV skew_ms   how far in the owner's future a span may start
-- REPLY LENT     followed by number, first ms, last ms (both inclusive)
-- REPLY NONE     every number is lent, or was used up to a time too far in the owner's future

-- A loan alone can't protect: its holder may be frozen, wake up after the loan ended, and go on for a moment. So a
-- number's milliseconds are handed out like money: each at most once, whatever clocks and processes do. The loan only
-- keeps two living processes from taking turns on one number.
local clock = redis.call("TIME")
local ledger_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local from = tonumber(from_ms)
local span = tonumber(span_ms)
local all = redis.call("HGETALL", numbers)
local known = {}
for place = 1, #all, 2 do
    known[tonumber(all[place])] = all[place + 1]
end

local function read(number)
    local entry = known[number]
    if not entry then
        return "", 0, 0
    end
    local who, lent_until, reserved = string.match(entry, "^([^|]*)|(%d+)|(%d+)$")
    return who, tonumber(lent_until), tonumber(reserved)
end

local function lend(number, reserved)
    local first = math.max(from, reserved + 1)
    local last = first + span - 1
    local entry = string.format("%s|%.0f|%.0f", owner, ledger_ms + span, last)
    redis.call("HSET", numbers, number, entry)
    return { "LENT", number, string.format("%.0f", first), string.format("%.0f", last) }
end

-- Renewal. The last span's unused rest stays the owner's: it knows which ids of it are given out.
local mine = tonumber(held)
if mine >= 0 then
    local who, _, reserved = read(mine)
    if who == owner and from + span - 1 >= reserved then
        return lend(mine, math.min(reserved, from - 1))
    end
end

-- The number whose reserved past ends first: an unused one, or the one that rested longest.
local best, best_reserved = -1, nil
for number = 0, tonumber(count) - 1 do
    local _, lent_until, reserved = read(number)
    if lent_until <= ledger_ms and (best_reserved == nil or reserved < best_reserved) then
        best, best_reserved = number, reserved
    end
end
if best < 0 or best_reserved + 1 > from + tonumber(skew_ms) then
    return { "NONE" }
end
return lend(best, best_reserved)
