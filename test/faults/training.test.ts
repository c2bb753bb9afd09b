// Verbs that train, on a disk that fails.
import { beforeAll } from 'vitest';
import { itKeeps } from './every-file.ts';
import { train, trainingVerbs } from './verbs.ts';

beforeAll(() => train());
itKeeps(trainingVerbs);
