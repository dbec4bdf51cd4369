"""What each microversion brought, as converters around handlers that know only the newest one."""
