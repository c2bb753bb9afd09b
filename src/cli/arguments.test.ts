import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { readArguments } from './arguments.ts';

const program = new Command('program').option('-V, --version');
program
  .addCommand(
    new Command('run')
      .option('--lora_r <N>')
      .option('--adapter <[NAME=]DIR>')
      .option('--overwrite [true|false]')
      .option('--resume')
      .option('--text <TEXT>'),
  )
  .addCommand(new Command('data').addCommand(new Command('check').option('--lora_r <N>')));

const read = (line: string): string => {
  const { args, literal, manner } = readArguments(program, line.split(' '));
  const manners = Object.entries(manner).flatMap(([name, on]) => (on ? [`+${name}`] : []));
  return [...args, ...(literal.length > 0 ? ['|', ...literal] : []), ...manners].join(' ');
};

describe('a command line', () => {
  it.each([
    ['run a --lora-r 4', 'run a --lora_r 4'],
    ['run --lora-r=4', 'run --lora_r=4'],
    ['data check --lora-r 4', 'data check --lora_r 4'],
    // Not a flag of this verb: as it stands.
    ['data check --some-thing', 'data check --some-thing'],
    ['run --adapter a=x --adapter b', 'run --adapter a=x --adapter b'],
  ])('has one spelling of flags: %s', (line, expected) => expect(read(line)).toBe(expected));

  it.each([
    ['run a --json', 'run a +json'],
    ['--quiet run a', 'run a +quiet'],
    ['run --quiet a --json', 'run a +quiet +json'],
    ['data --json check', 'data check +json'],
    // A value that looks like them is a value.
    ['run --text --json', 'run --text --json'],
    ['run --text=--json --quiet', 'run --text=--json +quiet'],
    ['run --json=1', 'run --json=1'],
  ])('says how to speak: %s', (line, expected) => expect(read(line)).toBe(expected));

  it.each([
    ['run --overwrite a', 'run --overwrite=true a'],
    ['run --overwrite false a', 'run --overwrite false a'],
    ['run --overwrite', 'run --overwrite=true'],
    ['run --resume a', 'run --resume a'],
  ])('has switches that do not swallow what follows: %s', (line, expected) =>
    expect(read(line)).toBe(expected),
  );

  it.each([
    ['run -- --json --lora-r', 'run | --json --lora-r'],
    ['run --json -- -- a', 'run | -- a +json'],
    ['run --text -- a', 'run --text -- a'],
  ])('ends at --: %s', (line, expected) => expect(read(line)).toBe(expected));

  it('has an empty value where one is missing', () => {
    expect(readArguments(program, ['run', '--lora-r']).args).toEqual(['run', '--lora_r', '']);
  });
});
