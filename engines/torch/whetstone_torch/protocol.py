"""Frames between Whetstone and rank 0: a JSON header, then raw little-endian tensors. Nothing is unpickled.

A connection begins with messages of a fixed size: who speaks which version, and proofs that both sides know the token.
Only then is a frame read. What a frame's lengths say is held to limits, and to each other, before memory is taken.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import torch

MAGIC = b"WHETTRCH"
VERSION = 1
TOKEN_VARIABLE = "WHETSTONE_TORCH_TOKEN"

HELLO = struct.Struct("<8sI32s")
ANSWER = struct.Struct("<8sI32s32s")
PROOF_BYTES = 32
PREFIX = struct.Struct("<IQ")

MOST_HEADER_BYTES = 64 << 20
MOST_PAYLOAD_BYTES = 2 << 30
MOST_TENSORS = 1 << 16
MOST_DIMENSIONS = 8

DTYPES = {"float32": torch.float32, "int32": torch.int32, "uint8": torch.uint8}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class ProtocolError(Exception):
    """What came is not what this side understands; the connection cannot go on."""


class Closed(ProtocolError):
    """The other side is gone."""


@dataclass
class Frame:
    """One message: what is wanted, its fields, and its tensors by name."""

    op: str
    fields: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)


def proof(token: str, side: str, first: bytes, second: bytes) -> bytes:
    """HMAC-SHA256 of the nonces under the token; `side` keeps one side's proof from being played back by the other."""
    return hmac.new(token.encode(), side.encode() + first + second, hashlib.sha256).digest()


class Connection:
    """A stream of frames over a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def accept(self, token: str, timeout: float) -> None:
        """The worker's side of the greeting. Raises ProtocolError for another version, a wrong token or a slow peer."""
        deadline = time.monotonic() + timeout
        magic, version, theirs = HELLO.unpack(self._read(HELLO.size, deadline))
        if magic != MAGIC:
            raise ProtocolError("what connected does not speak Whetstone's protocol")
        ours = os.urandom(32)
        self.sock.settimeout(timeout)
        self.sock.sendall(ANSWER.pack(MAGIC, VERSION, ours, proof(token, "worker", theirs, ours)))
        if version != VERSION:
            raise ProtocolError(f"the client speaks version {version} of the protocol, this worker version {VERSION}")
        found = self._read(PROOF_BYTES, deadline)
        if not hmac.compare_digest(found, proof(token, "client", ours, theirs)):
            raise ProtocolError(f"the client does not know the token ({TOKEN_VARIABLE})")
        self.sock.settimeout(None)

    def receive(self, timeout: float | None = None) -> Frame:
        """The next frame. Waits for its beginning as long as it takes; `timeout` seconds for the rest."""
        head = self._read(PREFIX.size, None)
        deadline = None if timeout is None else time.monotonic() + timeout
        header_bytes, payload_bytes = PREFIX.unpack(head)
        if header_bytes > MOST_HEADER_BYTES or payload_bytes > MOST_PAYLOAD_BYTES:
            raise ProtocolError(
                f"a frame of {header_bytes} and {payload_bytes} bytes is longer than the limits "
                f"{MOST_HEADER_BYTES} and {MOST_PAYLOAD_BYTES}"
            )
        op, fields, specs = read_header(bytes(self._read(header_bytes, deadline)), payload_bytes)
        payload = self._read(payload_bytes, deadline)
        return Frame(op, fields, cut(payload, specs))

    def send(self, frame: Frame) -> None:
        header, payload = encode(frame)
        self.sock.sendall(PREFIX.pack(len(header), sum(len(part) for part in payload)) + header)
        for part in payload:
            self.sock.sendall(part)

    def close(self) -> None:
        self.sock.close()

    def _read(self, count: int, deadline: float | None) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        at = 0
        while at < count:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ProtocolError(f"the client sent {at} of {count} bytes and then nothing in time")
                self.sock.settimeout(left)
            else:
                self.sock.settimeout(None)
            try:
                got = self.sock.recv_into(view[at:])
            except TimeoutError as error:
                raise ProtocolError(f"the client sent {at} of {count} bytes and then nothing in time") from error
            except OSError as error:
                raise Closed(f"the connection broke: {error}") from error
            if got == 0:
                raise Closed("the client closed the connection")
            at += got
        self.sock.settimeout(None)
        return buffer


def encode(frame: Frame) -> tuple[bytes, list[memoryview]]:
    tensors = {name: t.detach().to("cpu").contiguous() for name, t in frame.tensors.items()}
    specs = [{"name": n, "dtype": NAMES[t.dtype], "shape": list(t.shape)} for n, t in tensors.items()]
    header = json.dumps({"op": frame.op, **frame.fields, "tensors": specs}, allow_nan=True).encode()
    return header, [memoryview(t.reshape(-1).view(torch.uint8).numpy()) for t in tensors.values() if t.numel() > 0]


Spec = tuple[str, torch.dtype, list[int]]


def read_header(header: bytes, payload_bytes: int) -> tuple[str, dict[str, Any], list[Spec]]:
    """Raises ProtocolError where the header is not one, or does not describe a payload of so many bytes."""
    try:
        fields = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a frame's header is not JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("op"), str):
        raise ProtocolError("a frame's header names no operation")
    listed = fields.pop("tensors", [])
    if not isinstance(listed, list) or len(listed) > MOST_TENSORS:
        raise ProtocolError("a frame's header lists no tensors, or too many")
    specs = [read_spec(each) for each in listed]
    described = sum(math.prod(shape) * dtype.itemsize for _, dtype, shape in specs)
    if described != payload_bytes:
        raise ProtocolError(f"a frame's tensors take {described} bytes, and {payload_bytes} are announced")
    return fields.pop("op"), fields, specs


def read_spec(spec: Any) -> Spec:
    name, dtype, shape = (spec.get(key) for key in ("name", "dtype", "shape")) if isinstance(spec, dict) else (None,) * 3
    sound = isinstance(shape, list) and len(shape) <= MOST_DIMENSIONS
    sound = sound and all(type(n) is int and 0 <= n <= MOST_PAYLOAD_BYTES for n in shape)
    if not isinstance(name, str) or dtype not in DTYPES or not sound:
        raise ProtocolError(f"a frame describes a tensor as {json.dumps(spec)[:200]}")
    return name, DTYPES[dtype], shape


def cut(payload: bytearray, specs: list[Spec]) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    at = 0
    for name, dtype, shape in specs:
        count = math.prod(shape)
        # Copied where it does not lie on a boundary of its type.
        part = payload[at : at + count * dtype.itemsize]
        tensors[name] = torch.frombuffer(part, dtype=dtype).reshape(shape) if count > 0 else torch.empty(shape, dtype=dtype)
        at += count * dtype.itemsize
    return tensors
