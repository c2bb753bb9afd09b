"""A rank whose log lies on a disk that takes no more works on, and still says what failed to the client."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_protocol import greet

from whetstone_torch.protocol import HELLO, TOKEN_VARIABLE, Connection, Frame

FULL = Path("/dev/full")
PACKAGE = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_errors_are_told_without_a_log(tmp_path):
    place = tmp_path / "rank0"
    with open(FULL, "w") as full:
        worker = subprocess.Popen(
            [sys.executable, "-m", "whetstone_torch.worker", "--listen", f"unix:{place}"],
            env={**os.environ, TOKEN_VARIABLE: "secret", "PYTHONPATH": str(PACKAGE), "PYTHONUNBUFFERED": "1"},
            stderr=full,
        )
    try:
        for stranger in (True, False):
            sock = socket.socket(socket.AF_UNIX)
            while sock.connect_ex(str(place)) != 0:
                assert worker.poll() is None, "the worker ended"
                time.sleep(0.1)
            if stranger:
                # It is refused, which the log cannot say.
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n".ljust(HELLO.size, b"x"))
                assert sock.recv(1) == b""
                sock.close()
                continue
            greet(sock, "secret")
            client = Connection(sock)
            # No model is open.
            for _ in range(2):
                client.send(Frame("score", {"sequences": [[3, 1, 3, 0]], "model": "present"}))
                answer = client.receive(30)
                assert answer.op == "failed" and "Error" in answer.fields["message"]
            client.send(Frame("memory"))
            assert client.receive(30).op == "memory"
            client.send(Frame("bye"))
            assert client.receive(30).op == "done"
            client.close()
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()
