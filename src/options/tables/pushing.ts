// What is sent to a hub, and where.

export const pushing = {
  folder: {
    kind: 'text',
    positional: true,
    path: true,
    placeholder: 'FOLDER',
    help: "folder whose files are sent: RUN (its adapter), RUN/adapter, a merged model's",
  },
  repository: {
    kind: 'text',
    positional: true,
    placeholder: 'OWNER/NAME',
    help: 'model on the hub, which is made where it is not there',
  },
  revision: {
    kind: 'text',
    default: 'main',
    placeholder: 'BRANCH',
    help: 'branch, which is made where it is not there',
  },
  private: {
    kind: 'boolean',
    default: false,
    flagOnly: true,
    help: 'make it private; what is there and public is refused',
    defaultText: '',
  },
  message: {
    kind: 'text',
    default: 'Upload with whetstone',
    help: 'subject of the commit',
  },
} as const;
