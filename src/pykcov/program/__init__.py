"""Runs a program in a process of its own and collects what its threads record.

The parent (`supervisor`, `buffers`) never runs code of the program. The child (`start/pykcov-bootstrap`, `child`,
`forgetting`, `main_module`, `devices`) imports as little as it can before the program begins, which finds that imported
already.
"""
