// How the engine on PyTorch is named in settings.

/** `torch`, which is started here, or `torch://HOST:PORT` of a worker that runs. */
export const isTorch = (engine: string): boolean => engine === 'torch' || engine.startsWith('torch://');
