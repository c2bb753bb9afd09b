// The rounds of an online run: success by round, and the same held-out prompts answered after each.
import { lineFigure } from '../../../src/report/line-figure.ts';
import { percent } from '../../../src/report/format.ts';
import type { RunRounds } from '../../../src/studio/api/runs.ts';

export function Rounds({ rounds, title }: { readonly rounds: RunRounds; readonly title: string | null }) {
  const { figure, answers } = rounds;
  // The figure is the report's, which escapes whatever is put into it.
  const draw = (width: number) => ({
    __html: lineFigure({ ...figure, width, height: 260 }, { standalone: false }),
  });
  return (
    <section class="rounds">
      <h2>
        Round by round{' '}
        {title !== null && (
          <span class="note">
            <bdi>{title}</bdi>
          </span>
        )}
      </h2>
      <figure aria-label={figure.title}>
        <div class="wide-figure" dangerouslySetInnerHTML={draw(760)} />
        <div class="narrow-figure" dangerouslySetInnerHTML={draw(328)} />
        <details>
          <summary>Table</summary>
          <div class="scroll" role="region" tabIndex={0} aria-label={figure.title}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Round</th>
                  {figure.series.map(({ name }) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {(figure.x.ticks ?? []).map((round) => (
                  <tr key={round}>
                    <th scope="row">{round}</th>
                    {figure.series.map(({ name, points }) => {
                      const point = points.find(({ x }) => x === round);
                      const { y = null, low = null, high = null } = point ?? {};
                      return (
                        <td key={name}>
                          {y === null ? '–' : percent(y)}
                          {low !== null && high !== null && (
                            <span class="note">
                              {' '}
                              {percent(low)} to {percent(high)}
                            </span>
                          )}
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
        <figcaption>
          Held-out responses are those after the round; fresh ones are those that the round was trained on,
          given by the model before it. Intervals hold 95% of the bootstrap over instructions.
        </figcaption>
      </figure>
      {answers.length > 0 && (
        <>
          <h3>The same prompts after each round</h3>
          <ul class="fixed-answers">
            {answers.map(({ prompt, answers: given }, i) => (
              <li key={i}>
                <p class="asked" dir="auto">
                  {prompt}
                </p>
                <dl>
                  {given.map(({ round, text, satisfactory, judgment }, at) => (
                    <div key={round}>
                      <dt>{round === 0 ? 'Before' : `Round ${round}`}</dt>
                      <dd>
                        <span dir="auto" class="said">
                          {at > 0 && given[at - 1]!.text === text ? (
                            <span class="note">the same</span>
                          ) : (
                            text || '(nothing)'
                          )}
                        </span>{' '}
                        <span class={satisfactory ? 'outcome' : 'outcome wrong'}>
                          {satisfactory ? 'satisfactory' : 'not yet'}
                        </span>
                        {judgment && (
                          <span class="note said" dir="auto">
                            {' '}
                            {judgment}
                          </span>
                        )}
                      </dd>
                    </div>
                  ))}
                </dl>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
