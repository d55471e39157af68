"""Where the API is and how much it reads; imported before Django is set up."""

API_ROOT = "/api/"
# Bytes of a request body.
LARGEST_BODY = 65_536
# Levels of objects and lists in a body.
DEEPEST_BODY = 32
