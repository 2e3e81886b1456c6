"""The command line: one small file a command, and what they share. Heavy imports wait until a command runs."""
