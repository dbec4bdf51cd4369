"""What makes a host's network: one contract (`base`) and a driver per data plane; `pileus.hosts` chooses one.

Drivers import `base` and their own helpers, and nothing above them: no database, no bus, no HTTP.
"""
