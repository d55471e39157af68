-- store_code: Puts a new sign-in code in the place of an older one.
-- KEYS code      hash of digest and tries_left
-- ARGV digest    of the code that is sent
-- ARGV tries     how often it may be typed wrong, the last time included
-- ARGV lifetime  milliseconds
-- REPLY STORED   the older code is no good any more

redis.call('DEL', code)
redis.call('HSET', code, 'digest', digest, 'tries_left', tries)
redis.call('PEXPIRE', code, lifetime)
return 'STORED'
