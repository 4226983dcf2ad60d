"""Makes `python -m exporter` the same as `nativechat-exporter`."""

from exporter.cli import script

if __name__ == "__main__":
    script()
