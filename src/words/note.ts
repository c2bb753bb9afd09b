// What a person should know and what stops nothing: a code that tells notes apart, and a sentence. Knows no layer.

/** Every kind of note. Callers compare codes; texts may change. */
export type NoteCode =
  | 'NOTHING_TO_RESUME'
  | 'RUN_MOVED_ASIDE'
  | 'LOCK_TAKEN_OVER'
  | 'LOCK_WATCHED'
  | 'OTHER_VERSION'
  | 'OTHER_THREADS'
  | 'OTHER_DEVICE'
  | 'OTHER_ENGINE'
  | 'OTHER_JUDGE'
  | 'OTHER_TEMPLATE'
  | 'CHECKPOINT_DAMAGED'
  | 'JOURNAL_REPAIRED'
  | 'ANSWERS_LOST'
  | 'ADAPTER_OF_RUN'
  | 'OWN_LM_HEAD'
  | 'SHORT_POSITIONS'
  | 'NO_WINDOW'
  | 'DEVICE'
  | 'ENGINE_TORCH'
  | 'HALF_ON_CPU'
  | 'CONVERTED'
  | 'QUANTIZED'
  | 'ARITHMETIC'
  | 'QUANTIZED_ACTIVATIONS'
  | 'DEQUANTIZED'
  | 'MEMORY_CONTEXT'
  | 'UNUSED_WEIGHTS'
  | 'FUSED_PROJECTIONS'
  | 'HUB_COMMIT'
  | 'HUB_DOWNLOAD'
  | 'WARMUP_TOO_LONG'
  | 'NO_MARKS'
  | 'ANSWERS_RETAINED'
  | 'REVISIONS_WRITTEN'
  | 'DOUBLE_INSTRUCTIONS'
  | 'SHARED_INSTRUCTIONS'
  | 'LONG_INSTRUCTIONS'
  | 'LONG_ROWS'
  | 'SUSPICIOUS_JUDGMENT'
  | 'JUDGE_REMARK'
  | 'WAITING'
  | 'RETRYING'
  | 'USAGE_ESTIMATED'
  | 'REPLY_CUT'
  | 'JUDGE_UNTRUSTED'
  | 'SAMPLING_DEFAULTS'
  | 'TASK_REMARK'
  | 'CARD_KEPT';

export interface Note {
  readonly code: NoteCode;
  /** A sentence, or a line. */
  readonly text: string;
}

export const note = (code: NoteCode, text: string): Note => ({ code, text });
