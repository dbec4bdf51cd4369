"""What is done to servers, one file per verb: each checks what was asked for, enters the task state and begins a saga."""
