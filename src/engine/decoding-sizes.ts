// Sizes of decoding runs: how many prompts are read at once, how long a piece of one is, and how much room the cache has.
import type { DecoderConfig } from '../models/index.ts';
import { isNarrow } from './arrangement.ts';

/** Prompts of narrow models are read so many at a time, padded to a multiple of so many tokens. */
export const narrowPrompts = { rows: 16, tokens: 16 } as const;

/** Longest piece of a prompt that one run reads. */
export const pieceLength = 512;

/** Slots grow by so many tokens; a multiple of what the softmax kernel takes at a time. */
const roomStep = 64;

/** What a cache begins with. */
export const firstRoom: number = roomStep;

/** Prompts that one run reads. */
export const promptRows = (config: DecoderConfig): number => (isNarrow(config) ? narrowPrompts.rows : 1);

/** Tokens that a slot must have room for, where the longest sequence will have so many. */
export const neededRoom = (tokens: number): number => roundUp(tokens, roomStep);

/** Tokens that it gets where it must grow: one that is a little too long saves moving it. */
export const grownRoom = (needed: number): number => roundUp(Math.ceil(1.25 * needed), roomStep);

/** What a slot has room for in the end, after a prompt of so many tokens that becomes a sequence of so many. */
export function finalRoom(promptTokens: number, tokens: number): number {
  const ofPrompt = neededRoom(promptTokens + 1);
  let room = ofPrompt > firstRoom ? grownRoom(ofPrompt) : firstRoom;
  // A prompt gets its room at once, a response step by step.
  while (room < neededRoom(tokens)) room = grownRoom(room + roomStep);
  return room;
}

export const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;
