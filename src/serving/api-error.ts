// Errors in the shape of OpenAI's API. Knows HTTP status codes, not HTTP.
import { WhetstoneError, briefly } from '../errors.ts';

export type ErrorType = 'invalid_request_error' | 'server_error';

/** An error that a client is told of: `{ error: { message, type, param, code } }` with a status. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: ErrorType;
  readonly param: string | null;
  readonly code: string | null;

  constructor(
    status: number,
    message: string,
    { param = null, code = null }: { param?: string | null; code?: string | null } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.type = status >= 500 ? 'server_error' : 'invalid_request_error';
    this.param = param;
    this.code = code;
  }
}

/** A request that cannot be met as it stands: status 400. */
export const badRequest = (message: string, param: string | null, code: string | null = null): ApiError =>
  new ApiError(400, message, { param, code });

/** Errors of encoding a prompt that are the prompt's fault. */
const promptFaults = new Set(['LONE_SURROGATE', 'EMPTY_PROMPT', 'BAD_CHAT_TEMPLATE']);

/** Calls `encode`; what it says of the prompt becomes an error of the request's field `param`. */
export async function blaming<T>(param: string, encode: () => T | Promise<T>): Promise<T> {
  try {
    return await encode();
  } catch (error) {
    if (!(error instanceof WhetstoneError) || !promptFaults.has(error.code)) throw error;
    throw badRequest(briefly(error), param);
  }
}

/** What a client is told of any error; of unexpected ones no more than that there was one, and never of the server's files. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof WhetstoneError && ['DISK_FULL', 'WRITE_FAILED'].includes(error.code))
    return new ApiError(
      error.code === 'DISK_FULL' ? 507 : 500,
      `What this request asks to keep was not kept: ${error.problem}. The server's log says where, and what to do.`,
      { code: 'not_kept' },
    );
  return new ApiError(500, 'The server had an error while processing your request. Its log says more.');
}

export const errorBody = ({ message, type, param, code }: ApiError): object => ({
  error: { message, type, param, code },
});
