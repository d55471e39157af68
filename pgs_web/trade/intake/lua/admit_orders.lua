-- admit_orders: Judges orders one after the other and reserves, holds and appends each admitted one, all of it or nothing.
-- KEYS intake   stream of admitted orders, one entry a batch
-- KEYS flow     hash of counters: accepted, persisted, rejected, later, rate
-- KEYS changed  set of activities whose stock the database has not seen
-- ARGV orders   flat msgpack list, eight values an order: short order id, activity id, member id, quantity, group id to join,
--               group id to open, address id, period of the group; all but the quantity are texts, empty where there is
--               none; without any group id the order is bought alone
-- ARGV rest     flat msgpack list, two values an order: idempotency key, trace id; only passed on
-- ARGV ceiling  orders of the partition that wait in its stream, beyond which no more come in
-- ARGV unwritten  orders of the partition that are accepted and not written down, those that wait for a node among them,
--               beyond which no more come in
-- ARGV spreads  msgpack list activity id, number of its buckets, …, as texts, of those that the caller knows to be spread;
--               else empty
-- DERIVES activity:<activity>  hash of facts
-- DERIVES stock:<activity>     hash total, remain, lock, sold, version, told_sold_out
-- DERIVES bought:<activity>    hash member → units
-- DERIVES holds:<activity>     hash order (short id) → packed hold
-- DERIVES groups:<period>      hash group → packed group
-- DERIVES group:<group>        hash of a group's seats, as an older version wrote it
-- REPLY words   their words with spaces between, and a list of their packed holds, empty for those that are not in:
-- REPLY ADMITTED          it is in
-- REPLY REPLAYED          admitted before; nothing changed
-- REPLY UNKNOWN_ACTIVITY  no facts are loaded
-- REPLY NOT_STARTED       before its window
-- REPLY ENDED             its window is over, or it was ended or withdrawn
-- REPLY PAUSED            closed for the moment, or its stock is lost
-- REPLY OTHER_SPREAD      it was loaded over another number of buckets than the caller knows
-- REPLY LIMIT_EXCEEDED    the member would have more units than allowed
-- REPLY UNKNOWN_GROUP     no such group in this activity
-- REPLY GROUP_CLOSED      its deadline is over, or it is decided
-- REPLY ALREADY_IN_GROUP  the member holds a seat in it
-- REPLY GROUP_FULL        no seat is free
-- REPLY SOLD_OUT          fewer units remain than wanted
-- REPLY BACKLOG           too many orders wait to be written down: it may come in later

-- One core runs this for everybody, so it is written for few commands and few new strings an order: what a batch shares
-- is read, made and written once, a text that is the same for many orders is made once, tables don't grow while they are
-- filled, and what an order needs of its activity is in locals (docs/adr/0011, 0024).
local VALUES_AN_ORDER = 8
-- Facts of a group are needed as long as duplicates of its events may come.
local GROUP_KEPT_MS = 172800000
-- Until the drain has measured itself.
local FIRST_RATE = 200
-- 2024, when ids begin.
local EPOCH_MS = 1704067200000

local call, concat, format, match = redis.call, table.concat, string.format, string.match
local find, sub = string.find, string.sub

local function whole(number)
    return format("%d", number)
end

local texts = { [0] = "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" }
-- For the small numbers that come again and again in a batch.
local function small(number)
    local text = texts[number]
    if not text then
        text = whole(number)
        texts[number] = text
    end
    return text
end

-- Mostly whole seconds, which are shorter.
local function duration(ms)
    return ms % 1000 == 0 and small(ms / 1000) .. "s" or whole(ms)
end

local clock = call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local now_text = whole(now)
-- In what is kept an order, times are short ones.
local since_text = whole(now - EPOCH_MS)

-- Everything is read and judged before anything is written: an error in between leaves nothing half done. What several
-- orders of the batch share is read once and kept here, with what the orders before took from it.
local activities, sequence = {}, {}
-- Read from behind its head, of three signs from 16 values on, a list's values come one by one, straight into a table of
-- their size. Before them comes what is left, so the first order begins at 2.
local batch = { cmsgpack.unpack_limit(orders, 100000, string.byte(orders) == 0xdc and 3 or 1) }
local size = (#batch - 1) / VALUES_AN_ORDER

-- A table that needs not grow while it is filled: growing costs more than filling. What is in it means nothing.
local function sized(length)
    return { unpack(batch, 1, length) }
end

-- INCLUDE activities_read

-- Ids of the groups that are joined, by period; what is found of them comes into `groups`.
local groups, wanted, periods = {}, {}, {}
local function want_group(id, period)
    groups[id] = false
    local ids = wanted[period]
    if not ids then
        ids = {}
        wanted[period] = ids
        table.insert(periods, period)
    end
    ids[#ids + 1] = id
end

local activity, activity_id, order_ids, member_ids, count
for place = 2, #batch, VALUES_AN_ORDER do
    if batch[place + 1] ~= activity_id then
        if activity then
            activity.count = count
        end
        activity_id = batch[place + 1]
        activity = activities[activity_id] or read_activity(activity_id)
        order_ids, member_ids, count = activity.order_ids, activity.member_ids, activity.count
    end
    count = count + 1
    order_ids[count], member_ids[count] = batch[place], batch[place + 2]
    local joined = batch[place + 4]
    if joined ~= "" and groups[joined] == nil then
        want_group(joined, batch[place + 7])
    end
end
activity.count = count
for _, one in ipairs(sequence) do
    one.holds = call("HMGET", tag .. "holds:" .. one.id, unpack(one.order_ids, 1, one.count))
    if not one.shut then
        one.units = call("HMGET", tag .. "bought:" .. one.id, unpack(one.member_ids, 1, one.count))
    end
end

-- INCLUDE groups_joined

local counters = call("HMGET", flow, "accepted", "persisted", "rejected", "later", "rate")
local accepted = tonumber(counters[1]) or 0
local written_down = (tonumber(counters[2]) or 0) + (tonumber(counters[3]) or 0)
-- Orders whose node is away are no longer ahead of anybody.
local passed = written_down + (tonumber(counters[4]) or 0)
local rate = math.max(tonumber(counters[5]) or FIRST_RATE, 1)
-- Nor do they keep those of other nodes out, until they are so many that memory is at stake.
local last_ticket = math.min(passed + tonumber(ceiling), written_down + tonumber(unwritten))
local ticket = accepted

local seat
-- The word of a refusal, or nil and the group, in which `seat` is then for the member to take.
local function find_seat(id, member_id)
    local group = groups[id]
    if not group or group.kind.owner ~= activity_id then
        return "UNKNOWN_GROUP"
    end
    if group.closed == "1" or now >= group.deadline_ms then
        return "GROUP_CLOSED"
    end
    seat = "," .. member_id .. ":"
    if find(group.packed, seat, group.behind_held, true) then
        return "ALREADY_IN_GROUP"
    end
    if group.held >= group.kind.size then
        return "GROUP_FULL"
    end
    return nil, group
end

local new_groups, new_periods = {}, {}
local function keep_group(period, id, packed, ends_ms)
    local fields = new_groups[period]
    if not fields then
        fields = sized(new_periods[1] and 0 or size * 2)
        fields.count, fields.ends_ms = 0, 0
        new_groups[period] = fields
        table.insert(new_periods, period)
    end
    -- Of two texts of one group the later one wins.
    local count = fields.count
    fields[count + 1], fields[count + 2] = id, packed
    fields.count = count + 2
    if ends_ms > fields.ends_ms then
        fields.ends_ms = ends_ms
    end
end

local function take_seat(group, id, order_id, period)
    local head, held = group.head, small(group.held + 1)
    local packed = head .. group.closed .. "|" .. held .. "|" .. sub(group.packed, group.behind_held) .. seat .. order_id
    group.held, group.packed, group.behind_held = group.held + 1, packed, #head + #held + 4
    moved[id] = moving[id]
    keep_group(period, id, packed, moving[id] and group.deadline_ms or 0)
end

-- The hold that the batch has given to an order of a member who comes again: it may be the same order.
local function find_twin(holds, written, order_id)
    for place = 1, written, 2 do
        if holds[place] == order_id then
            return holds[place + 1]
        end
    end
    return nil
end

local words, answers, verdicts = sized(size), sized(size), sized(size)
local judged, left, written, holds, units, bought, new_holds, new_bought, shut, member_limit
local opener_terms, group_head, group_tail
local function leave_activity()
    activity.judged, activity.left, activity.written = judged, left, written
end
-- What many positions in the queue have in common: all digits but the last, and the waiting time, as they only grow.
local tens, tens_text, eta_ends, eta_text = -1, "", -1, ""
activity_id = nil
for number = 1, size do
    local place = number * VALUES_AN_ORDER - VALUES_AN_ORDER + 2
    if batch[place + 1] ~= activity_id then
        if activity_id then
            leave_activity()
        end
        activity_id = batch[place + 1]
        activity = activities[activity_id]
        judged, left, written, shut, member_limit = activity.judged, activity.left, activity.written, activity.shut,
            activity.member_limit
        holds, units, bought = activity.holds, activity.units, activity.bought
        new_holds, new_bought = activity.new_holds, activity.new_bought
        opener_terms, group_head, group_tail = activity.opener_terms, activity.group_head, activity.group_tail
    end
    judged = judged + 1
    local order_id, member_id = batch[place], batch[place + 2]
    local has = bought[member_id]
    local held = holds[judged] or has and find_twin(new_holds, written, order_id)
    local word, hold, verdict = shut, "", ""
    if held then
        word, hold = "REPLAYED", held
    elseif not word then
        local quantity, group_id, group = batch[place + 3], batch[place + 4], nil
        -- What Redis says is a text; adding makes it a number.
        has = (has or units[judged] or 0) + quantity
        if has > member_limit then
            word = "LIMIT_EXCEEDED"
        elseif group_id ~= "" then
            word, group = find_seat(group_id, member_id)
        end
        if not word and left < quantity then
            word = "SOLD_OUT"
            -- The smallest quantity that was refused since units last came back: judged by invariant S4.
            if activity.told == 0 or quantity < activity.told then
                activity.told = quantity
            end
        elseif not word and ticket >= last_ticket then
            word = "BACKLOG"
        end
        if not word then
            -- The verdict as documents.py reads it: A for alone, O for opened, or what the joined group says.
            word = "ADMITTED"
            local terms
            if group then
                verdict, terms = group.head, group.terms
                take_seat(group, group_id, order_id, batch[place + 7])
            elseif batch[place + 5] ~= "" then
                if not opener_terms then
                    prepare_opening(activity)
                    opener_terms, group_head, group_tail = activity.opener_terms, activity.group_head, activity.group_tail
                end
                verdict, terms, group_id = "O", opener_terms, batch[place + 5]
                local packed = group_head .. member_id .. group_tail .. member_id .. ":" .. order_id
                if groups[group_id] == false then
                    groups[group_id] = read_group(packed)
                end
                keep_group(batch[place + 7], group_id, packed, activity.deadline_ms)
            else
                verdict, terms = "A", activity.alone_terms or prepare_alone(activity)
            end
            ticket = ticket + 1
            local position = ticket > passed and ticket - passed or 1
            local last = position % 10
            if position - last ~= tens then
                tens = position - last
                tens_text = tens > 0 and whole(tens / 10) or ""
            end
            if position > eta_ends then
                local eta = math.ceil(position / rate)
                eta_ends, eta_text = eta * rate, "|" .. whole(passed) .. "|" .. whole(eta) .. "|"
            end
            hold = "L" .. (texts[quantity] or small(quantity)) .. "|" .. member_id .. "|" .. group_id .. terms
                .. batch[place + 6] .. "|+" .. tens_text .. texts[last] .. eta_text
            new_holds[written + 1], new_holds[written + 2] = order_id, hold
            new_bought[written + 1], new_bought[written + 2] = member_id, texts[has] or small(has)
            left, written, bought[member_id] = left - quantity, written + 2, has
        end
    end
    words[number], answers[number], verdicts[number] = word, hold, verdict
end
leave_activity()

local all_facts, changed_ids = {}, {}
for _, activity in ipairs(sequence) do
    if activity.written > 0 then
        call("HSET", tag .. "stock:" .. activity.id, "remain", whole(activity.left),
            "lock", whole(activity.lock + activity.remain - activity.left), "version", whole(activity.version + 1),
            "told_sold_out", whole(activity.told))
        call("HSET", tag .. "holds:" .. activity.id, unpack(activity.new_holds, 1, activity.written))
        call("HSET", tag .. "bought:" .. activity.id, unpack(activity.new_bought, 1, activity.written))
        table.insert(changed_ids, activity.id)
        table.insert(all_facts, activity.facts)
    elseif activity.told ~= activity.told_before then
        call("HSET", tag .. "stock:" .. activity.id, "told_sold_out", whole(activity.told))
    end
end
if #changed_ids > 0 then
    call("SADD", changed, unpack(changed_ids))
end
for _, period in ipairs(new_periods) do
    local key, fields = tag .. "groups:" .. period, new_groups[period]
    call("HSET", key, unpack(fields, 1, fields.count))
    if fields.ends_ms > 0 then
        -- As long as its longest group.
        local expires = whole(fields.ends_ms + GROUP_KEPT_MS)
        call("PEXPIREAT", key, expires, "NX")
        call("PEXPIREAT", key, expires, "GT")
    end
end
for id in pairs(moved) do
    call("DEL", tag .. "group:" .. id)
end

-- The orders as they came, and what became of each: making a document an order would cost more than all the rest.
local admitted = ticket - accepted
if admitted > 0 then
    if admitted * 4 < size then
        -- Mostly refusals: they would only fill the stream.
        local others, kept, kept_others, kept_verdicts = cmsgpack.unpack(rest), {}, {}, {}
        for number, verdict in ipairs(verdicts) do
            if verdict ~= "" then
                for value = 1, VALUES_AN_ORDER do
                    table.insert(kept, batch[(number - 1) * VALUES_AN_ORDER + value + 1])
                end
                table.insert(kept_others, others[number * 2 - 1])
                table.insert(kept_others, others[number * 2])
                table.insert(kept_verdicts, verdict)
            end
        end
        orders, rest, verdicts = cmsgpack.pack(kept), cmsgpack.pack(kept_others), kept_verdicts
    end
    call("XADD", intake, "*", "version", "2", "at", now_text, "facts", cmsgpack.pack(all_facts), "orders", orders,
        "rest", rest, "verdicts", concat(verdicts, ";"))
    call("HINCRBY", flow, "accepted", whole(admitted))
end
return { concat(words, " "), answers }
