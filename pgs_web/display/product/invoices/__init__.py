"""A retailer's invoice file (one sold line a row, CSV, plain or gzip): reading it and finding the catalogue in it."""
