// Server-sent events as they arrive: the data of each event, and OpenAI's streams of JSON, which end in "[DONE]". Knows
// the format of the HTML standard, not what is sent in it.

/**
 * The data of each event. Lines end in CR, LF or both, wherever the pieces were cut; several lines of data are one text;
 * comments and other fields are passed over. An event that the end cut off is none.
 */
export async function* readEvents(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder(); // takes a byte order mark away
  let data: string[] = [];
  let rest = '';
  for await (const piece of pieces) {
    rest += decoder.decode(piece, { stream: true });
    for (;;) {
      // A CR at the end of a piece may be half of a CR LF.
      const end = /\r\n|\n|\r(?!$)/.exec(rest);
      if (end === null) break;
      const line = rest.slice(0, end.index);
      rest = rest.slice(end.index + end[0].length);
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line === 'data') data.push('');
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
    }
  }
  if (rest === '\r' && data.length > 0) yield data.join('\n');
}

/** The values of an OpenAI stream. `done` says whether it ended as it should, with "[DONE]". */
export async function readJsonEvents(
  pieces: AsyncIterable<Uint8Array>,
): Promise<{ readonly values: readonly unknown[]; readonly done: boolean }> {
  const values: unknown[] = [];
  for await (const data of readEvents(pieces)) {
    if (data === '[DONE]') return { values, done: true };
    values.push(JSON.parse(data) as unknown);
  }
  return { values, done: false };
}
