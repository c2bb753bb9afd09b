// The key that those who use a server must bring. Knows the environment.
import { WhetstoneError } from '../errors.ts';

/** The key in an environment variable; it is never given on the command line, where others can see it. */
export function readKey(name: string | null): string | null {
  if (name === null) return null;
  const key = process.env[name] ?? '';
  if (key.trim() !== '') return key.trim();
  throw new WhetstoneError('INVALID_OPTIONS', `--api_key_env: the variable ${name} is not set`, {
    hint: `Set it, for instance: export ${name}="$(openssl rand -hex 24)"`,
  });
}
