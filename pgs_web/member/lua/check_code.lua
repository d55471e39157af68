-- check_code: Compares a sign-in code and uses it up; a wrong one costs a try, the last try costs the code.
-- KEYS code    hash of digest and tries_left; absent when expired, used or tried too often
-- ARGV digest  of the code that was typed
-- REPLY RIGHT  it was the code; it can't be used again
-- REPLY WRONG  it wasn't; a try less
-- REPLY GONE   there is no code to compare with

local expected = redis.call('HGET', code, 'digest')
if not expected then
    return 'GONE'
end
if expected == digest then
    redis.call('DEL', code)
    return 'RIGHT'
end
if redis.call('HINCRBY', code, 'tries_left', -1) <= 0 then
    redis.call('DEL', code)
end
return 'WRONG'
