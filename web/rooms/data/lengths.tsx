// How long the rows are, as a picture against what the model takes.
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { linearTicks } from '../../../src/report/ticks.ts';
import type { DataLengths } from '../../../src/studio/api/data.ts';
import { count, plural } from './words.ts';

const height = 132;
const below = 22;
const above = 22;

export function Lengths({ lengths, rows }: { readonly lengths: DataLengths; readonly rows: number }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(480);
  useLayoutEffect(() => {
    const measure = (): void => void (width.value = Math.max(200, box.current!.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const { unit, longest, median, context, beyond } = lengths;
  const words =
    `The middle one of ${plural(rows, 'row')} has ${count(median)} ${unit}, the longest ${count(longest)}.` +
    (context === null
      ? ''
      : ` The model takes ${count(context)}: ${beyond === 0 ? 'all rows fit' : `${plural(beyond, 'row')} ${beyond === 1 ? 'is' : 'are'} longer`}.`);
  return (
    <section class="lengths" aria-labelledby="lengths-heading">
      <h2 id="lengths-heading">Lengths in {unit}</h2>
      <div ref={box}>
        <Picture lengths={lengths} width={width.value} words={words} />
      </div>
      <p class="note">{words}</p>
      {unit === 'characters' && (
        <p class="note">
          Tokens, and what the model takes, are counted where the studio is started with <code>--model</code>.
        </p>
      )}
    </section>
  );
}

interface PictureProps {
  readonly lengths: DataLengths;
  readonly width: number;
  readonly words: string;
}

function Picture({ lengths: { unit, step, counts, gathersRest, context }, width, words }: PictureProps) {
  const reach = step * counts.length;
  const x = (length: number): number => (length / reach) * width;
  const most = Math.max(...counts);
  const floor = height - below;
  // One row among thousands is seen too.
  const top = (rows: number): number =>
    rows === 0 ? floor : Math.min(floor - 2, floor - (rows / most) * (floor - above));
  const ticks = linearTicks(0, reach, Math.max(2, Math.floor(width / 90))).filter(
    (tick) => x(tick) < width - 16,
  );
  const limit = context !== null && context < reach ? context : null;
  return (
    <svg
      class="picture"
      role="img"
      aria-label={words}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
    >
      {counts.map((rows, i) => {
        const isRest = gathersRest && i === counts.length - 1;
        const name = `${count(i * step)}${isRest ? ' and more' : ` to ${count((i + 1) * step - 1)}`} ${unit}: ${plural(rows, 'row')}`;
        return (
          <rect
            key={i}
            class={`bar${limit !== null && i * step >= limit ? ' beyond' : ''}${isRest ? ' rest' : ''}`}
            x={x(i * step) + 0.5}
            y={top(rows)}
            width={Math.max(1, x(step) - 1)}
            height={floor - top(rows)}
          >
            <title>{name}</title>
          </rect>
        );
      })}
      <line class="floor" x1={0} x2={width} y1={floor + 0.5} y2={floor + 0.5} />
      {ticks.map((tick) => (
        <text key={tick} x={x(tick)} y={height - 6} text-anchor={tick === 0 ? 'start' : 'middle'}>
          {count(tick)}
        </text>
      ))}
      {gathersRest && (
        <text x={width} y={height - 6} text-anchor="end">
          more
        </text>
      )}
      {limit !== null && (
        <>
          <line class="limit" x1={x(limit)} x2={x(limit)} y1={4} y2={floor} />
          <text
            class="limit-name"
            x={x(limit) + (x(limit) > width / 2 ? -6 : 6)}
            y={14}
            text-anchor={x(limit) > width / 2 ? 'end' : 'start'}
          >
            the model takes {count(limit)}
          </text>
        </>
      )}
    </svg>
  );
}
