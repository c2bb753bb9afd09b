// Where an OpenAI-compatible server is and with which key it is called, and what of both may be shown. Sends nothing.
import { WhetstoneError } from '../errors.ts';

/** A model behind a server. */
export interface ServedModel {
  readonly model: string;
  /** Ends before "/chat/completions" and its like; null is OpenAI's own, or where OPENAI_BASE_URL says. */
  readonly url: string | null;
}

export interface KeySettings {
  /** Name of the environment variable that holds the key; null is OPENAI_API_KEY. */
  readonly apiKeyEnv: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const openAiUrl = 'https://api.openai.com/v1';
const openAiKey = 'OPENAI_API_KEY';

/**
 * Reads "URL#MODEL". `role` is what the model is wanted for. Throws WhetstoneError `INVALID_OPTION` for what is no URL,
 * names no model, or holds a secret; no secret is repeated.
 */
export function parseServedModel(
  text: string,
  role: 'judge' | 'model',
): ServedModel & { readonly url: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  const shown = withoutSecrets(text);
  const refused = (what: string, hint: string): WhetstoneError =>
    new WhetstoneError('INVALID_OPTION', `${role} ${JSON.stringify(shown)}: ${what}`, { hint });
  if (url === null || url.hostname === '') {
    throw refused('this is no URL', 'For instance http://127.0.0.1:8080/v1#qwen3.');
  }
  if (url.username !== '' || url.password !== '') {
    throw refused('a URL with a password would be written into files', keyHint);
  }
  const secret = [...url.searchParams.keys()].find((name) => /key|token|secret|password|sig/i.test(name));
  if (secret !== undefined) throw refused(`the parameter "${secret}" would be written into files`, keyHint);
  const model = decodeURIComponent(url.hash.slice(1)).trim();
  if (model === '') throw refused('the model is missing', `Name it behind the URL: ${shown}#MODEL`);
  url.hash = '';
  url.pathname = url.pathname.replace(/\/+$/, '').replace(/\/chat\/completions$/, '');
  return { model, url: url.href };
}

const keyHint = 'Keys come from the environment only: name the variable with api_key_env.';

const withoutSecrets = (text: string): string =>
  text.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/\?[^#]*/, '');

/** Throws WhetstoneError `INVALID_OPTION` where OPENAI_BASE_URL is no URL. */
export function baseUrl({ url }: ServedModel, env: KeySettings['env']): string {
  if (url !== null) return url;
  const given = env['OPENAI_BASE_URL']?.trim() || openAiUrl;
  if (URL.canParse(given)) return given;
  throw new WhetstoneError('INVALID_OPTION', 'expected a URL in the environment variable OPENAI_BASE_URL');
}

/** `path` begins with a slash and goes before the URL's query. */
export function endpointOf(base: string, path: string): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url.href;
}

/** "gpt-4o at api.openai.com". */
export const servedName = (model: string, base: string): string => `${model} at ${new URL(base).host}`;

/**
 * The key, from the environment only. A server that is not OpenAI's may do without one; one that is reached without
 * encryption over a network gets a key only where its variable is named.
 *
 * Throws WhetstoneError `NO_API_KEY`.
 */
export function keyFor(served: ServedModel, { apiKeyEnv, env }: KeySettings): string | null {
  const variable = apiKeyEnv ?? openAiKey;
  const key = env[variable]?.trim() ?? '';
  if (key === '') {
    if (apiKeyEnv === null && served.url !== null) return null;
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
  const { protocol, hostname } = new URL(baseUrl(served, env));
  return apiKeyEnv !== null || protocol === 'https:' || isLoopback(hostname) ? key : null;
}

const isLoopback = (host: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);

/** Takes a key out of texts. A short "key" such as "none" is no secret, and may be a word of the answer. */
export const hiding =
  (key: string | null) =>
  (text: string): string =>
    key === null || key.length < 8 ? text : text.replaceAll(key, '[key]');
