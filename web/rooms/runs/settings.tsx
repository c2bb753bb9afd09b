// What a run was set to: what differs from the defaults first; of two runs, what differs between them first.
import type { RunSetting, RunState } from '../../../src/studio/api/runs.ts';

interface SettingsProps {
  readonly runs: readonly { readonly state: RunState; readonly title: string }[];
}

export function Settings({ runs }: SettingsProps) {
  if (runs.every(({ state }) => state.settings.length === 0)) return null;
  return runs.length === 1 ? <One state={runs[0]!.state} /> : <Two runs={runs} />;
}

function One({ state: { settings, versions } }: { readonly state: RunState }) {
  const others = settings.filter(({ matters }) => !matters);
  return (
    <section aria-labelledby="settings-heading">
      <h2 id="settings-heading">Settings</h2>
      <p class="note">What the run is about, and what differs from the defaults of its method.</p>
      <Pairs settings={settings.filter(({ matters }) => matters)} />
      <details>
        <summary>The others, as they are by default</summary>
        <Pairs settings={others} />
      </details>
      <p class="note versions-note">
        {Object.entries(versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(' · ')}
      </p>
    </section>
  );
}

function Pairs({ settings }: { readonly settings: readonly RunSetting[] }) {
  return (
    <dl class="settings">
      {settings.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Two({ runs }: SettingsProps) {
  const names = [...new Set(runs.flatMap(({ state }) => state.settings.map(({ name }) => name)))];
  const valueOf = (state: RunState, name: string): string | null =>
    state.settings.find((one) => one.name === name)?.value ?? null;
  const rows = names.map((name) => {
    const values = runs.map(({ state }) => valueOf(state, name));
    return { name, values, differs: new Set(values).size > 1 };
  });
  const differing = rows.filter(({ differs }) => differs);
  return (
    <section aria-labelledby="settings-heading">
      <h2 id="settings-heading">Settings that differ</h2>
      {differing.length === 0 ? (
        <p class="note">Both runs are set alike.</p>
      ) : (
        <div class="scroll" role="region" tabIndex={0} aria-label="Settings of both runs">
          <table>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                {runs.map(({ title }) => (
                  <th key={title} scope="col">
                    <bdi>{title}</bdi>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differing.map(({ name, values }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {values.map((value, i) => (
                    <td key={i}>{value === null ? '–' : <bdi>{value}</bdi>}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
