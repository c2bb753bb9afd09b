// The JSON object in a request's body, within a size. Knows HTTP; it does not know fields.
import type { IncomingMessage } from 'node:http';
import { ApiError, badRequest } from './api-error.ts';
import { describe } from './fields.ts';
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import { largeBody } from './large-bodies.ts';

export interface BodySettings {
  readonly maxBytes: number;
  /** Called once the body turns out to be large; nothing more of it is read before it resolves. */
  readonly onLarge: () => Promise<void>;
}

/**
 * Reads and parses a body. Throws ApiError: 415 for another content type than JSON (a web page can send such without
 * asking first), 413 past `maxBytes`, 400 for what is no JSON object in UTF-8.
 */
export async function readJsonBody(
  request: IncomingMessage,
  { maxBytes, onLarge }: BodySettings,
): Promise<Fields> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
  if (type.split(';')[0]!.trim().toLowerCase() !== 'application/json')
    throw new ApiError(415, `Unsupported content type: '${type}'. This server takes 'application/json'.`);
  if (encoding !== 'identity')
    throw new ApiError(415, `Unsupported content encoding: '${encoding}'. Send the body as it is.`);
  const text = decodeUtf8(await readBytes(request, { maxBytes, onLarge }));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('We could not parse the JSON body of your request.', null);
  }
  if (!isFields(value))
    throw badRequest(`The body of your request must be a JSON object, but is ${describe(value)}.`, null);
  return value;
}

async function readBytes(request: IncomingMessage, { maxBytes, onLarge }: BodySettings): Promise<Buffer> {
  const tooLarge = new ApiError(413, `The body of your request is larger than ${maxBytes} bytes.`, {
    code: 'request_too_large',
  });
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge;
  let isLarge = announced > largeBody;
  if (isLarge) await onLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Ends with an error if the client is gone before the whole body has come.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge;
    chunks.push(chunk);
    if (isLarge || size <= largeBody) continue;
    isLarge = true;
    await onLarge();
  }
  return Buffer.concat(chunks);
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('The body of your request is not valid UTF-8.', null);
  }
}
