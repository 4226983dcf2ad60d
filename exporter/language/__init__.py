"""The small languages a configuration is written in; pure, and without knowledge of the file."""
