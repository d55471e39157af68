"""No tables of its own; Django tells only apps with this module that a migration has ended, and roles are made then."""
