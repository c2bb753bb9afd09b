"""One rank of the engine. Rank 0 talks with the client; every rank does what it is told, in the same order.

Run by torchrun, or alone:  python -m whetstone_torch.worker --listen unix:PATH | HOST:PORT
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
import traceback
from typing import Any

import torch

from . import __version__
from .generate import Continuation, choose
from .loading import Refused
from .model import (
    Model,
    describe,
    host_bytes,
    lay_out,
    open_model,
    read_flat,
    remember_initial,
    train_adapter,
    train_everything,
    write_flat,
)
from .protocol import TOKEN_VARIABLE, Closed, Connection, Frame, ProtocolError, cut, encode, read_header
from .sharding import Ranks, join_ranks, reshard, round_budget
from .step import Optimizer, accumulate, batch_of, distill, items_of, logits_of, part_lists, score

GREETING_SECONDS = 10.0
FRAME_SECONDS = 120.0


def say(text: str) -> None:
    """Into the rank's log. A disk that takes no more costs these words, not the work."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        pass


class Channel:
    """What the ranks hear: rank 0 from the client, the others from rank 0."""

    def __init__(self, ranks: Ranks, connection: Connection | None, patience: float = FRAME_SECONDS) -> None:
        self.ranks, self.connection, self.patience = ranks, connection, patience

    def receive(self) -> Frame:
        """The client's next frame, on every rank. Raises Closed on all of them when the client is gone."""
        if self.ranks.count == 1:
            return self.connection.receive(self.patience)
        frame: Frame | None = None
        if self.connection is not None:
            try:
                frame = self.connection.receive(self.patience)
            except ProtocolError as error:
                self.ranks.share_bytes([json.dumps({"op": "closed", "why": str(error), "tensors": []}).encode(), b""], 2)
                raise
            header, payload = encode(frame)
            self.ranks.share_bytes([header, b"".join(payload)], 2)
            return frame
        header, payload = self.ranks.share_bytes(None, 2)
        op, fields, specs = read_header(bytes(header), len(payload))
        if op == "closed":
            raise Closed(fields["why"])
        return Frame(op, fields, cut(payload, specs))

    def send(self, frame: Frame) -> None:
        if self.connection is not None:
            self.connection.send(frame)

    def ask(self, frame: Frame) -> Frame:
        """Tells the client something in the middle of an operation, and hears its answer."""
        self.send(frame)
        return self.receive()


class Engine:
    """The operations by their names in frames. Each returns the fields and tensors of its answer."""

    def __init__(self, channel: Channel, ranks: Ranks) -> None:
        self.channel, self.ranks = channel, ranks
        self.model: Model | None = None
        self.optimizer: Optimizer | None = None
        self.budget = 0

    def perform(self, frame: Frame) -> Frame:
        operation = getattr(self, f"do_{frame.op}", None)
        if operation is None:
            raise Refused("TORCH_PROTOCOL", f'the worker knows no operation "{frame.op}"')
        return operation(frame) or Frame("done")

    def do_open(self, frame: Frame) -> Frame:
        self.model = open_model(frame.fields, self.ranks)
        about = describe(self.model)
        self.budget = frame.fields.get("row_tokens") or round_budget(about["device"], about["hidden_size"])
        return Frame("opened", {**about, "version": __version__, "row_tokens": self.budget})

    def do_train(self, frame: Frame) -> Frame:
        lora = frame.fields.get("lora")
        tensors = train_everything(self.model) if lora is None else train_adapter(self.model, lora)
        return Frame("trained", {"parameters": tensors})

    def do_layout(self, frame: Frame) -> None:
        lay_out(self.model, frame.fields["names"], frame.fields.get("masks"))
        self.optimizer = Optimizer(self.model)

    def do_remember(self, frame: Frame) -> None:
        remember_initial(self.model)

    def do_put(self, frame: Frame) -> None:
        parts = part_lists(self.model, self.optimizer, frame.fields["which"])
        write_flat(self.model, parts, frame.fields["start"], frame.tensors["values"])

    def do_get(self, frame: Frame) -> Frame:
        parts = part_lists(self.model, self.optimizer, frame.fields["which"])
        values = read_flat(self.model, parts, frame.fields["start"], frame.fields["end"])
        return Frame("values", {}, {"values": values})

    def do_set_step(self, frame: Frame) -> None:
        self.optimizer.set_step(frame.fields["step"])

    def do_score(self, frame: Frame) -> Frame:
        items = items_of(frame.fields, frame.tensors)
        found = score(self.model, items, frame.fields["model"] == "initial", 2 * self.budget)
        return Frame("scored", {}, {"log_probs": found})

    def do_distributions(self, frame: Frame) -> Frame:
        """Log-probs of every token in place of each predicted one, of a single sequence: float32 [predicted tokens, vocab]."""
        with torch.no_grad():
            found = logits_of(self.model, batch_of(items_of(frame.fields, frame.tensors))).log_softmax(-1)
        reshard(self.model.module)
        return Frame("scored", {}, {"log_probs": found.reshape(-1)})

    def do_begin(self, frame: Frame) -> None:
        self.optimizer.begin()

    def do_learn(self, frame: Frame) -> Frame:
        """Gradients of sums of log-probs whose coefficients are known: `coefficients` float32 [predicted tokens]."""
        items = items_of(frame.fields, frame.tensors)
        known = frame.tensors["coefficients"]
        starts = [0]
        for item in items:
            starts.append(starts[-1] + item.outputs)
        pick = lambda rows, _: torch.cat([known[starts[row] : starts[row + 1]] for row in rows])  # noqa: E731
        found = accumulate(self.model, items, [[i] for i in range(len(items))], self.budget, pick)
        return Frame("learned", {}, {"log_probs": found})

    def do_compare(self, frame: Frame) -> Frame:
        """The same with coefficients that the client makes of the log-probs, round by round."""
        items = items_of(frame.fields, frame.tensors)

        def ask(rows: list[int], log_probs: torch.Tensor) -> torch.Tensor:
            answer = self.channel.ask(Frame("round", {"rows": rows}, {"log_probs": log_probs}))
            if answer.op != "coefficients" or len(answer.tensors["coefficients"]) != len(log_probs):
                raise ProtocolError(f"expected the coefficients of {len(log_probs)} tokens, found {answer.op}")
            return answer.tensors["coefficients"]

        accumulate(self.model, items, frame.fields["groups"], self.budget, ask)
        return Frame("compared")

    def do_distill(self, frame: Frame) -> Frame:
        items = items_of(frame.fields, frame.tensors)
        half = len(items) // 2
        log_probs, losses = distill(
            self.model, items[:half], items[half:], frame.fields, frame.tensors["weights"], self.budget
        )
        return Frame("distilled", {}, {"log_probs": log_probs, "losses": losses})

    def do_norm(self, frame: Frame) -> Frame:
        return Frame("norm", {"norm": self.optimizer.norm()})

    def do_update(self, frame: Frame) -> None:
        self.optimizer.update(frame.fields)

    def do_generate(self, frame: Frame) -> Frame:
        prompts, at = [], 0
        for length in frame.fields["lengths"]:
            prompts.append(frame.tensors["ids"][at : at + length].to(torch.int64))
            at += length
        continuation = Continuation(self.model, prompts)
        wants = frame.fields["wants"]
        while True:
            answer = self.channel.ask(Frame("logits", {}, choose(continuation.logits(), wants)))
            if answer.op == "enough":
                return Frame("done")
            continuation.grow(answer.fields["rows"], answer.tensors["tokens"])
            wants = answer.fields["wants"]

    def do_memory(self, frame: Frame) -> Frame:
        """Bytes of each rank's host memory: at most since the last `reset`, and now."""
        held = torch.zeros(2, self.ranks.count, dtype=torch.int64)
        held[:, self.ranks.rank] = torch.tensor(host_bytes(frame.fields.get("reset", False)))
        peak, now = self.ranks.sum(held).tolist()
        return Frame("memory", {"peak_bytes": peak, "now_bytes": now})


def serve_client(channel: Channel, ranks: Ranks) -> None:
    """Until the client says goodbye or is gone."""
    engine = Engine(channel, ranks)
    while True:
        frame = channel.receive()
        if frame.op == "bye":
            channel.send(Frame("done"))
            return
        try:
            answer = engine.perform(frame)
        except Refused as error:
            answer = Frame("refused", {"code": error.code, "message": str(error), "hint": error.hint, "field": error.field})
        except ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001
            say(traceback.format_exc())
            if ranks.count > 1:
                # The others may be waiting for this rank, and will not hear that it cannot go on: torchrun ends them.
                os._exit(1)
            answer = Frame("failed", {"message": f"{type(error).__name__}: {error}"})
        channel.send(answer)


def watch_parent() -> None:
    """Ends this process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def listen(place: str) -> socket.socket:
    if place.startswith("unix:"):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(place[len("unix:") :])
    else:
        host, _, port = place.rpartition(":")
        server = socket.create_server((host.strip("[]"), int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    server.listen(8)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(prog="whetstone_torch.worker")
    parser.add_argument("--listen", default="127.0.0.1:29400", help="where rank 0 waits for Whetstone: HOST:PORT or unix:PATH")
    parser.add_argument("--device-type", default="auto", choices=["auto", "cpu", "cuda"], help="how ranks are joined")
    parser.add_argument(
        "--frame-seconds", type=float, default=FRAME_SECONDS, help="how long a message that has begun may take (%(default)g)"
    )
    parser.add_argument("--once", action="store_true", help="end with the first client, and with whoever started this")
    args = parser.parse_args()
    token = os.environ.get(TOKEN_VARIABLE, "")
    if token == "":
        sys.exit(f"{TOKEN_VARIABLE} is not set: both sides have to know the same secret")
    if args.once:
        watch_parent()
    kind = args.device_type if args.device_type != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    ranks = join_ranks(kind)
    if ranks.rank != 0:
        follow(ranks, args.once)
        return
    server = listen(args.listen)
    if not args.once:
        say(f"whetstone-torch {__version__}: {ranks.count} ranks, waiting at {args.listen}")
    while True:
        sock, _ = server.accept()
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(sock)
        try:
            connection.accept(token, GREETING_SECONDS)
        except (ProtocolError, OSError) as error:
            say(f"refused a client: {error}")
            connection.close()
            continue
        try:
            serve_client(Channel(ranks, connection, args.frame_seconds), ranks)
        except (ProtocolError, OSError) as error:
            gone = isinstance(error, Closed)
            say(f"{'the client is gone' if gone else 'ended a connection'}: {error}")
            try:
                if not gone:
                    connection.send(Frame("failed", {"message": str(error)}))
            except OSError:
                pass
        finally:
            connection.close()
        free()
        if args.once:
            break
    os._exit(0)


def follow(ranks: Ranks, once: bool) -> None:
    while True:
        try:
            serve_client(Channel(ranks, None), ranks)
        except Closed:
            pass
        free()
        if once:
            os._exit(0)


def free() -> None:
    """What belonged to a client that is gone."""
    import gc

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
