import { join } from 'node:path';
import { expect, it } from 'vitest';
import { format, resolveConfig } from 'prettier';
import { settingsPage } from './settings-page.ts';

const file = join(import.meta.dirname, '..', '..', 'docs', 'settings.md');

it('docs/settings.md is what the tables say; "npm run docs:settings" makes it anew', async () => {
  const page = await format(settingsPage(), { ...(await resolveConfig(file)), parser: 'markdown' });
  await expect(page).toMatchFileSnapshot(file);
});
