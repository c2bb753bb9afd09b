// The events that TensorBoard reads of a run, in protobuf's wire format. Field numbers are those of TensorFlow's event.proto
// and summary.proto. Knows no files.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Numbers by tag; a tag's part before "/" groups it. */
export type Scalars = Readonly<Record<string, number>>;

/** The first event of every file: how the others are written. `time` in seconds since 1970. */
export const versionEvent = (time: number): Uint8Array =>
  event(time, 0, (w) => w.tag(3, WireType.LengthDelimited).string('brain.Event:2'));

/** A session begins: what older files have of `step` and later no longer counts. */
export const startEvent = (time: number, step: number): Uint8Array =>
  event(time, step, (w) => {
    w.tag(7, WireType.LengthDelimited).fork();
    w.tag(1, WireType.Varint).int32(1);
    w.join();
  });

/** Values of a step; one that is not a number stays so. */
export const scalarsEvent = (time: number, step: number, scalars: Scalars): Uint8Array =>
  event(time, step, (w) => {
    w.tag(5, WireType.LengthDelimited).fork();
    for (const [tag, value] of Object.entries(scalars)) {
      w.tag(1, WireType.LengthDelimited).fork();
      w.tag(1, WireType.LengthDelimited).string(tag);
      w.tag(2, WireType.Bit32).float(value);
      w.join();
    }
    w.join();
  });

function event(time: number, step: number, content: (w: BinaryWriter) => void): Uint8Array {
  const w = new BinaryWriter();
  w.tag(1, WireType.Bit64).double(time);
  if (step !== 0) w.tag(2, WireType.Varint).int64(step);
  content(w);
  return w.finish();
}
