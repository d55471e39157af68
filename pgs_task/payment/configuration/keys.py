"""Names in the cache's Redis; none of it is missed for longer than ten seconds when it is lost."""

# Published: the number of the newest version.
CHANNEL = "payment-configuration"
# Hash: "host:pid" → what the process said last; sorted set: when, by Redis' clock in ms. A process is in both.
SAID_KEY = "{payment-configuration}:said"
SEEN_KEY = "{payment-configuration}:seen"
