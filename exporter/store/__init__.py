"""What the API last said, and how old that is."""
