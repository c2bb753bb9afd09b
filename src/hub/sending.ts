// What is sent to the hub: calls in JSON with the token, contents to the places that the hub names without it, and refusals
// in words. Knows HTTP, nothing of folders.
import { createReadStream } from 'node:fs';
import { WhetstoneError } from '../errors.ts';
import { isFields } from '../rows/fields.ts';
import { readRetryAfter } from '../openai/retry.ts';
import { systemClock } from '../openai/clock.ts';
import { printable } from '../words/printable.ts';
import { pieces, retry, send, unreachable } from './request.ts';
import type { HubSettings } from './settings.ts';

/** An answer of the hub to a call. */
export interface Told {
  readonly status: number;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What the server says is wrong, at most a few hundred characters, without the token. */
  readonly said: string;
  /** The body as it came. */
  readonly text: string;
}

export interface Call {
  readonly path: string;
  readonly method?: 'GET' | 'POST';
  readonly json?: object;
  /** In place of `json`. */
  readonly lines?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** How often it may be tried where no answer comes; default 5. What must not happen twice is tried once. */
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
}

const mostAnswer = 16 << 20;

/**
 * A call of the hub at its own address, with the token. Resolves with answers below 500 but 408 and 429; throws WhetstoneError
 * `HUB_UNREACHABLE` where no other comes, and `HUB_ANSWER` where it would be sent on to another host.
 */
export function call(settings: HubSettings, asked: Call): Promise<Told> {
  const { path, method = 'POST', json, lines, headers = {}, attempts = 5, signal } = asked;
  const url = /^https?:/.test(path) ? path : `${settings.endpoint}${path}`;
  const text = lines ?? (json === undefined ? undefined : JSON.stringify(json));
  return retry(settings, attempts, signal, async () => {
    const answer = await send(settings, url, {
      method,
      elsewhere: 'return',
      signal,
      headers: { 'content-type': 'application/json', ...headers },
      ...(text !== undefined && { body: () => text }),
    });
    requireAnswer(answer);
    if (answer.status < 400 && answer.status >= 300) {
      await answer.body?.cancel();
      throw new WhetstoneError(
        'HUB_ANSWER',
        `${new URL(url).host} would send what is uploaded to another host`,
        {
          hint: 'Check HF_ENDPOINT.',
        },
      );
    }
    return toldBy(settings, answer, signal);
  });
}

/** Throws `HUB_UNREACHABLE` for an answer after which the same may be tried again. */
function requireAnswer({ status, headers, url }: Response): void {
  if (status === 408 || status === 429 || status >= 500)
    throw unreachable(
      new URL(url).host,
      { message: `HTTP ${status}` },
      readRetryAfter(headers, systemClock.now()),
    );
}

async function toldBy(
  settings: HubSettings,
  answer: Response,
  signal: AbortSignal | undefined,
): Promise<Told> {
  const all: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces(answer, settings, signal)) {
    size += piece.byteLength;
    if (size > mostAnswer) throw new WhetstoneError('HUB_ANSWER', 'the hub answers without end');
    all.push(piece);
  }
  const text = Buffer.concat(all).toString('utf8');
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    fields = null;
  }
  const told = isFields(fields) ? fields : {};
  const error = answer.headers.get('x-error-message') ?? told['error'] ?? told['message'] ?? '';
  return {
    status: answer.status,
    fields: told,
    said: typeof error === 'string' ? shown(error, settings) : '',
    text,
  };
}

const shown = (text: string, { token }: HubSettings): string => {
  const without = token === null ? text : text.replaceAll(token, '…');
  return printable(without.replace(/\s+/g, ' ').trim()).slice(0, 300);
};

/** A range of a file that goes to a place that the hub named. The token goes along only where that is the hub itself. */
export interface Content {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly file: string;
  /** Bytes [from, to) of the file. */
  readonly from: number;
  readonly to: number;
  /** Told how many bytes of the range are out, from 0 at every try. */
  readonly onBytes: (sent: number) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * PUTs the range and returns the ETag of what arrived; "" where none is told. Throws WhetstoneError `HUB_UNREACHABLE` after 5
 * tries, `HUB_ANSWER` for a refusal.
 */
export function putContent(settings: HubSettings, content: Content): Promise<string> {
  const { url, file, from, to, signal } = content;
  return retry(settings, 5, signal, async () => {
    const answer = await send(settings, url, {
      method: 'PUT',
      elsewhere: 'follow',
      signal,
      headers: { ...content.headers, 'content-length': String(to - from) },
      body: (onPiece) => {
        let sent = 0;
        content.onBytes(0);
        const source = createReadStream(file, { start: from, end: Math.max(from, to - 1) });
        const pieces = source[Symbol.asyncIterator]();
        return new ReadableStream<Uint8Array>({
          async pull(controller) {
            const next = await pieces.next();
            if (next.done) return controller.close();
            const piece = next.value as Uint8Array;
            sent += piece.byteLength;
            onPiece();
            content.onBytes(sent);
            controller.enqueue(piece);
          },
          cancel: () => void source.destroy(),
        });
      },
    });
    requireAnswer(answer);
    const { said } = await toldBy(settings, answer, signal);
    if (answer.status >= 300)
      throw new WhetstoneError(
        'HUB_ANSWER',
        `${new URL(url).host} did not take ${file}: HTTP ${answer.status}${said === '' ? '' : `, ${said}`}`,
        { hint: 'The same command again sends only what is not there yet.' },
      );
    return answer.headers.get('etag') ?? '';
  });
}
