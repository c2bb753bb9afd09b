// What a chat server is sent: where to, with which key, and the body. Sends nothing.
import { createHash } from 'node:crypto';
import { WhetstoneError } from '../../errors.ts';
import type { ChatMessage, JudgePrompt } from './prompt.ts';
import type { JudgeSettings } from '../settings.ts';
import type { ChatSpec } from '../spec.ts';

export interface ChatRequests {
  /** "gpt-4o at api.openai.com". */
  readonly name: string;
  /** Ends in "/chat/completions". */
  readonly endpoint: string;
  /** JSON; equal messages give equal bytes. */
  body(messages: readonly ChatMessage[]): string;
  /** Most tokens that a reply may have; null where nothing limits it. */
  readonly mostOutput: number | null;
}

const openAiUrl = 'https://api.openai.com/v1';
const openAiKey = 'OPENAI_API_KEY';
/** One whole reply to one row is what the rest is built on. */
const fixedFields = ['model', 'messages', 'stream', 'n'];

/** `openai:` goes where OPENAI_BASE_URL says, as with OpenAI's own clients. Throws `INVALID_OPTION`. */
export function chatRequests(
  spec: ChatSpec,
  { temperature, maxTokens, extraBody, env }: JudgeSettings,
): ChatRequests {
  const fixed = fixedFields.filter((name) => name in extraBody);
  if (fixed.length > 0) {
    throw new WhetstoneError('INVALID_OPTION', `the request's ${fixed.join(' and ')} cannot be set`, {
      hint: 'Every other field of the body can.',
    });
  }
  const url = new URL(baseUrl(spec, env));
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/chat/completions`;
  // OpenAI's newer models know only the second name; other servers often only the first.
  const limit = spec.url === null ? 'max_completion_tokens' : 'max_tokens';
  const given: Record<string, unknown> = {
    ...(temperature !== null && { temperature }),
    [limit]: maxTokens,
    ...extraBody,
  };
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const limits = [fields['max_completion_tokens'], fields['max_tokens']].filter((n) => typeof n === 'number');
  return {
    name: `${spec.model} at ${url.host}`,
    endpoint: url.href,
    body: (messages) => JSON.stringify({ model: spec.model, messages, ...fields }),
    mostOutput: limits.length > 0 ? Math.max(...limits) : null,
  };
}

/** Equal where the same model is asked in the same words, wherever it is: a server may come back on another port. */
export const chatFingerprint = (requests: ChatRequests, prompt: Pick<JudgePrompt, 'text'>): string =>
  createHash('sha256')
    .update(`${requests.body([])}\n${prompt.text}`)
    .digest('hex');

/**
 * The key, from the environment only. A server that is not `openai:` may do without one; one that is reached without
 * encryption over a network gets a key only where its variable is named.
 *
 * Throws WhetstoneError `NO_API_KEY`.
 */
export function chatKey(spec: ChatSpec, { apiKeyEnv, env }: JudgeSettings): string | null {
  const variable = apiKeyEnv ?? openAiKey;
  const key = env[variable]?.trim() ?? '';
  if (key === '') {
    if (apiKeyEnv === null && spec.url !== null) return null;
    throw new WhetstoneError(
      'NO_API_KEY',
      `expected a key in the environment variable ${variable}, found none`,
      {
        hint: `Set it in the shell: export ${variable}=... Keys are never read from, or written to, a file.`,
      },
    );
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new WhetstoneError('NO_API_KEY', `the key in ${variable} has characters that no header may have`, {
      hint: 'It may have been copied with quotes or line breaks.',
    });
  }
  const { protocol, hostname } = new URL(baseUrl(spec, env));
  return apiKeyEnv !== null || protocol === 'https:' || isLoopback(hostname) ? key : null;
}

function baseUrl(spec: ChatSpec, env: JudgeSettings['env']): string {
  if (spec.url !== null) return spec.url;
  const given = env['OPENAI_BASE_URL']?.trim() || openAiUrl;
  if (URL.canParse(given)) return given;
  throw new WhetstoneError('INVALID_OPTION', 'expected a URL in the environment variable OPENAI_BASE_URL');
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
