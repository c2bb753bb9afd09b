import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { availableMemory } from './available-memory.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'whetstone-memory-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = async (files: Record<string, string>): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
};
const meminfo = 'MemTotal:       9000 kB\nMemAvailable:   8000 kB\n';

it('is MemAvailable without control groups', async () => {
  await write({ 'proc/meminfo': meminfo });
  expect(await availableMemory(root)).toEqual({ bytes: 8000 * 1024, limitedBy: 'this machine' });
});

it('honours the tightest enclosing v2 group and counts file cache as free', async () => {
  await write({
    'proc/meminfo': meminfo,
    'proc/self/cgroup': '0::/user/job\n',
    'sys/fs/cgroup/user/job/memory.max': 'max\n',
    'sys/fs/cgroup/user/job/memory.current': '900000\n',
    'sys/fs/cgroup/user/memory.max': '1000000\n',
    'sys/fs/cgroup/user/memory.current': '950000\n',
    'sys/fs/cgroup/user/memory.stat': 'anon 1\nactive_file 20000\ninactive_file 100000\n',
  });
  expect(await availableMemory(root)).toEqual({ bytes: 170000, limitedBy: 'the control group /user' });
});

it('finds the limit of a container that sees only its own group', async () => {
  await write({
    'proc/meminfo': meminfo,
    'proc/self/cgroup': '0::/docker/abcdef\n',
    'sys/fs/cgroup/memory.max': '5000',
    'sys/fs/cgroup/memory.current': '6000',
  });
  expect(await availableMemory(root)).toEqual({ bytes: 0, limitedBy: 'the control group /' });
});

it('reads v1 groups and takes their "no limit" as none', async () => {
  const base = {
    'proc/meminfo': meminfo,
    'proc/self/cgroup': '5:cpu,cpuacct:/x\n9:memory:/job\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '10',
    'sys/fs/cgroup/memory/job/memory.usage_in_bytes': '1000',
    'sys/fs/cgroup/memory/job/memory.stat': 'total_inactive_file 50\n',
  };
  await write({ ...base, 'sys/fs/cgroup/memory/job/memory.limit_in_bytes': '3000' });
  expect((await availableMemory(root)).bytes).toBe(2050);
  await write({ 'sys/fs/cgroup/memory/job/memory.limit_in_bytes': '9223372036854771712' });
  expect((await availableMemory(root)).limitedBy).toBe('this machine');
});
