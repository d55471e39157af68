-- count_help: The bare minimum of a help: counts it, and judges nothing.
-- KEYS packet  hash helps
-- REPLY number  helps so far
return redis.call("HINCRBY", packet, "helps", 1)
