// The server: where it listens, who may use it, and how much at once.

export const server = {
  slots: {
    kind: 'number',
    nullable: true,
    integer: true,
    min: 1,
    max: 1024,
    group: 'Models',
    help: 'texts generated side by side, of each model; fewer make one text alone faster, more make many faster',
    defaultText: '8; 64 for narrow models',
  },
  generation_config: {
    kind: 'choice',
    choices: ['auto', 'none'],
    default: 'auto',
    group: 'Models',
    help: "auto takes what is not said about sampling from the model's generation_config.json: temperature, top_p, top_k, min_p, repetition_penalty",
  },
  host: { kind: 'text', default: '127.0.0.1', placeholder: 'ADDRESS', help: 'address to listen on' },
  port: {
    kind: 'number',
    default: 8080,
    integer: true,
    min: 0,
    max: 65535,
    help: 'port to listen on; 0 takes one that is free and prints it',
  },
  allowed_hosts: {
    kind: 'list',
    nullable: true,
    placeholder: 'NAMES',
    help: 'names under which the server is reached, beside addresses, its own and localhost, or * for any',
    defaultText: 'no others; any with a key',
  },
  cors_origin: {
    kind: 'list',
    nullable: true,
    placeholder: 'ORIGIN',
    help: 'origin of web pages that may use the server, such as http://localhost:3000, or * for all',
    defaultText: 'none may',
  },
  record: {
    kind: 'text',
    nullable: true,
    placeholder: 'FILE',
    help: 'file to which each chat that was answered is added as a JSON line: time, model, messages, response; readable by its owner alone',
    defaultText: 'nothing is recorded',
  },
  max_body_bytes: {
    kind: 'number',
    default: 4194304,
    integer: true,
    min: 1,
    group: 'Limits',
    help: 'largest body of a request',
  },
  shutdown_timeout: {
    kind: 'number',
    default: 30,
    min: 0,
    max: 86400,
    group: 'Limits',
    help: 'seconds that requests under way have to end after SIGTERM, before they are cut off',
  },
} as const;

/** What only a program gives a server. */
export const servedBy = {
  api_key: { kind: 'text', nullable: true, help: 'what clients have to bring as a bearer token' },
  cors_origins: {
    kind: 'list',
    default: [],
    help: 'origins of web pages that may use the server, "*" for all',
  },
  max_unsent_bytes: {
    kind: 'number',
    default: 16777216,
    integer: true,
    min: 1,
    help: 'how far a client may be behind that reads slower than the model writes, before it is cut off; the others in the batch do not wait for it',
  },
} as const;
