"""What compute does, a file per noun; what is done to servers is in `verbs/`. Nothing here knows HTTP."""
