// Bytes in pieces to lines of text, without ever holding more than one line of bounded length. Knows no content.

/** A line without its end, or null for one that is too long or not UTF-8; counted from 1. */
export interface Line {
  readonly number: number;
  readonly text: string | null;
}

/** Feeds on pieces of bytes and gives the lines that each completes; `end` gives the last one, if it has no line end. */
export interface LineReader {
  push(piece: Buffer): Line[];
  end(): Line[];
}

export function readLines(mostBytes: number): LineReader {
  let begun: Buffer[] = [];
  let length = 0;
  let number = 0;
  const add = (piece: Buffer): void => {
    length += piece.length;
    if (length <= mostBytes) begun.push(piece);
    else begun = [];
  };
  const finish = (): Line => {
    const text = length > mostBytes ? null : decode(Buffer.concat(begun));
    begun = [];
    length = 0;
    return { number: ++number, text };
  };
  return {
    push: (piece) => {
      const lines: Line[] = [];
      let start = 0;
      for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
        add(piece.subarray(start, end));
        lines.push(finish());
        start = end + 1;
      }
      if (start < piece.length) add(piece.subarray(start));
      return lines;
    },
    end: () => (length > 0 ? [finish()] : []),
  };
}

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
