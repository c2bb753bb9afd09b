// The JSON object in a request's body, within a size. Knows HTTP; it does not know fields.
import type { IncomingMessage } from 'node:http';
import { TextDecoder } from 'node:util';
import { ApiError, badRequest } from './api-error.ts';
import { describe } from './fields.ts';
import { isFields } from '../rows/fields.ts';
import type { Fields } from '../rows/fields.ts';
import { largeBody } from './large-bodies.ts';
import { ownTurn } from './own-turn.ts';

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
  const text = await readText(request, { maxBytes, onLarge });
  const value = await parseJson(text);
  if (!isFields(value))
    throw badRequest(`The body of your request must be a JSON object, but is ${describe(value)}.`, null);
  return value;
}

/** What `text` is JSON of. A large one is parsed in a turn of its own, and what is done with it is another. */
async function parseJson(text: string): Promise<unknown> {
  const isLarge = text.length > largeBody;
  if (isLarge) await ownTurn();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest('We could not parse the JSON body of your request.', null);
  }
  if (isLarge) await ownTurn();
  return value;
}

/** The body, decoded as it comes: all of it at once would hold up others. */
async function readText(request: IncomingMessage, { maxBytes, onLarge }: BodySettings): Promise<string> {
  const tooLarge = new ApiError(413, `The body of your request is larger than ${maxBytes} bytes.`, {
    code: 'request_too_large',
  });
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge;
  let isLarge = announced > largeBody;
  if (isLarge) await onLarge();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let size = 0;
  // Ends with an error if the client is gone before the whole body has come.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge;
    text += decoded(decoder, chunk);
    if (isLarge || size <= largeBody) continue;
    isLarge = true;
    await onLarge();
  }
  return text + decoded(decoder);
}

/** Without bytes: the end, which must not lie within a character. */
function decoded(decoder: TextDecoder, bytes?: Buffer): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined });
  } catch {
    throw badRequest('The body of your request is not valid UTF-8.', null);
  }
}
