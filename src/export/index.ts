// Models and adapters for other programs.
export { exportAdapter, exportModel } from './gguf.ts';
export type { Exported, ExportOptions } from './gguf.ts';
export type { GgufDType } from './gguf-file.ts';
