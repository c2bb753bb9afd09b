"""Makes the event file that src/tensorboard is compared with, or reads one that we wrote.

    python generate.py                 writes events.bin and events.json beside itself
    python generate.py read DIR        prints what TensorBoard's own loader finds in DIR, as JSON

The events are made of TensorFlow's protocol buffers as the tensorboard package has them, and framed by its record
writer: neither is code of this project. Versions: tensorboard 2.21.0, protobuf 7.36.2.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent

TIME = 1760000000.25
SCALARS = [
    (1, TIME + 1, {"train/loss": 0.5, "train/learning_rate": 4e-4}),
    (2, TIME + 2.125, {"train/loss": 1.1754943508222875e-38, "train/flagged_fraction": 0.0}),
    (300, TIME + 3, {"train/loss": -3.25, "Ätag": 1e30}),
    (4294967296, TIME + 4, {"train/loss": float("nan")}),
]


def generate():
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    events = [
        Event(wall_time=TIME, file_version="brain.Event:2"),
        Event(wall_time=TIME, step=1, session_log=SessionLog(status=SessionLog.START)),
    ]
    for step, time, values in SCALARS:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
        events.append(Event(wall_time=time, step=step, summary=summary))
    with open(HERE / "events.bin", "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()
    rows = [{"step": s, "time": t, "values": {k: "nan" if v != v else v for k, v in values.items()}} for s, t, values in SCALARS]
    (HERE / "events.json").write_text(json.dumps({"time": TIME, "start": 1, "scalars": rows}, indent=2, ensure_ascii=False) + "\n")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(folder, size_guidance={"scalars": 0})
    found.Reload()
    tags = found.Tags()["scalars"]
    print(json.dumps({tag: [[e.step, e.value] for e in found.Scalars(tag)] for tag in tags}))


if __name__ == "__main__":
    read(sys.argv[2]) if sys.argv[1:2] == ["read"] else generate()
