// One request whose failure ends what it is asked for: the reply, or an error in words. Knows clients; it does not know what is asked.
import { WhetstoneError } from '../errors.ts';
import { endpointOf, servedName } from './address.ts';
import type { Client, ClientRequest } from './client.ts';
import type { Failure } from './retry.ts';
import { refusalText, unavailableText } from './server-error.ts';

/** May know a better error for a refusal in the server's words. */
export type Explain = (words: string, server: string) => WhetstoneError | null;

export interface AskedServer {
  readonly url: string;
  readonly model: string;
  /** How often a call was repeated that failed in a way that may pass. */
  readonly retries: number;
  /** What is not lost by a failure, and how to go on: a full sentence. */
  readonly kept: string;
}

/**
 * A reply. Throws WhetstoneError `SERVER_REFUSED` (it will not pass), `SERVER_FAILED` (it did not pass in time), what
 * `explain` knows, and the signal's reason.
 */
export async function ask<Reply>(
  client: Client,
  server: AskedServer,
  request: ClientRequest<Reply>,
  signal: AbortSignal,
  explain?: Explain,
): Promise<Reply> {
  const attempt = await client.ask(request, signal);
  if ('ok' in attempt) return attempt.ok;
  throw failureError(attempt.failure, server, request.path, explain);
}

/** The error that a failure is, which no repeat has mended. */
export function failureError(
  failure: Failure,
  { url, model, retries, kept }: AskedServer,
  path: string,
  explain: Explain = () => null,
): WhetstoneError {
  const name = servedName(model, url);
  const file = endpointOf(url, path);
  // An answer that came and cannot be read is no refusal.
  if (failure.kind === 'passing' || failure.billed) {
    const calls = failure.kind === 'passing' ? retries + 1 : 1;
    return new WhetstoneError('SERVER_FAILED', unavailableText(name, failure, calls), { file, hint: kept });
  }
  return (
    explain(failure.words, url) ??
    new WhetstoneError('SERVER_REFUSED', refusalText(name, failure), {
      file,
      hint: 'Those are the words of the server; its own log may say more.',
    })
  );
}
