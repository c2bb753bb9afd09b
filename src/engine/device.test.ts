// Devices: what is not there is refused with what to do; what is asked for reaches the engine; `auto` says what it took.
import { expect, it } from 'vitest';
import { modelDir } from '../../test/golden/golden.ts';
import { failureOf } from '../models/model-files.test-helper.ts';
import { devices, findDevice, problemOf } from './device.ts';
import { openEngine } from './onnx-engine.ts';
import { computeOf, openWeights } from './open-weights.ts';

const foreign = process.platform === 'darwin' ? 'dml' : 'coreml';

it('refuses a device of another system, and says what there is', async () => {
  const error = await failureOf(() => openEngine({ modelDir: modelDir('llama3'), device: foreign }));
  expect(error).toMatchObject({ code: 'ENGINE_DEVICE' });
  expect(error.message).toContain(`the device ${foreign} cannot be used here: `);
  expect(error.message).toMatch(/The device auto takes what there is; cpu works everywhere/);
});

it('refuses a name that is no device before anything is read', async () => {
  const error = await failureOf(() => openEngine({ modelDir: 'nowhere', device: 'tpu' as never }));
  expect(error.message).toContain('cpu, webgpu, cuda, coreml, dml');
});

it('takes the fastest that is there, says which, and why not the others', async () => {
  const { device, notes } = await findDevice('auto');
  expect(await problemOf(device)).toBeNull();
  const text = notes.map((note) => note.text).join(' ');
  expect(text).toContain(`Computes on the device ${device}.`);
  for (const passed of devices.slice(0, devices.indexOf(device))) expect(text).toContain(`${passed}: `);
});

it('knows that the CPU computes', async () => {
  expect(await problemOf('cpu')).toBeNull();
});

it('passes what a model is computed with on to the engine, and leaves out what is null', async () => {
  const given: unknown[] = [];
  const settings = { ...computeOf({ threads: 3, device: 'auto', lambda: 1 } as never), model: 'm' };
  const openEngine = (options: unknown): never => {
    given.push(options);
    throw new Error('opened');
  };
  await expect(openWeights({ ...settings, openEngine })).rejects.toThrow('opened');
  await expect(openWeights({ model: 'm', threads: null, openEngine })).rejects.toThrow('opened');
  expect(given).toMatchObject([{ threads: 3, device: 'auto' }, { modelDir: 'm' }]);
  expect(given[0]).not.toHaveProperty('lambda');
  expect(given[1]).not.toHaveProperty('threads', null);
});
