"""The API's last answers and their age."""
