"""One file for each command of `imagintalk`.

A command is a module with `add_parser(subparsers)`, which adds its parser, and `run(args) -> int`, which does the work
and gives the exit code. Modules stay light at import: torch and the like are imported inside `run`. What goes wrong is
raised as an `ImaginTalkError`; the command line prints it. `console.progress_bar` shows progress.
"""
