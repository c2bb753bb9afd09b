"""Frames and the greeting, over a pair of sockets: what is sent comes back, and what is hostile is refused in words."""

import json
import os
import random
import socket
import struct
import threading

import pytest
import torch

from whetstone_torch import protocol
from whetstone_torch.protocol import (
    ANSWER,
    HELLO,
    MAGIC,
    PREFIX,
    VERSION,
    Closed,
    Connection,
    Frame,
    ProtocolError,
    encode,
    proof,
    read_header,
)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Connection(ours), theirs
    ours.close()
    theirs.close()


def framed(header: bytes, payload: bytes = b"") -> bytes:
    return PREFIX.pack(len(header), len(payload)) + header + payload


def test_frames_come_back_as_they_were_sent(pair):
    ours, theirs = pair
    draw = random.Random(3)
    for _ in range(30):
        tensors = {}
        for index in range(draw.randrange(4)):
            shape = [draw.randrange(5) for _ in range(draw.randrange(3))]
            dtype = draw.choice([torch.float32, torch.int32, torch.uint8])
            tensors[f"t{index}"] = (torch.rand(shape) * 100).to(dtype)
        sent = Frame("op", {"text": "öß\u2028", "number": draw.random(), "list": [1, None, True]}, tensors)
        writer = threading.Thread(target=Connection(theirs).send, args=(sent,))
        writer.start()
        found = ours.receive(5)
        writer.join()
        assert (found.op, found.fields, list(found.tensors)) == (sent.op, sent.fields, list(sent.tensors))
        for name, tensor in sent.tensors.items():
            assert found.tensors[name].dtype == tensor.dtype and torch.equal(found.tensors[name], tensor)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (PREFIX.pack(1 << 31, 0), "longer than the limits"),
        (PREFIX.pack(2, 1 << 62), "longer than the limits"),
        (framed(b"\x80\x04\x95."), "is not JSON"),
        (framed(b"[" * 100_000), "is not JSON"),
        (framed(b"[1]"), "names no operation"),
        (framed(b'{"op": 3}'), "names no operation"),
        (framed(b'{"op": "x", "tensors": 3}'), "lists no tensors"),
        (framed(b'{"op": "x", "tensors": [3]}'), "describes a tensor as 3"),
        (framed(b'{"op": "x", "tensors": [{"name": "a", "dtype": "object", "shape": [1]}]}'), "describes a tensor"),
        (framed(b'{"op": "x", "tensors": [{"name": "a", "dtype": "uint8", "shape": [true]}]}'), "describes a tensor"),
        (framed(b'{"op": "x", "tensors": [{"name": "a", "dtype": "uint8", "shape": [-4]}]}'), "describes a tensor"),
        (framed(b'{"op": "x", "tensors": [{"name": "a", "dtype": "uint8", "shape": [9]}]}', b"12"), "take 9 bytes, and 2"),
        (framed(b'{"op": "x"}', b"12"), "take 0 bytes, and 2"),
    ],
)
def test_what_is_no_frame_is_refused(pair, sent, says):
    ours, theirs = pair
    threading.Thread(target=theirs.sendall, args=(sent,), daemon=True).start()
    with pytest.raises(ProtocolError, match=says):
        ours.receive(5)


def test_random_headers_are_refused_or_read():
    draw = random.Random(5)
    whole = encode(Frame("op", {"a": [1, {"b": None}]}, {"t": torch.zeros(2, 3)}))[0]
    for _ in range(2000):
        header = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            header[draw.randrange(len(header))] = draw.randrange(256)
        try:
            op, fields, specs = read_header(bytes(header), 24)
        except ProtocolError:
            continue
        assert isinstance(op, str) and isinstance(fields, dict) and isinstance(specs, list)


def test_a_frame_that_stops_is_given_up_on(pair):
    ours, theirs = pair
    theirs.sendall(framed(b'{"op": "x"}')[:15])
    with pytest.raises(ProtocolError, match="sent 3 of 11 bytes and then nothing in time"):
        ours.receive(0.2)


def test_a_frame_that_trickles_is_given_up_on(pair):
    ours, theirs = pair
    done = threading.Event()

    def trickle():
        for byte in framed(b'{"op": "' + b"x" * 200 + b'"}'):
            if done.wait(0.05):
                return
            theirs.sendall(bytes([byte]))

    writer = threading.Thread(target=trickle)
    writer.start()
    with pytest.raises(ProtocolError, match="then nothing in time"):
        ours.receive(0.3)
    done.set()
    writer.join()


def test_a_client_that_closes_is_gone(pair):
    ours, theirs = pair
    theirs.sendall(b"\x01")
    theirs.close()
    with pytest.raises(Closed, match="closed the connection"):
        ours.receive(5)


def greet(theirs: socket.socket, token: str, magic: bytes = MAGIC, version: int = VERSION) -> None:
    """The client's side."""
    nonce = os.urandom(32)
    theirs.sendall(HELLO.pack(magic, version, nonce))
    answer = b""
    while len(answer) < ANSWER.size:
        got = theirs.recv(ANSWER.size - len(answer))
        if not got:
            return
        answer += got
    _, _, other, _ = ANSWER.unpack(answer)
    theirs.sendall(proof(token, "client", other, nonce))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"token": "another"}, "does not know the token"),
        ({"token": ""}, "does not know the token"),
        ({"token": "secret", "version": 9}, "speaks version 9 of the protocol, this worker version 1"),
        ({"token": "secret", "magic": b"GET / HT"}, "does not speak Whetstone's protocol"),
    ],
)
def test_strangers_are_not_greeted(pair, how, says):
    ours, theirs = pair
    client = threading.Thread(target=greet, args=(theirs,), kwargs=how, daemon=True)
    client.start()
    with pytest.raises(ProtocolError, match=says):
        ours.accept("secret", 5)
    ours.close()
    client.join()


def test_who_knows_the_token_is_greeted(pair):
    ours, theirs = pair
    client = threading.Thread(target=greet, args=(theirs, "secret"))
    client.start()
    ours.accept("secret", 5)
    client.join()


def test_a_proof_cannot_be_played_back():
    first, second = os.urandom(32), os.urandom(32)
    assert proof("secret", "client", first, second) != proof("secret", "worker", first, second)
    assert proof("secret", "client", first, second) != proof("secret", "client", second, first)


def test_limits_are_what_the_client_has():
    source = os.path.join(os.path.dirname(__file__), "../../../src/engine/torch/frames.ts")
    with open(source) as file:
        text = file.read()
    assert f"protocolVersion = {protocol.VERSION};" in text
    assert "mostHeaderBytes = 64 << 20;" in text and protocol.MOST_HEADER_BYTES == 64 << 20
    assert "mostPayloadBytes = 2 ** 31;" in text and protocol.MOST_PAYLOAD_BYTES == 2**31


def test_numbers_that_json_lacks_are_spelled_as_the_client_reads_them():
    header, _ = encode(Frame("norm", {"norm": float("nan")}))
    assert b'"norm": NaN' in header
    assert json.loads(header)["op"] == "norm"
    assert struct.calcsize("<IQ") == PREFIX.size == 12
