// Which keys are for a room, and not for what has the focus or for the browser.

/** Whether a single letter may be a command here: nobody types, and no other key is held. */
export const isCommand = (event: KeyboardEvent): boolean =>
  !(event.ctrlKey || event.altKey || event.metaKey) &&
  !/^(?:INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName);
