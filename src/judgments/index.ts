// Judged triplets: reading, checking, converting, and turning them into examples.
export { isPraise, labelOf, labelReason, SATISFACTORY_SCORE, withSource, wordsOf } from './triplet.ts';
export type { GivenTriplet, Label, LabelReason, Triplet, TripletSource } from './triplet.ts';
export { describeProblem } from '../rows/problems.ts';
export type { RowProblem } from '../rows/problems.ts';
export { openTriplets, readTriplets } from './read.ts';
export type { OpenTriplets, ReadOptions, ReadRow, TripletFile } from './read.ts';
export { FORMATS } from '../rows/input-file.ts';
export type { Format } from '../rows/input-file.ts';
export {
  asLeftOut,
  isSound,
  readSoundTriplets,
  requireSound,
  rowsIn,
  separateSound,
  writeLeftOut,
} from './sound.ts';
export type { LeftOut, SoundOptions, SoundTriplets } from './sound.ts';
export { LAYOUTS } from './layouts/index.ts';
export type { Draft, Layout } from './layouts/index.ts';
export { buildExamples, contrastRoles, encodeLabelled, tokenLengths } from './examples.ts';
export type { Example, Examples, ExampleSettings, ExampleSummary } from './examples.ts';
export { preferencePairs } from './pairs.ts';
export { downsampleSatisfactory, keptAfterDownsampling } from './downsample.ts';
export { epochOrder } from './order.ts';
export type { OrderSettings } from './order.ts';
export { createRandom, randomFromState, shuffle } from '../random.ts';
export type { Random } from '../random.ts';
export { checkFile, checkTriplets, measureTriplet, unreadableRow } from './check.ts';
export type { CheckOptions, DataReport, Measured, TokenReport } from './check.ts';
export { FINDING_TITLES, SEVERITIES, suspicionFinder } from './findings.ts';
export { repairRow, repairTriplet } from './repairs.ts';
export type { Repaired } from './repairs.ts';
export type { Finding, FindingCode, Severity } from './findings.ts';
export type { Spread, TokenLengths } from './lengths.ts';
export { formatReport, reportToJson } from './report.ts';
export type { ReportStyle } from './report.ts';
export { canonicalRow, writeRows, writeTriplets } from './write.ts';
export { chatLayoutOf, nextMessages, readChats, unjudgedRows } from './chats.ts';
export type { Chat, ChatFile } from './chats.ts';
export type { WriteOptions } from './write.ts';
