"""What a process runs that `pykcov attach` wants to trace; it may run late, and leaves nothing if nobody waits by then.

sys.remote_exec() gives it a namespace of its own. No module of pykcov is there yet: attach sends where they are.
"""


def attach() -> None:  # noqa: D103
    # Here, so that no name stays anywhere.
    import sys
    from _socket import AF_UNIX, SO_PEERCRED, SOCK_SEQPACKET, SOL_SOCKET, socket
    from _thread import start_new_thread
    from posix import geteuid, getpid

    connection = socket(AF_UNIX, SOCK_SEQPACKET)
    try:
        connection.settimeout(5)
        connection.connect(f"\0pykcov-attach-{getpid()}")
        # struct ucred: pid, uid, gid. Nobody else may have this process run code.
        peer = int.from_bytes(connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)[4:8], sys.byteorder)
        folder = connection.recv(1 << 16).decode("utf-8", "surrogateescape") if peer in (0, geteuid()) else ""
    except OSError:
        folder = ""
    if not folder:
        connection.close()
        return

    def work() -> None:
        try:
            package = sys.modules.get("pykcov")
            if package is None:
                # Only where pykcov was never loaded.
                from _frozen_importlib import module_from_spec
                from _frozen_importlib_external import PathFinder

                # Not by sys.path, which other threads look into meanwhile.
                spec = PathFinder.find_spec("pykcov", [folder])
                assert spec is not None
                assert spec.loader is not None
                package = sys.modules["pykcov"] = module_from_spec(spec)
                spec.loader.exec_module(package)
            elif package.__path__[0].rpartition("/")[0] != folder:
                raise ImportError(f"it has imported another pykcov, that in {package.__path__[0]}")
            # Not before it can be found.
            from pykcov.live.agent import serve
        except BaseException as error:
            connection.send(f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
            connection.close()
            return
        serve(connection.detach())

    # In a thread: the process goes on meanwhile.
    start_new_thread(work, ())


attach()
