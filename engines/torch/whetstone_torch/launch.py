"""Starts ranks on this machine by torchrun, and stops them when whoever asked for them is gone.

    python -m whetstone_torch.launch --nproc N --listen unix:PATH --logs DIR

Its standard input is a pipe from the client, which says nothing: its end is the client's. What ends a rank is told on
the standard output as a line of JSON. The store in which ranks find each other listens on loopback alone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading

WORKER = "whetstone_torch.worker"


def watch_input() -> None:
    """Kills this process's group, ranks included, when the standard input ends."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        stop()

    threading.Thread(target=watch, daemon=True).start()


def stop() -> None:
    for pid in started():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(0)


def started() -> list[int]:
    """Children of this process. Ranks watch their parent besides, so that none is left where this cannot be read."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def use_loopback_store() -> None:
    """torchrun's static rendezvous, but for where its store listens: on any address, unless it is handed a socket."""
    import torch.distributed as dist
    from torch.distributed.elastic.rendezvous import RendezvousInfo, RendezvousStoreInfo, rendezvous_handler_registry
    from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous

    class Loopback(StaticTCPRendezvous):
        def get_backend(self) -> str:
            return "loopback"

        def next_rendezvous(self):
            if not self._store:
                server = socket.create_server(("127.0.0.1", 0))
                self.master_addr, self.master_port = "127.0.0.1", server.getsockname()[1]
                # The store closes the socket that it is handed.
                self._store = dist.TCPStore(
                    self.master_addr,
                    self.master_port,
                    self.world_size,
                    True,
                    self.timeout,
                    multi_tenant=True,
                    master_listen_fd=server.detach(),
                )
            store = dist.PrefixStore(self.run_id, self._store)
            return RendezvousInfo(store, self.rank, self.world_size, RendezvousStoreInfo(self.master_addr, self.master_port))

    rendezvous_handler_registry.register(
        "loopback", lambda params: Loopback("127.0.0.1", 0, 0, params.max_nodes, params.run_id, 600)
    )


def first_death(error):
    """Rank and failure. A rank that was killed takes the others with it, which torchrun may have dated in the same second
    and ended itself by SIGTERM."""
    killed = [(rank, each) for rank, each in error.failures.items() if each.exitcode < 0 and each.exitcode != -signal.SIGTERM]
    return killed[0] if killed else error.get_first_failure()


def main() -> None:
    parser = argparse.ArgumentParser(prog="whetstone_torch.launch")
    parser.add_argument("--nproc", type=int, default=1)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--logs", required=True, help="folder for what ranks say")
    parser.add_argument("--device-type", default="cpu")
    args = parser.parse_args()
    watch_input()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // args.nproc)))
    if args.nproc > 1:
        # Layers that FSDP2 gathers and gives back go back to the system at once: glibc kept several times a rank's share of them.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 20))
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", os.environ["GLOO_SOCKET_IFNAME"])

    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    use_loopback_store()
    wanted = [
        *("--nproc-per-node", str(args.nproc)),
        *("--rdzv-backend", "loopback", "--rdzv-endpoint", "127.0.0.1:0"),
        *("--max-restarts", "0", "--monitor-interval", "0.2"),
        *("--redirects", "3", "--log-dir", args.logs),
        *("-m", WORKER, "--once", "--listen", args.listen, "--device-type", args.device_type),
    ]
    try:
        torchrun(wanted)
    except ChildFailedError as error:
        rank, failure = first_death(error)
        told = {"rank": rank, "exit_code": failure.exitcode, "pid": failure.pid}
        print(json.dumps(told), flush=True)
        os._exit(1)


if __name__ == "__main__":
    main()
