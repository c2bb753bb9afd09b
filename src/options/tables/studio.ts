// The studio: what it shows, and whether it opens a browser.

export const studio = {
  runs: {
    kind: 'text',
    default: 'runs',
    path: true,
    placeholder: 'DIR',
    help: 'folder whose folders are runs; the studio keeps its own files there',
  },
  prompts: {
    kind: 'text',
    nullable: true,
    path: true,
    placeholder: 'FILE',
    help: 'messages that an empty conversation offers: a .txt file with one a line, or rows of instruction, input?',
    defaultText: 'none',
  },
  open: {
    kind: 'boolean',
    default: true,
    help: 'open the page in the browser; false prints its link alone',
  },
} as const;
