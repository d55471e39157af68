"""Tests against a whole running shop: real processes, real servers, HTTP from outside."""
