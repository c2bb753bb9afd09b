// An answer's words: coloured by how much likelier the judgment makes each token, outlined where that is more than lambda
// times, underlined where somebody marked them. A caret goes among the words; dragging or tapping marks. Knows one answer.
import { useComputed, useSignal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { flaggedTokens } from '../../src/evaluation/detection.ts';
import { heatLevel } from '../../src/report/palette.ts';
import type { AnswerScores, CodePoints } from '../../src/studio/api/chat.ts';
import { between, isMarked, toggled, touches, wordsOf } from './code-points.ts';
import './marking.css';

/** What is known of an answer's words. */
export interface Marking {
  readonly marks: Signal<readonly CodePoints[]>;
  /** Null where nothing was scored: the words have no colours then. */
  readonly scores: ReadonlySignal<AnswerScores | null>;
  readonly lambda: ReadonlySignal<number>;
}

interface Props {
  readonly text: string;
  readonly name: string;
  readonly marking: Marking;
  readonly onMarked: () => void;
  /** Is told what those should hear who do not see the caret. */
  readonly onSay: (words: string) => void;
}

export function Tokens({ text, name, marking, onMarked, onSay }: Props) {
  const { marks, scores, lambda } = marking;
  const points = useMemo(() => Array.from(text), [text]);
  const words = useMemo(() => wordsOf(points), [points]);
  /** Words from the one where the selection began to the one with the caret; by their numbers. */
  const chosen = useSignal<readonly [anchor: number, caret: number] | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const dragging = useRef(false);
  const flags = useComputed(() => flagsOf(scores.value, lambda.value));

  const rangeOf = ([anchor, caret]: readonly [number, number]): CodePoints => [
    words[Math.min(anchor, caret)]![0],
    words[Math.max(anchor, caret)]![1],
  ];
  const mark = (): void => {
    if (chosen.value === null) return;
    marks.value = toggled(marks.value, rangeOf(chosen.value));
    onMarked();
  };
  const say = (): void => {
    const range = rangeOf(chosen.value!);
    onSay(`${between(points, range)}${isMarked(marks.value, range) ? ', marked' : ''}`);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey || words.length === 0) return;
    const caret = chosen.value?.[1] ?? -1;
    const last = words.length - 1;
    const to = { ArrowRight: caret + 1, ArrowLeft: caret - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      const next = Math.min(last, Math.max(0, to));
      chosen.value = [event.shiftKey && chosen.value !== null ? chosen.value[0] : next, next];
      say();
    } else if (event.key === 'm') {
      chosen.value ??= [0, 0];
      mark();
      say();
    } else if (event.key === 'Escape') chosen.value = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const wordAt = (event: PointerEvent): number | null => {
    const under = document.elementFromPoint(event.clientX, event.clientY)?.closest('[data-at]');
    if (!under || !box.current!.contains(under)) return null;
    const at = Number((under as HTMLElement).dataset['at']);
    const word = words.findIndex(([from, to]) => from <= at && at < to);
    return word < 0 ? null : word;
  };
  const onPointerDown = (event: PointerEvent): void => {
    const word = event.button === 0 ? wordAt(event) : null;
    if (word === null) return;
    dragging.current = true;
    chosen.value = [word, word];
  };
  const onPointerMove = (event: PointerEvent): void => {
    if (!dragging.current) return;
    const word = wordAt(event);
    if (word !== null && word !== chosen.value![1]) chosen.value = [chosen.value![0], word];
  };
  const onPointerUp = (): void => {
    if (!dragging.current) return;
    dragging.current = false;
    mark();
  };
  const selection = chosen.value === null ? null : rangeOf(chosen.value);
  return (
    <div
      ref={box}
      class="tokens"
      role="group"
      tabIndex={0}
      dir="auto"
      aria-label={`Words of ${name}. Arrow keys move, with Shift select; m marks what the judgment is about.`}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={() => (dragging.current = false)}
      onBlur={() => (chosen.value = null)}
    >
      <Pieces
        points={points}
        words={words}
        scores={scores.value}
        flags={flags.value}
        marks={marks.value}
        selection={selection}
      />
    </div>
  );
}

/** Which tokens are flagged; null where there is nothing to flag. */
export const flagsOf = (scores: AnswerScores | null, lambda: number): readonly boolean[] | null =>
  scores && flaggedTokens(scores.plain, scores.judged, lambda);

interface PiecesProps {
  readonly points: readonly string[];
  readonly words: readonly CodePoints[];
  readonly scores: AnswerScores | null;
  readonly flags: readonly boolean[] | null;
  readonly marks: readonly CodePoints[];
  readonly selection: CodePoints | null;
}

function Pieces({ points, words, scores, flags, marks, selection }: PiecesProps) {
  // Each token twice, plain and flagged: while the slider moves, those that stay as they are are not looked at again.
  const both = useMemo(() => {
    const whole: CodePoints[] = points.length === 0 ? [] : [[0, points.length]];
    const cuts = [...words, ...marks].flat();
    return (scores?.tokens ?? whole).map((token, i) => {
      const inner = split(token, cuts).map((range) => (
        <span
          key={range[0]}
          data-at={range[0]}
          class={[
            touches(marks, range) && 'error',
            selection !== null && touches([selection], range) && 'chosen',
          ]
            .filter(Boolean)
            .join(' ')}
        >
          {between(points, range)}
        </span>
      ));
      if (scores === null) return [inner, inner] as const;
      const logRatio = scores.judged[i]! - scores.plain[i]!;
      const isEnd = token[0] === token[1];
      const kind = `token${isEnd ? ' empty' : ''}`;
      const title = `${Number(Math.exp(logRatio).toPrecision(2))} times as likely with the judgment`;
      const ink = <span class={`ink level-${heatLevel(logRatio)}`}>{isEnd ? 'end' : inner}</span>;
      return [
        <span key={i} class={kind} title={title}>
          {ink}
        </span>,
        <mark key={i} class={`${kind} flagged`} title={title}>
          {ink}
        </mark>,
      ] as const;
    });
  }, [points, words, scores, marks, selection?.[0], selection?.[1]]);
  return <>{both.map(([plain, flagged], i) => (flags?.[i] ? flagged : plain))}</>;
}

/** The range cut at those of the places that lie in it. */
function split([from, to]: CodePoints, cuts: readonly number[]): CodePoints[] {
  const inside = [...new Set(cuts.filter((at) => at > from && at < to))].sort((a, b) => a - b);
  const places = [from, ...inside, to];
  return places.slice(1).map((end, i): CodePoints => [places[i]!, end]);
}
