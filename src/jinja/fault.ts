// The errors of templates, and the bounds on what one may do. Knows nothing of Jinja itself.
import { thousands } from '../words/numbers.ts';
import { WhetstoneError } from '../errors.ts';

/** Not a template; a template that fails; one that raises an exception of its own; one that does too much. */
export type FaultCode = 'JINJA_SYNTAX' | 'JINJA_FAILED' | 'JINJA_RAISED' | 'JINJA_LIMIT';

/** An error of a template, with its line where that is known. */
export const fault = (code: FaultCode, message: string, line?: number): WhetstoneError =>
  new WhetstoneError(code, message, line === undefined ? {} : { line });

/** Steps of one rendering; a step is an expression or a statement, and so is the work on some characters. */
const mostSteps = 1_000_000;
const charactersAStep = 256;
/** Characters of one text, and so of what is rendered. */
const mostCharacters = 1 << 25;
/** Expressions within expressions, calls within calls, lists within lists. */
export const mostNested = 400;

/** Counts what a rendering does. Each method throws `JINJA_LIMIT` where it is too much. */
export interface Budget {
  /** One more step, or several. */
  step(count?: number): void;
  /** A text of so many characters is made or read. */
  text(length: number): void;
  /** Does `work` one level deeper. */
  deeper<T>(work: () => T): T;
}

export function createBudget(): Budget {
  let steps = 0;
  let depth = 0;
  const step = (count = 1): void => {
    steps += count;
    if (steps <= mostSteps) return;
    throw fault(
      'JINJA_LIMIT',
      `it takes more than ${thousands(mostSteps)} steps; is there a loop without end?`,
    );
  };
  return {
    step,
    text: (length) => {
      if (length > mostCharacters)
        throw fault('JINJA_LIMIT', `it makes a text of more than ${thousands(mostCharacters)} characters`);
      step(length / charactersAStep);
    },
    deeper: (work) => {
      if (depth >= mostNested) throw fault('JINJA_LIMIT', `it is nested more than ${mostNested} levels deep`);
      depth++;
      try {
        return work();
      } finally {
        depth--;
      }
    },
  };
}
