"""The worker: dubbing as jobs over RPyC, that survive anything (DESIGN section 7).

`protocol`, `wire` and `client` are what an editor loads: they need the standard library and rpyc, nothing else.
Installed as `imagintalk_server`; imports inside are relative, so that an add-on may carry those three files.
"""
