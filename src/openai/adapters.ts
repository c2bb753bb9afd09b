// LoRA adapters of a server that takes them while it runs, as vLLM does: loaded and unloaded by name. Knows those two
// endpoints and what is said there.
import { WhetstoneError } from '../errors.ts';
import { createRandom } from '../random.ts';
import { option } from '../words/option.ts';
import { endpointOf } from './address.ts';
import { failureError } from './ask.ts';
import type { AskedServer, Explain } from './ask.ts';
import { send } from './call.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { withRetries } from './retry.ts';
import type { Attempt, Failure } from './retry.ts';

export interface AdapterServer extends AskedServer {
  readonly key: string | null;
  /** Seconds until the server has loaded an adapter. */
  readonly timeout: number;
}

export interface NamedAdapter {
  /** What requests call it. */
  readonly name: string;
  /** PEFT folder, under the path that the server has it at. */
  readonly path: string;
  /** LoRA rank. */
  readonly rank: number;
}

/**
 * Has the server load an adapter; one that it has under this name already is taken for the same. Throws WhetstoneError
 * `SERVER_REFUSED`, in words for a server without runtime adapters, a rank that it has no room for and a folder that it
 * does not see, `SERVER_FAILED`, and the signal's reason.
 */
export async function loadAdapter(
  server: AdapterServer,
  { name, path, rank }: NamedAdapter,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<void> {
  const body = { lora_name: name, lora_path: path };
  const explain = explainLoading({ name, path, rank });
  // vLLM has sent 500 for what its engine refuses since it sent 400: it will not pass, whatever the status.
  const settled = (failure: Failure): Failure =>
    !failure.billed && explain(failure.words, server.url) !== null ? { ...failure, kind: 'final' } : failure;
  const attempt = await post(server, loading, body, { signal, clock, settled });
  if ('ok' in attempt || /already (?:been )?loaded/i.test(attempt.failure.words)) return;
  throw failureError(attempt.failure, server, loading, explain);
}

/** Has the server forget an adapter. Whether it does changes no result, so a failure is none of ours. */
export async function unloadAdapter(
  server: AdapterServer,
  name: string,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<void> {
  await post({ ...server, retries: 0 }, '/unload_lora_adapter', { lora_name: name }, { signal, clock });
}

const loading = '/load_lora_adapter';

interface Posting {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** May know better what kind of failure it is. */
  readonly settled?: (failure: Failure) => Failure;
}

/** The words of success are not read: they are a sentence, or nothing. */
function post(
  { url, key, timeout, retries }: AdapterServer,
  path: string,
  body: object,
  { signal, clock, settled = (failure) => failure }: Posting,
): Promise<Attempt<unknown>> {
  const call = {
    endpoint: endpointOf(url, path),
    key,
    body: JSON.stringify(body),
    timeout,
    bodyTimeout: timeout,
    mostBytes: 1 << 16,
    asText: true,
    read: (text: unknown) => text,
  };
  const once = async (): Promise<Attempt<unknown>> => {
    const attempt = await send(call, () => clock.now());
    return 'ok' in attempt ? attempt : { failure: settled(attempt.failure) };
  };
  return withRetries(once, { retries, clock, random: createRandom(0), signal });
}

/** Ranks that vLLM has kernels for. */
const possibleRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512] as const;

const explainLoading =
  ({ path, rank }: NamedAdapter): Explain =>
  (words, server) => {
    const refused = (problem: string, hint: string): WhetstoneError =>
      new WhetstoneError('SERVER_REFUSED', problem, { file: endpointOf(server, loading), hint });
    if (/rank\b.*\bgreater than\b|max_lora_rank/i.test(words)) {
      const room = possibleRanks.find((possible) => possible >= rank);
      return refused(
        `the server has no room for an adapter of rank ${rank} (${words})`,
        `Start it with --max-lora-rank ${room ?? rank}, or train with a smaller ${option('loraR')}.`,
      );
    }
    if (
      /no adapter found|no such file|not (?:a )?(?:valid )?(?:directory|path)|adapter_config/i.test(words)
    ) {
      return refused(
        `the server finds no adapter at ${path} (${words})`,
        'It reads the folder itself: both machines have to see it under the same path.',
      );
    }
    if (/lora is not enabled/i.test(words) || /^(?:404|405|501)\b/.test(words)) {
      return refused(
        `the server takes no adapters while it runs (${words})`,
        'Start vLLM with --enable-lora and with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment.',
      );
    }
    return null;
  };
