-- groups_joined: A part of admit_orders: reads the groups that orders of the batch join.

-- What the first five parts of a packed group (packed.py) say is the same for many, and often for one and the next.
local kinds, kind = {}, { first = "|" }
local function find_kind(packed)
    if sub(packed, 1, #kind.first) ~= kind.first then
        local first, owner, places, price, pay_within = match(packed, "^((%d+)|(%d+)|(%d+)|%d+|(%d+)|)")
        kinds[first] = kinds[first] or { first = first, owner = owner, size = tonumber(places), price = price,
            pay_within_ms = tonumber(pay_within) }
        kind = kinds[first]
    end
end

-- Reading a number costs more than remembering it.
local numbers = {}
local function number_of(text)
    numbers[text] = tonumber(text)
    return numbers[text]
end

local function read_group(packed)
    find_kind(packed)
    local opened_ms, lasts_ms, behind_head, closed, held, behind_held =
        match(packed, "^%d+|(%d+)|(%d+)|()(%d)|(%d+)|()", #kind.first + 1)
    local deadline_ms = EPOCH_MS + opened_ms + (numbers[lasts_ms] or number_of(lasts_ms))
    local terms
    if kind.pay_within_ms <= deadline_ms - now then
        kind.terms = kind.terms or prepare_terms(kind.pay_within_ms, kind.price)
        terms = kind.terms
    else
        terms = prepare_terms(deadline_ms - now, kind.price)
    end
    return { kind = kind, packed = packed, head = sub(packed, 1, behind_head - 1), deadline_ms = deadline_ms,
        closed = closed, held = numbers[held] or number_of(held), behind_held = behind_held, terms = terms }
end

-- A group of an older version moves into its period's hash when somebody joins it.
local moving, moved = {}, {}
local function read_old_group(id)
    local fields, seats = call("HGETALL", tag .. "group:" .. id), {}
    local old = {}
    for place = 1, #fields, 2 do
        local member_id = match(fields[place], "^m:(%d+)$")
        if member_id then
            table.insert(seats, "," .. member_id .. ":" .. fields[place + 1])
        else
            old[fields[place]] = fields[place + 1]
        end
    end
    if not (old.activity_id and old.size and old.held and old.deadline_ms and old.price_fen) then
        return false
    end
    moving[id] = true
    local opened_ms = old.opened_ms or old.deadline_ms
    return concat({ old.activity_id, old.size, old.price_fen, old.rules_version or "1", old.pay_within_ms or "0",
        old.leader_member_id or "0", whole(opened_ms - EPOCH_MS), whole(old.deadline_ms - opened_ms), old.closed or "0", old.held,
        concat(seats) }, "|")
end
for _, period in ipairs(periods) do
    local ids = wanted[period]
    local found = call("HMGET", tag .. "groups:" .. period, unpack(ids))
    for place, id in ipairs(ids) do
        local packed = found[place] or read_old_group(id)
        groups[id] = packed and read_group(packed)
    end
end
