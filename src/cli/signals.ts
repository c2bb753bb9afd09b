// Ctrl+C and its kin: the first one asks to stop, the second one stops at once. Knows signals and exit codes.

export interface Interruption {
  readonly signal: AbortSignal;
  /** Called at the first signal with its name. */
  onFirst(listener: (name: string) => void): void;
  /** 128 and the number of the signal that asked to stop, as shells count. */
  exitCode(): number;
  /** Ends the process by the signal that asked to stop, whatever is still busy. */
  endNow(): void;
  dispose(): void;
}

const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
const echoMilliseconds = 300;
type SignalName = keyof typeof numbers;

/**
 * `inNative`: the second one ends the process even while native code is busy, for which process.exit would wait; it then
 * ends by the signal itself.
 */
export function interruption({ inNative = false }: { readonly inNative?: boolean } = {}): Interruption {
  const abort = new AbortController();
  let received: SignalName | null = null;
  let receivedAt = 0;
  let tell: (name: string) => void = () => {};
  const handle = (name: SignalName): void => {
    if (received !== null) {
      // Under npm one Ctrl+C arrives twice: from the terminal and passed on by npm.
      if (performance.now() - receivedAt <= echoMilliseconds) return;
      if (inNative) dispose();
      if (inNative) endBySignal(name);
      else process.exit(128 + numbers[name]);
      return;
    }
    received = name;
    receivedAt = performance.now();
    tell(name === 'SIGINT' ? 'Ctrl+C' : name);
    abort.abort();
  };
  const names = Object.keys(numbers) as SignalName[];
  for (const name of names) process.on(name, handle);
  const dispose = (): void => {
    for (const name of names) process.off(name, handle);
  };
  return {
    signal: abort.signal,
    onFirst: (listener) => {
      tell = listener;
      if (received !== null) listener(received);
    },
    exitCode: () => 128 + (received === null ? 0 : numbers[received]),
    endNow: () => {
      dispose();
      endBySignal(received ?? 'SIGTERM');
    },
    dispose,
  };
}

/** Of a verb that stops because a person has rows to fill in. */
export const waitingCode = 3;

/** What is said at the first signal where calls that cost money may be under way; `rest` says what is kept. */
export const waitingForCalls = (name: string, rest: string): string =>
  `${name}: waiting for the calls under way, which are paid. ${rest} Again to stop at once.`;

const endBySignal = (name: SignalName): void => void process.kill(process.pid, name);

/**
 * Runs `work` with a signal that the first Ctrl+C aborts. Returns 0, or the code of the signal that stopped it,
 * after `stopped` had its say; other errors are thrown.
 */
export async function stoppable(
  work: (signal: AbortSignal) => Promise<void>,
  stopped: (name: string) => void,
): Promise<number> {
  const asked = interruption();
  asked.onFirst(stopped);
  try {
    await work(asked.signal);
    return asked.signal.aborted ? asked.exitCode() : 0;
  } catch (error) {
    if (asked.signal.aborted) return asked.exitCode();
    throw error;
  } finally {
    asked.dispose();
  }
}
