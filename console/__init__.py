"""The console: server-rendered pages for operators, administrators and members."""
