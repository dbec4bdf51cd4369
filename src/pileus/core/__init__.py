"""The kit every service is built from. It imports no service."""
