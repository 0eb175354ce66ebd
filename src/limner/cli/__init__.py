"""The command line: reads settings, calls the rooms below, prints. One file per command; it decides nothing."""
