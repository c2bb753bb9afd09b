// TensorBoard's event files.
export { openEventLog } from './event-log.ts';
export type { EventLog } from './event-log.ts';
export type { Scalars } from './events.ts';
