"""What a guest may know of itself: the documents of the metadata service and of the config drive, which are the same.

`documents.py` makes them, purely, from a server and its interfaces; `service.py` answers 169.254.169.254 for the port a
request came from. Formats: OpenStack's (`/openstack/…`) and EC2's (`/latest/meta-data/…`), Nova's metadata reference.
"""
