// What a peer that is no worker, or a worker gone wrong, can do to this side: each is refused in words, and in time. The
// worker's own side is engines/torch/tests/test_protocol.py.
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { failureOf } from '../../models/model-files.test-helper.ts';
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import {
  encodeFrame,
  flat,
  helloBytes,
  magic,
  nonceBytes,
  proofBytes,
  proofOf,
  protocolVersion,
} from './frames.ts';

const token = 'a token';
let server: Server | undefined;
let connection: Connection | undefined;
afterEach(() => {
  connection?.close();
  server?.close();
});

/** Listens, and does with a client what `treat` says. Gives the port. */
function peer(treat: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      treat(socket);
    }).listen(0, '127.0.0.1', () => resolve((server!.address() as { port: number }).port));
  });
}

/** A peer that greets as a worker does, and then answers whatever it is asked with `answer`. */
const worker = (
  answer: (socket: Socket) => void,
  { version = protocolVersion, knows = token } = {},
): Promise<number> =>
  peer((socket) => {
    let heard = Buffer.alloc(0);
    let greeted = 0;
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (greeted === 0 && heard.length >= helloBytes) {
        const theirs = heard.subarray(helloBytes - nonceBytes, helloBytes);
        const ours = Buffer.alloc(nonceBytes, 7);
        const spoken = Buffer.alloc(4);
        spoken.writeUInt32LE(version);
        socket.write(Buffer.concat([magic, spoken, ours, proofOf(knows, 'worker', theirs, ours)]));
        greeted = helloBytes + proofBytes;
      }
      if (greeted > 0 && heard.length > greeted) answer(socket);
    });
  });

const open = async (port: number, patience?: number): Promise<Connection> =>
  (connection = await openConnection({ host: '127.0.0.1', port }, token, patience));

const prefix = (header: number, payload: number): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(header, 0);
  bytes.writeBigUInt64LE(BigInt(payload), 4);
  return bytes;
};
const framed = (header: string, payload = Buffer.alloc(0)): Buffer =>
  Buffer.concat([prefix(Buffer.byteLength(header), payload.length), Buffer.from(header), payload]);

it('speaks with a worker', async () => {
  const port = await worker((socket) => {
    for (const part of encodeFrame({
      op: 'scored',
      fields: { n: 2 },
      tensors: { x: flat(Float32Array.of(1, 2)) },
    }))
      socket.write(part);
  });
  const answer = await (await open(port)).ask('score');
  expect([answer.op, answer.fields, [...answer.tensors['x']!.data]]).toEqual(['scored', { n: 2 }, [1, 2]]);
});

it.each<[string, Buffer, RegExp]>([
  [
    'a header that is too long',
    prefix(2 ** 31, 0),
    /frame of 2147483648 and 0 bytes is longer than the limits/,
  ],
  ['a payload that is too long', prefix(2, 2 ** 40), /longer than the limits/],
  ['bytes that are no header', framed('\u0000\u0001garbage'), /header is not a JSON object/],
  ['a list for a header', framed('[1]'), /header is not a JSON object/],
  ['a header without an operation', framed('{"tensors":[]}'), /names no operation/],
  ['a tensor of an unknown type', framed('{"op":"x","tensors":[{"name":"a","dtype":"pickle","shape":[1]}]}'), /describes no tensor/], // prettier-ignore
  ['a tensor of no shape', framed('{"op":"x","tensors":[{"name":"a","dtype":"uint8","shape":[-1]}]}'), /describes no tensor/], // prettier-ignore
  ['a tensor beyond the payload', framed('{"op":"x","tensors":[{"name":"a","dtype":"float32","shape":[2]}]}', Buffer.alloc(4)), /longer than its payload/], // prettier-ignore
  ['a payload beyond the tensors', framed('{"op":"x","tensors":[]}', Buffer.alloc(4)), /take 0 of 4 bytes/],
])('refuses %s, and ends the conversation', async (_, bytes, message) => {
  const port = await worker((socket) => socket.write(bytes));
  const spoken = await open(port);
  const error = await failureOf(() => spoken.ask('score'));
  expect(error.code).toBe('TORCH_PROTOCOL');
  expect(error.message).toMatch(message);
  expect((await failureOf(() => spoken.ask('score'))).code).toBe('TORCH_GONE');
});

it('gives up on a worker that stops in the middle of a frame, and not on one that takes its time before', async () => {
  const slow = await worker((socket) =>
    setTimeout(() => socket.write(framed('{"op":"done","tensors":[]}')), 300),
  );
  expect((await (await open(slow, 50)).ask('score')).op).toBe('done');
  server!.close();
  const stuck = await worker((socket) => socket.write(framed('{"op":"done","tensors":[]}').subarray(0, 20)));
  const spoken = await open(stuck, 50);
  const error = await failureOf(() => spoken.ask('score'));
  expect(error.code).toBe('TORCH_PROTOCOL');
  expect(error.message).toContain('the worker sent 8 of 26 bytes and then nothing for 0.05 s');
});

it('says that a worker is gone that closes', async () => {
  const port = await worker((socket) => socket.end(prefix(10, 0)));
  const spoken = await open(port);
  expect((await failureOf(() => spoken.ask('score'))).code).toBe('TORCH_GONE');
});

it('refuses to greet what is no worker, another version, and one with another token', async () => {
  const web = await peer((socket) => socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(100)}`));
  expect((await failureOf(() => open(web))).message).toContain(
    'what answers there is no worker of Whetstone',
  );
  server!.close();
  const newer = await worker(() => undefined, { version: 9 });
  expect((await failureOf(() => open(newer))).message).toContain(
    'the worker speaks version 9 of the protocol',
  );
  server!.close();
  const other = await worker(() => undefined, { knows: 'another' });
  expect((await failureOf(() => open(other))).message).toContain('the worker has another token');
});
