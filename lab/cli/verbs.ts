// The verbs of the lab, for the program that has them beside its own: demo, world and reproduce.
import type { OtherVerb } from '../../src/cli/program.ts';
import type { WorkerCommand } from '../reproduction/index.ts';
import { demoVerb, runDemo } from './demo.ts';
import { reproduceVerb, runReproduce, workerCommand } from './reproduce.ts';
import { worldCommand } from './world.ts';

/** `worker` tells how to start this program again, for experiments in several processes. */
export const labVerbs = (worker?: WorkerCommand): readonly OtherVerb[] => [
  { command: (make) => make(demoVerb, runDemo) },
  { command: worldCommand },
  {
    command: (make) =>
      make(reproduceVerb, (given, context) => runReproduce(given, { ...context, ...(worker && { worker }) })),
  },
  { command: workerCommand, hidden: true },
];
