// Verbs that write rows, on a disk that fails.
import { beforeAll } from 'vitest';
import { itKeeps } from './every-file.ts';
import { rowVerbs, writeJudge } from './verbs.ts';

beforeAll(writeJudge);
itKeeps(rowVerbs);
