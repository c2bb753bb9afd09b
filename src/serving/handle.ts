// Answers one HTTP request: who may ask, what is asked, by which model. Knows HTTP; what endpoints do with a request's
// fields is theirs, and connections are the server's.
import type { ServerResponse } from 'node:http';
import { allowedOrigin, refuseForeignPages, requireKey } from './access.ts';
import { ApiError, asApiError, badRequest, errorBody } from './api-error.ts';
import type { Handler } from './connections.ts';
import type { Endpoint, Reply } from './endpoint.ts';
import type { Fields } from '../rows/fields.ts';
import { textField } from './fields.ts';
import { createLargeBodies } from './large-bodies.ts';
import { openEventStream, sendJson } from './replies.ts';
import type { Exchange } from './recording.ts';
import { readJsonBody } from './request-body.ts';
import type { Learner } from './learner.ts';
import { routeOf } from './routes.ts';
import type { ServedModel } from './served-model.ts';

export interface HandlerSettings {
  /** Those that a request that comes now can ask. */
  readonly models: () => readonly ServedModel[];
  /** Null: nothing is learned here. */
  readonly learner: Learner | null;
  /** Whether the server is reached under that name. */
  readonly isHost: (given: string) => boolean;
  readonly version: string;
  readonly apiKey: string | null;
  readonly origins: readonly string[];
  readonly maxNewTokens: number | null;
  readonly maxBodyBytes: number;
  readonly maxUnsentBytes: number;
  readonly record: (exchange: Exchange) => void;
  /** Whether new requests are refused. */
  readonly isDraining: () => boolean;
}

export function createHandler(settings: HandlerSettings): Handler {
  const {
    models,
    learner,
    isHost,
    apiKey,
    origins,
    maxNewTokens,
    maxBodyBytes,
    maxUnsentBytes,
    isDraining,
    version,
    record,
  } = settings;
  const largeBodies = createLargeBodies();
  return async (request, response, story, signal) => {
    const { method = '' } = request;
    const path = (request.url ?? '').split('?')[0]!;
    const route = routeOf(path);
    story.path = route?.name ?? '(unknown)';
    const origin = allowedOrigin(request.headers.origin, origins);
    if (origin !== null) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('vary', 'origin');
    }
    refuseForeignPages(request.headers, { isHost, origins });
    if (method === 'OPTIONS' && (route !== null || origin !== null)) {
      if (origin !== null) {
        response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
        response.setHeader(
          'access-control-allow-headers',
          request.headers['access-control-request-headers'] ?? '',
        );
        response.setHeader('access-control-max-age', '600');
      }
      response.setHeader('allow', ['OPTIONS', ...(route?.methods ?? [])].join(', '));
      response.writeHead(204).end();
      return;
    }
    if (route?.kind === 'about') {
      requireMethod(method, route.methods, path, response);
      return sendJson(response, 200, { name: 'whetstone', version, ...about });
    }
    if (route?.kind === 'health') {
      requireMethod(method, route.methods, path, response);
      return sendJson(response, isDraining() ? 503 : 200, { status: isDraining() ? 'draining' : 'ok' });
    }
    if (isDraining()) {
      response.setHeader('retry-after', '1');
      throw new ApiError(503, 'The server is shutting down.', { code: 'shutting_down' });
    }
    if (apiKey !== null) requireKey(request.headers, apiKey);
    if (route === null) throw new ApiError(404, `Invalid URL (${method} ${path})`, { code: 'unknown_url' });
    requireMethod(method, route.methods, path, response);
    if (route.kind === 'models')
      return sendJson(response, 200, { object: 'list', data: models().map(modelBody) });
    if (route.kind === 'model') return sendJson(response, 200, modelBody(findModel(models(), route.id)));

    let leave = (): void => undefined;
    let letGo = (): void => undefined;
    const onLarge = async (): Promise<void> => void (leave = await largeBodies.enter(signal));
    if (route.kind === 'learning') {
      if (learner === null)
        throw new ApiError(404, 'This server learns nothing (its option learn names a folder to learn in).', {
          code: 'not_learning',
        });
      const readFields = (): Promise<Fields> => readJsonBody(request, { maxBytes: maxBodyBytes, onLarge });
      const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
      const { status, body } = await learner
        .call(route.call, { method, query, readFields })
        .finally(() => leave());
      request.resume();
      return sendJson(response, status, body);
    }
    const answer = async (endpoint: Endpoint): Promise<Reply> => {
      const fields = await readJsonBody(request, { maxBytes: maxBodyBytes, onLarge });
      const name = textField(fields, 'model');
      if (name === null)
        throw badRequest('you must provide a model parameter', 'model', 'missing_required_parameter');
      const model = findModel(models(), name);
      // Until the reply is complete it comes from this one, whichever takes over meanwhile.
      letGo = model.hold?.() ?? letGo;
      story.model = model.id;
      return endpoint({ model, fields, maxNewTokens, signal, record, onEncoded: () => leave() });
    };
    try {
      const reply = await answer(route.endpoint).finally(() => leave());
      if (reply.kind === 'body') {
        story.usage = reply.usage;
        return sendJson(response, 200, reply.body);
      }
      story.stream = true;
      const send = openEventStream(response, maxUnsentBytes);
      try {
        story.usage = await reply.run((event) => send(JSON.stringify(event)));
        send('[DONE]');
      } catch (error) {
        // The status has been sent, so that the stream itself has to tell.
        if (!signal.aborted) send(JSON.stringify(errorBody(asApiError(error))));
        throw error;
      } finally {
        response.end();
      }
    } finally {
      letGo();
    }
  };
}

/** What a person who opens the server's address is told. */
const about = {
  api: 'OpenAI, under /v1',
  endpoints: ['GET /v1/models', 'POST /v1/chat/completions', 'POST /v1/completions', 'GET /health'],
};

function requireMethod(
  method: string,
  allowed: readonly string[],
  path: string,
  response: ServerResponse,
): void {
  if (allowed.includes(method)) return;
  response.setHeader('allow', allowed.join(', '));
  throw new ApiError(405, `Not allowed to ${method} on ${path}.`, { code: 'method_not_supported' });
}

function findModel(models: readonly ServedModel[], id: string): ServedModel {
  const found = models.find((model) => model.id === id);
  if (found) return found;
  const known = models.map((model) => `'${model.id}'`).join(', ');
  const message = `The model '${id}' does not exist. There are ${known}.`;
  throw new ApiError(404, message, { param: 'model', code: 'model_not_found' });
}

const modelBody = ({ id, created, parent, maxPositions }: ServedModel): object => ({
  id,
  object: 'model',
  created,
  owned_by: 'whetstone',
  parent,
  max_model_len: maxPositions,
});
