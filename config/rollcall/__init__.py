"""The subcommands of `manage.py rollcall`, a module each."""
