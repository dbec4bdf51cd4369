"""The only SQL of compute, a file per noun; all tables are in `tables.py`."""
